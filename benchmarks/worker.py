"""What the retrain worker adds: from its decision to the running function, and from the journal to a file.

    python benchmarks/worker.py [--quick]

Dispatch is measured with real child processes, from `ProcessExecutor.start` on: until the process is there, and until
the user's function is called, with a window of 100 rows. What Kafka and the engine's loop add before is not in it.

Extraction goes from journal records in memory to a Parquet file: records of ten features, one in a hundred revised. Its
three readings of the journal are in the time; Kafka's own speed is not. It is the process's CPU time, which other
programs disturb less; dispatch is wall-clock time. Medians of several rounds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # it is run as a script, from anywhere

from streamproc.config.model import Gate
from streamproc.events.trigger import DataWindow, JournalPosition, Trigger
from streamproc.retrain.executors.process import ProcessExecutor
from streamproc.retrain.export import WRITERS
from streamproc.retrain.job import Job, Span
from streamproc.retrain.rows import stream, survey

FUNCTION = """
import pathlib, time
def train(trigger, data):
    pathlib.Path("called").write_text(repr(time.time()))
    (data.directory / "model").write_text("x")
    from streamproc.retrain.api import Challenger
    return Challenger(data.directory / "model", lambda rows: [1 for _ in rows])
"""
FEATURES = 10
REVISED = 100
"""One outcome in so many."""
CHILD = str(Path(__file__).resolve().parent.parent / "tests/unit/retrain/file_child.py")
"""Reads its rows from a file instead of Kafka."""


def record(number: int, **fields: Any) -> bytes:
    """A journal record as the join writes it."""
    return orjson.dumps(
        {
            "kind": "outcome",
            "prediction_id": f"prediction-{number:012}",
            "model_id": "m",
            "model_version": "v1",
            "time": 1_767_225_600_000 + number,
            "prediction": number % 2,
            "score": (number % 100) / 100,
            "features": {f"feature_{n}": (number * (n + 7) % 1000) / 10 for n in range(FEATURES)},
            "segments": {"country": ("at", "de", "ch")[number % 3]},
            "weight": 1.0,
            "label": number % 3 % 2,
            "label_time": 1_767_225_700_000 + number,
            **fields,
        }
    )


def journal(rows: int) -> list[bytes]:
    """So many outcomes, and a revision for one in a hundred of them."""
    values = []
    for number in range(rows):
        values.append(record(number))
        if number % REVISED == REVISED - 1:
            values.append(record(number - 50, label=1, revises=number))
    return values


def extraction(rows: int, rounds: int, form: str) -> list[float]:
    """Rows a second."""
    values, speeds = journal(rows), []
    for _ in range(rounds):
        with tempfile.TemporaryFile() as file:
            began = time.process_time()
            known = survey(lambda: values, "m", rows)
            WRITERS[form](stream(lambda: values, "m", known), known.shape, file)
            speeds.append(rows / (time.process_time() - began))
    return speeds


def dispatch(rounds: int) -> tuple[list[float], list[float]]:
    """(ms until the process is there, ms until the user's function is called)."""
    there, called = [], []
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as name:
            root = Path(name)
            (root / "user_code.py").write_text(FUNCTION)
            (root / "rows.jsonl").write_bytes(b"\n".join(record(n) for n in range(100)))
            (root / "job").mkdir()
            os.chdir(root)
            command = (sys.executable, CHILD)
            began = time.time()
            handle = ProcessExecutor(command=command).start(root / "job", job(root, number))
            there.append((time.time() - began) * 1000)
            while (result := handle.poll()) is None:
                time.sleep(0.002)
            if result.status != "deployed":
                raise SystemExit(result.reason)
            called.append((float((root / "called").read_text()) - began) * 1000)
            os.chdir("/")
    return there, called


def job(root: Path, number: int) -> Job:
    """A job with 100 rows."""
    trigger = Trigger(
        trigger_id=f"trg_{number:032x}",
        pipeline="p",
        model_id="m",
        model_version="v1",
        policy="policy",
        cause="condition",
        reason="",
        time=1_767_225_600_000,
        data=DataWindow(topic="journal", partition=0, from_offset=0, to_offset=100, outcomes=100),
        config_hash="0",
        journal=JournalPosition(partition=0, offset=99),
    )
    return Job(
        trigger=trigger,
        attempt=1,
        version=f"r-{number}",
        artifacts=str(root / "artifacts"),
        task="binary",
        positive_label=1,
        function="user_code:train",
        spans=(Span(words="", newest=100),),
        gate=Gate(condition="challenger.accuracy >= 0", min_rows=1),
        time_limit=60_000,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and rows")
    quick = parser.parse_args().quick
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parent.parent)
    there, called = dispatch(5 if quick else 20)
    print(f"dispatch to the process:  p50 {statistics.median(there):7.1f} ms   max {max(there):7.1f} ms")
    print(f"dispatch to the function: p50 {statistics.median(called):7.1f} ms   max {max(called):7.1f} ms")
    rows = 40_000 if quick else 200_000
    for form in ("parquet", "csv", "jsonl"):
        speeds = extraction(rows, 3, form)
        print(f"{rows:,} rows to {form:8} p50 {statistics.median(speeds):9,.0f} rows/s   best {max(speeds):9,.0f}")


if __name__ == "__main__":
    main()
