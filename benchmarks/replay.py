"""Replay from a file: outcomes a second through the monitor on one core.

    python benchmarks/replay.py [--outcomes N] [--models N] [--repeat N] [--profile]

Writes a journal of outcomes as JSON lines (five features, as benchmarks/pipeline.py has them) to a temporary file, and
replays it. Each row has one thing more than the one above it, so that the differences say what each costs:

- *lines*: the file's lines, nothing done with them;
- *records*: lines as records (partition, offset, time found without parsing);
- *parsed*: records, and `orjson.loads` of each: the floor of whatever looks into them;
- *monitor*: the monitor task over the records, a thousand at a time: ADWIN on the error, accuracy, one policy;
- *replay*: `JournalReplay`, as `streamproc replay` runs it;
- *replay and tally*: with the figures of the report (error curve, triggers).

CPU time of the process, the best of `--repeat` runs; the machine may be busy with other things.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import pstats
import random
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # it is run as a script, from anywhere

import orjson

from streamproc.config.load import from_mapping
from streamproc.config.pipeline import Config
from streamproc.monitor.stage import MonitorStage
from streamproc.replay.again import Again
from streamproc.replay.arms import configured
from streamproc.replay.files import journal_of
from streamproc.replay.journal import JournalReplay
from streamproc.replay.memory import MemoryOutputs, MemoryRecord
from streamproc.replay.rows import lines_of

START = 1_780_000_000_000
BATCH = 1000


def configuration(models: int) -> Config:
    """ADWIN and accuracy for each model."""
    one = {
        "detectors": {"errors": {"type": "adwin"}},
        "policies": [{"name": "p", "condition": "errors and accuracy < 0.9", "cooldown": "1h"}],
    }
    return from_mapping({"pipeline": "bench", "models": {f"model-{n}": one for n in range(models)}})


def write(file: Path, outcomes: int, models: int) -> int:
    """The journal; its size in bytes."""
    rng = random.Random(3)  # noqa: S311 - data, not secrets
    with file.open("wb") as out:
        for n in range(outcomes):
            features = {f"feature_{k}": round(rng.gauss(0, 1), 4) for k in range(5)}
            label = rng.randrange(2)
            record = {
                "kind": "outcome",
                "prediction_id": f"{n:036d}",
                "model_id": f"model-{n % models}",
                "model_version": "v1",
                "time": START + n,
                "prediction": label if rng.random() > 0.1 else 1 - label,  # noqa: PLR2004 - one in ten is wrong
                "score": round(rng.random(), 4),
                "features": features,
                "label": label,
                "label_time": START + n,
            }
            out.write(orjson.dumps(record) + b"\n")
    return file.stat().st_size


def drain(each: Iterable[object]) -> None:
    """Take all of it."""
    deque(each, maxlen=0)


def monitor(config: Config, records: Iterable[MemoryRecord]) -> None:
    """The task by itself, with its configuration in force."""
    task, out, left = MonitorStage(config, 1).task(0), MemoryOutputs(), iter(records)
    topic = config.topics.journal
    task.wake(START, out)
    for _, value, key in out.take():
        task.process(topic, [MemoryRecord(topic, 0, 0, value, key, START)], out)
    while batch := list(islice(left, BATCH)):
        task.process(topic, batch, out)


def cases(config: Config, file: Path) -> dict[str, Callable[[], None]]:
    """Each row of the table."""

    def records() -> Iterable[MemoryRecord]:
        return journal_of([file], config.topics.journal)

    return {
        "lines": lambda: drain(lines_of(file)),
        "records": lambda: drain(records()),
        "parsed": lambda: drain(orjson.loads(record.value_bytes or b"") for record in records()),
        "monitor": lambda: monitor(config, records()),
        "replay": lambda: drain(JournalReplay(config, numbered=False).run(records())),
        "replay and tally": lambda: drain(
            Again(configured("bench", config), 1, "recorded", numbered=False).run(records()).models
        ),
    }


def cpu_of(run: Callable[[], None], repeat: int) -> float:
    """Seconds of CPU, the least of so many runs."""
    found = []
    for _ in range(repeat):
        gc.collect()
        began = time.process_time()
        run()
        found.append(time.process_time() - began)
    return min(found)


def main() -> None:
    """Run it and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--outcomes", type=int, default=500_000)
    parser.add_argument("--models", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="where the time of `replay` goes, instead")
    given = parser.parse_args()
    config = configuration(given.models)
    with tempfile.TemporaryDirectory(prefix="streamproc-replay-") as directory:
        file = Path(directory) / "journal.jsonl"
        size = write(file, given.outcomes, given.models)
        print(f"{given.outcomes:,} outcomes of {given.models} models, {size / given.outcomes:.0f} bytes each")
        if given.profile:
            profile = cProfile.Profile()
            profile.runcall(cases(config, file)["replay"])
            pstats.Stats(profile).sort_stats("tottime").print_stats(15)
            return
        print(f"{'':18} {'µs an outcome':>14} {'outcomes/s':>12}")
        for name, run in cases(config, file).items():
            seconds = cpu_of(run, given.repeat)
            print(f"{name:18} {1e6 * seconds / given.outcomes:14.2f} {given.outcomes / seconds:12,.0f}", flush=True)


if __name__ == "__main__":
    main()
