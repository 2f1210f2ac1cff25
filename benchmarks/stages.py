"""What the join and the monitor cost by themselves: µs an event, without Kafka.

    python benchmarks/stages.py [--pairs N] [--rounds N]

The pairs of the comparison (predictions of about 280 bytes, labels 500 behind, 20 models) go through the real tasks in
batches of 5,000, one partition; after each batch the join settles, as after a commit. The monitor then takes what the
join wrote. It is the process's CPU time, RocksDB's threads included; the best of several rounds, each with tasks and a
disk of its own.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # it is run as a script, from anywhere

from benchmarks.traffic import ADWIN, Maker, configuration
from streamproc.config.load import from_mapping
from streamproc.config.pipeline import Config
from streamproc.disk.directory import StateDirectory
from streamproc.errors import BadRecord
from streamproc.join.inputs import source_topics
from streamproc.join.stage import JoinStage
from streamproc.monitor.stage import MonitorStage
from streamproc.replay.memory import MemoryRecord
from streamproc.stage import Record, Task

BATCH = 5_000
START = 1_767_225_600_000
Batches = list[tuple[str, list[Record]]]


class Kept:
    """Outputs to the journal, as the monitor reads them; others are thrown away."""

    def __init__(self, journal: str) -> None:
        self._journal = journal
        self.records: list[Record] = []

    def send(self, topic: str, value: bytes, key: bytes | None = None, **_: Any) -> None:
        """Keep it."""
        if topic == self._journal:
            self.records.append(MemoryRecord(topic, 0, len(self.records), value, key, START))

    def reject(self, record: Record, error: BadRecord) -> None:
        """None should be."""
        raise error


def events(config: Config, pairs: int) -> Batches:
    """(topic, records) in the order of a consumer that gets both topics."""
    maker, (predictions, labels) = Maker(pairs, START), source_topics(config)
    made: list[Record] = []
    counts = {predictions: 0, labels: 0}
    for n, is_label, key in maker.events(pairs):
        topic, make = (labels, maker.label) if is_label else (predictions, maker.prediction)
        made.append(MemoryRecord(topic, 0, counts[topic], make(n, key), key, START + n))
        counts[topic] += 1
    return by_topic(made, counts)


def by_topic(records: Sequence[Record], topics: Iterable[str]) -> Batches:
    """In batches, each of them apart by topic."""
    batches: Batches = []
    for first in range(0, len(records), BATCH):
        batch = records[first : first + BATCH]
        batches += [(topic, [r for r in batch if r.topic() == topic]) for topic in topics]
    return [(topic, batch) for topic, batch in batches if batch]


def seconds(task: Task, batches: Batches, out: Kept) -> float:
    """CPU of the whole way through a task."""
    positions: dict[str, int] = {}
    gc.collect()
    gc.disable()
    began = time.process_time()
    for topic, batch in batches:
        task.process(topic, batch, out)
        positions[topic] = batch[-1].offset() + 1
        task.committed(positions)
    spent = time.process_time() - began
    gc.enable()
    return spent


def in_batches(topic: str, records: Sequence[Record]) -> Batches:
    """As a consumer gets them."""
    return [(topic, list(records[first : first + BATCH])) for first in range(0, len(records), BATCH)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    written = configuration("localhost:1", ADWIN, "stages")
    written["topics"]["partitions"] = 1
    config = from_mapping(written)
    batches, journal = events(config, given.pairs), config.topics.journal
    count = 2 * given.pairs
    best: dict[str, float] = {}
    for _ in range(given.rounds):
        with tempfile.TemporaryDirectory() as directory:
            disks = StateDirectory(Path(directory), "stages", "0", "")
            for what, stage in (
                ("join in memory, an event", JoinStage(config, 1)),
                ("join over RocksDB, an event", JoinStage(config, 1, disks)),
            ):
                task, out = stage.task(0), Kept(journal)
                task.resume({})
                best[what] = min(best.get(what, 1e9), seconds(task, batches, out) / count)
                task.close()
            disks.close()
        monitor, said = MonitorStage(config, 1).task(0), Kept(journal)
        monitor.wake(START, said)  # which configuration decides: without it nothing is decided
        monitor.process(journal, said.records, Kept(""))
        spent = seconds(monitor, in_batches(journal, out.records), Kept(""))
        best["monitor, an outcome"] = min(best.get("monitor, an outcome", 1e9), spent / len(out.records))
        monitor.close()
    for what, cost in best.items():
        print(f"{what:30} {cost * 1e6:6.2f} µs CPU")


if __name__ == "__main__":
    main()
