"""A disk in a dictionary, which survives who wrote to it, and looks at what it is asked to do."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from streamproc.errors import StateDamaged
from streamproc.join.store.disk import Writes


class MemoryDisk:
    """Keeps what was written when it is closed."""

    def __init__(self) -> None:
        self.summary: bytes | None = None
        self.buckets: dict[int, dict[bytes, bytes]] = {}
        self.cleared: list[str] = []
        self.reads = 0

    def load(self) -> bytes | None:
        return self.summary

    def keep(self, buckets: Collection[int]) -> None:
        self.buckets = {number: bucket for number, bucket in self.buckets.items() if number in buckets}
        if self.buckets.keys() != set(buckets):
            raise StateDamaged("a bucket is missing")

    def clear(self, why: str) -> None:
        if self.summary is not None:
            self.cleared.append(why)
        self.summary = None
        self.buckets.clear()

    def get(self, bucket: int, keys: Sequence[bytes]) -> Sequence[bytes | None]:
        self.reads += 1
        return [self.buckets[bucket].get(key) for key in keys]

    def write(self, writes: Writes) -> None:
        for number, key in writes.removed:
            self.buckets[number].pop(key, None)
        for number, pairs in writes.put.items():
            self.buckets.setdefault(number, {}).update(pairs)
        for number in writes.dropped:
            del self.buckets[number]
        self.summary = writes.summary

    def close(self) -> None:
        """What was written stays."""
