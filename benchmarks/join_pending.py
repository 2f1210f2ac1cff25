"""What an event costs the join beside N predictions that wait: the same traffic, whatever the store holds.

    python benchmarks/join_pending.py [--pending N ...] [--pairs N] [--rounds N]

The real task over RocksDB, one partition, without Kafka. N predictions wait in seven buckets of event time; then pairs
of newer ones come through (predictions of about 280 bytes, labels 500 behind, 20 models) in batches of 5,000. In the
end, labels come for some of the N, chosen at random: the way of a label that is hours late. CPU time of the process,
RocksDB's threads included; of the pairs the best of several rounds, each with ids of its own, and all N in turns.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # it is run as a script, from anywhere

from benchmarks.join_state import waiting
from benchmarks.stages import START, Batches, Kept, by_topic, in_batches, seconds
from benchmarks.traffic import ADWIN, Maker, configuration
from streamproc.config.load import from_mapping
from streamproc.disk.directory import StateDirectory
from streamproc.join.inputs import source_topics
from streamproc.join.stage import JoinStage, JoinTask
from streamproc.join.store.protocol import Kept as KeptPlace
from streamproc.replay.memory import MemoryRecord

BUCKET_MS = 600_000
FILLED = 7
"""Buckets of an eighth of the label TTL each; the traffic comes in the next one."""
LATE = 50_000
SETTLED = 20_000


def fill(task: JoinTask, maker: Maker, pending: int) -> None:
    """Predictions that wait, straight into the store."""
    store = task.joiner.store
    for n in range(pending):
        name, entry = waiting(maker, n, START + n * FILLED * BUCKET_MS // pending)
        store.put(name, entry, None)
        if store.unsettled >= SETTLED:
            store.settle(KeptPlace({}, (0, 0, 0)))
    store.settle(KeptPlace({}, (0, 0, 0)))


class Traffic:
    """Records of one partition, with the offsets that follow each other."""

    def __init__(self, topics: tuple[str, str], maker: Maker) -> None:
        self._predictions, self._labels = topics
        self._maker = maker
        self._offsets = dict.fromkeys(topics, 0)

    def pairs(self, first: int, count: int, start: int) -> Batches:
        """Predictions of these numbers and their labels, in the order of a consumer that gets both topics."""
        made = [
            self._label(first + n, start + n) if is_label else self._prediction(first + n, start + n)
            for n, is_label, _ in self._maker.events(count)
        ]
        return by_topic(made, self._offsets)

    def late(self, numbers: list[int], time: int) -> Batches:
        """Labels of these predictions."""
        return in_batches(self._labels, [self._label(n, time) for n in numbers])

    def _prediction(self, n: int, time: int) -> MemoryRecord:
        key = self._maker.key(n)
        return self._record(self._predictions, self._maker.prediction(n, key, time), key, time)

    def _label(self, n: int, time: int) -> MemoryRecord:
        key = self._maker.key(n)
        return self._record(self._labels, self._maker.label(n, key, time), key, time)

    def _record(self, topic: str, value: bytes, key: bytes, time: int) -> MemoryRecord:
        offset = self._offsets[topic]
        self._offsets[topic] += 1
        return MemoryRecord(topic, 0, offset, value, key, time)


class Standing:
    """A task with so many predictions that wait, and what an event costs beside them."""

    def __init__(self, pending: int, pairs: int, rounds: int, directory: Path) -> None:
        """Fills the store."""
        written = configuration("localhost:1", ADWIN, "pending", join={"label_ttl": f"{8 * BUCKET_MS}ms"})
        written["topics"]["partitions"] = 1
        config = from_mapping(written)
        self._disks = StateDirectory(directory, "pending", "0", "")
        task = JoinStage(config, 1, self._disks).task(0)
        if not isinstance(task, JoinTask):
            raise TypeError(task)
        task.resume({})
        self.pending = pending
        self._task, self._pairs, self._rounds = task, pairs, rounds
        maker, self._out = Maker(pairs, START), Kept(config.topics.journal)
        self._traffic = Traffic(source_topics(config), maker)
        fill(task, maker, pending)

    def pairs(self, number: int) -> float:
        """Seconds an event, in the round of this number."""
        batches = self._traffic.pairs(self.pending + number * self._pairs, self._pairs, self._time(number))
        return self._seconds(batches, self._pairs) / 2

    def late(self) -> float:
        """Seconds a label."""
        numbers = random.Random(5).sample(range(self.pending), min(LATE, self.pending))  # noqa: S311 - no secrets
        return self._seconds(self._traffic.late(numbers, self._time(self._rounds)), len(numbers))

    def close(self) -> None:
        """Let go of the disk."""
        self._task.close()
        self._disks.close()

    def _time(self, number: int) -> int:
        return START + FILLED * BUCKET_MS + number * BUCKET_MS // (self._rounds + 1)

    def _seconds(self, batches: Batches, outcomes: int) -> float:
        self._out.records.clear()
        spent = seconds(self._task, batches, self._out)
        if len(self._out.records) != outcomes:
            raise RuntimeError(f"{len(self._out.records):,} outcomes instead of {outcomes:,}")
        return spent / outcomes


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pending", type=int, nargs="+", default=[10_000, 100_000, 1_000_000, 10_000_000])
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=4)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        all_of_them = [Standing(n, given.pairs, given.rounds, Path(directory) / str(n)) for n in given.pending]
        rounds = [[each.pairs(number) for each in all_of_them] for number in range(given.rounds)]
        print(f"{'waiting':>12} {'µs an event':>12} {'µs a late label':>16}")
        for each, costs in zip(all_of_them, zip(*rounds, strict=True), strict=True):
            print(f"{each.pending:12,} {min(costs) * 1e6:12.2f} {each.late() * 1e6:16.2f}", flush=True)
            each.close()


if __name__ == "__main__":
    main()
