"""What the retrain worker adds: from a trigger in Kafka to the running function, and from the journal to a file.

    python benchmarks/worker.py [--quick] [--bootstrap SERVERS] [--extraction-only]
    STREAMPROC_AT=DIRECTORY python benchmarks/worker.py --extraction-only    # of another version of streamproc

Dispatch is measured with a real worker's process on a real Kafka: from `produce` of a trigger until the process of its
job is there (the kernel says when it began, to 10 ms), and until the user's function is called, with a window of 100
rows. In between lie the fetch of the trigger, the transaction with `started`, and its way back: a job begins only when
the log says so. Before it, the worker's own share: from `ProcessExecutor.start` on, without Kafka.

Extraction goes from journal records in memory to a Parquet file: records of ten features, one in a hundred revised. Its
three readings of the journal are in the time; Kafka's own speed is not. It is the process's CPU time, which other
programs disturb less; dispatch is wall-clock time. Medians of several rounds; the first ones of a process (imports, a
new broker) are left out.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # it is run as a script, from anywhere
if other := os.environ.get("STREAMPROC_AT"):
    sys.path.insert(0, other)

from benchmarks.dispatch import measure
from streamproc.config.retrain import Gate
from streamproc.events.trigger import DataWindow, JournalPosition, Trigger
from streamproc.kafka.broker import EmbeddedBroker
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
WARM_UP_ROUNDS = 3
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
    for _ in range(rounds + 1):
        with tempfile.TemporaryFile() as file:
            began = time.process_time()
            known = survey(lambda: values, "m", rows)
            WRITERS[form](stream(lambda: values, "m", known), known.shape, file)
            speeds.append(rows / (time.process_time() - began))
    return speeds[1:]


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
        gate=Gate(condition="challenger.accuracy >= 0", min_rows=1, confidence=None),
        time_limit=60_000,
    )


def tell(what: str, delays: list[float]) -> None:
    """One line."""
    print(f"{what:32} p50 {statistics.median(delays):7.1f} ms   max {max(delays):7.1f} ms")


def dispatches(rounds: int, bootstrap: str | None) -> None:
    """Both kinds of dispatch."""
    there, called = dispatch(rounds)
    tell("worker's decision -> process", there)
    tell("worker's decision -> function", called)
    with contextlib.ExitStack() as stack:
        servers = bootstrap or stack.enter_context(EmbeddedBroker()).bootstrap_servers
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        delays = measure(servers, WARM_UP_ROUNDS + rounds, Path(directory))[WARM_UP_ROUNDS:]
    tell("trigger written -> acknowledged", [delay.acknowledged for delay in delays])
    tell("trigger written -> process", [delay.process for delay in delays])
    tell("trigger written -> function", [delay.function for delay in delays])
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and rows")
    parser.add_argument("--bootstrap", help="use this Kafka instead of an embedded one; topics are left there")
    parser.add_argument("--extraction-only", action="store_true")
    given = parser.parse_args()
    quick = given.quick
    os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parent.parent)
    if not given.extraction_only:
        dispatches(5 if quick else 20, given.bootstrap)
    rows = 40_000 if quick else 200_000
    for form in ("parquet", "csv", "jsonl"):
        speeds = extraction(rows, 3, form)
        print(f"{rows:,} rows to {form:8} p50 {statistics.median(speeds):9,.0f} rows/s   best {max(speeds):9,.0f}")


if __name__ == "__main__":
    main()
