"""What an outcome costs the whole monitor, by how much it watches: benchmarks/monitor.py --scale."""

from __future__ import annotations

import gc
import time
from typing import Any

import orjson

from streamproc.config.model import Model
from streamproc.config.pipeline import Config
from streamproc.monitor.stage import MonitorStage
from streamproc.replay.memory import MemoryOutputs, MemoryRecord
from streamproc.stage import Record

START = 1_780_000_000_000
BATCH = 1_000
COUNTS = (1, 100, 1_000, 10_000)
IN_A_MODEL = 100
"""Segments of one model, where there are so many: it may watch 200."""


def model(segments: int) -> Model:
    """ADWIN and accuracy, of the whole traffic or of each segment."""
    policy = {"name": "p", "condition": "errors and accuracy < 0.5", "per_segment": segments > 0}
    one: dict[str, Any] = {"detectors": {"errors": {"type": "adwin"}}, "policies": [policy]}
    return Model.model_validate(one | ({"segment_by": ["place"], "max_segments": segments} if segments else {}))


def journal(models: int, segments: int, count: int) -> list[Record]:
    """Outcomes of all models in turn, and of all segments of each."""
    made: list[Record] = []
    for n in range(count):
        of, time_ms = f"model-{n % models}", START + n
        event = {
            "kind": "outcome",
            "prediction_id": f"{n:036d}",
            "model_id": of,
            "model_version": "v1",
            "time": time_ms,
        }
        features = {"amount": n % 997 / 7, "age": n % 80, "place": f"place-{n // models % max(1, segments)}"}
        answer = {"prediction": 1, "score": 0.75, "features": features, "label": int(n % 10 > 0), "label_time": time_ms}
        made.append(MemoryRecord("journal", 0, n, orjson.dumps(event | answer), of.encode(), time_ms))
    return made


def microseconds(models: int, segments: int, rounds: int, least: int) -> float:
    """CPU µs an outcome, the best round; every model and segment has been seen before."""
    one = model(segments)
    task = MonitorStage(Config(pipeline="scale", models={f"model-{n}": one for n in range(models)}), 1).task(0)
    out = MemoryOutputs()
    task.wake(START, out)
    task.process("journal", [MemoryRecord("journal", 0, 0, v, k, START) for _, v, k in out.take()], out)
    watched = models * max(1, segments)
    count = max(least, watched)
    task.process("journal", journal(models, segments, 2 * watched), out)
    records, best = journal(models, segments, count), float("inf")
    for _ in range(rounds):
        gc.collect()
        began = time.process_time()
        for first in range(0, count, BATCH):
            task.process("journal", records[first : first + BATCH], out)
        best = min(best, time.process_time() - began)
    return best / count * 1e6


def print_scale(*, quick: bool) -> None:
    """The table."""
    rounds, least = (1, 2_000) if quick else (5, 20_000)
    counts = COUNTS[:2] if quick else COUNTS
    print(f"{'µs an outcome, by how many are watched':<38}", *(f"{n:>8,}" for n in counts))
    of_models = [microseconds(n, 0, rounds, least) for n in counts]
    print(f"{'models':<38}", *(f"{cost:8.2f}" for cost in of_models), flush=True)
    shapes = [(max(1, n // IN_A_MODEL), min(n, IN_A_MODEL)) for n in counts]
    of_segments = [microseconds(*shape, rounds, least) for shape in shapes]
    print(f"{'segments, at most 100 a model':<38}", *(f"{cost:8.2f}" for cost in of_segments), flush=True)
