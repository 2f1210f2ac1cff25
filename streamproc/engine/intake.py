"""Live records on their way to the tasks, and the brake: rubbish stops a partition, it is not drained into the bin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from streamproc.engine.limits import Bounds, Limits
from streamproc.engine.ports import Partition
from streamproc.errors import BadRecord
from streamproc.stage import Outputs, Record, Task


class Stop(NamedTuple):
    """Why and where a partition was stopped."""

    partition: Partition
    offset: int
    """The first record that was not taken."""
    limit: str
    reasons: Mapping[str, int]
    """Dead letters of the partition since counting began."""


class Intake:
    """Feeds tasks in slices that cannot go far over a limit; stops are kept as long as the process lives.

    Counting begins anew with every opening. But a partition that is opened where it was stopped, after an aborted
    transaction or a rebalance that brought it back, stays stopped: else each of those would drain some more of it.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._limits: dict[Partition, Limits] = {}
        self._reasons: dict[Partition, Counter[str]] = {}
        self.stops: dict[Partition, Stop] = {}
        """Of the partitions that are open."""
        self._settled: dict[Partition, Stop] = {}

    def open(self, positions: Mapping[Partition, int]) -> None:
        """These partitions will give their records from these offsets on."""
        self._limits = {partition: Limits(self._bounds) for partition in positions}
        self._reasons = {partition: Counter() for partition in positions}
        self.stops = {p: stop for p, stop in self._settled.items() if positions.get(p) == stop.offset}

    def feed(self, task: Task, partition: Partition, batch: Sequence[Record], out: Noting) -> int:
        """Give a task as many of its records as may be -> how many those were. Fewer than all: it was stopped."""
        limits, taken = self._limits[partition], 0
        while taken < len(batch):
            part = batch[taken : taken + limits.room]
            task.process(partition[0], part, out)
            taken += len(part)
            limit = limits.take(len(part), self._rejected(partition, part, out) if out.rejected else ())
            if limit is not None:
                self.stops[partition] = Stop(partition, part[-1].offset() + 1, limit, self._reasons[partition])
                break
        return taken

    def settle(self) -> list[Stop]:
        """The stops so far have been committed, dead letters and offsets -> those that were not settled before."""
        new = [stop for partition, stop in self.stops.items() if self._settled.get(partition) is not stop]
        self._settled |= self.stops
        return new

    def drop(self) -> None:
        """The partitions are no longer open."""
        self.stops = {}

    def _rejected(self, partition: Partition, part: Sequence[Record], out: Noting) -> list[int]:
        """The places in `part` of what was rejected of it."""
        codes = {r.offset(): code for r, code in out.rejected if (r.topic(), r.partition()) == partition}
        out.rejected.clear()
        self._reasons[partition].update(codes.values())
        return [place for place, record in enumerate(part) if record.offset() in codes]


class Noting:
    """Outputs that note what is rejected. What is sent, which is most of it, goes straight on."""

    def __init__(self, out: Outputs) -> None:
        self._reject = out.reject
        self.send = out.send
        self.rejected: list[tuple[Record, str]] = []

    def reject(self, record: Record, error: BadRecord) -> None:
        self._reject(record, error)
        self.rejected.append((record, error.code))
