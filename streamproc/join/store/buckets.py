"""What is in each bucket of event time: on the disk in numbers, above it the entries themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from streamproc.join.store.codec import KINDS, NUMBERS, Counts
from streamproc.join.store.entries import Early, Entry, Waiting
from streamproc.join.store.protocol import NOTHING, Dropped


class Bucket:
    """Counts, so that a bucket of millions can be dropped without being read."""

    __slots__ = ("changed", "number", "settled")

    def __init__(self, number: int, settled: Counts) -> None:
        self.number = number
        self.settled = settled
        """Of what is on the disk, less what has been replaced since."""
        self.changed: dict[str, Entry] = {}
        """What is not on the disk yet."""

    def counts(self) -> Counts:
        """Of all that is in it."""
        changed = Counter(map(type, self.changed.values()))
        return [count + changed[kind] for count, kind in zip(self.settled, KINDS, strict=True)]


class Buckets:
    """The buckets by their numbers, of which each is so many milliseconds of event time."""

    def __init__(self, bucket_ms: int, settled: dict[int, Counts]) -> None:
        self._bucket_ms = bucket_ms
        self._buckets = {number: Bucket(number, counts) for number, counts in settled.items()}
        self._end_of_first = self._first_end()
        self.find = self._buckets.get

    def __getitem__(self, number: int) -> Bucket:
        return self._buckets[number]

    def begin(self, number: int) -> Bucket:
        """A bucket that is not there yet."""
        bucket = self._buckets[number] = Bucket(number, [0] * len(KINDS))
        self._end_of_first = self._first_end()
        return bucket

    def drop_before(self, time: int) -> tuple[list[int], Dropped]:
        """The numbers of the buckets that end at or before `time` (epoch ms), now gone, and what was in them."""
        if time < self._end_of_first:
            return [], NOTHING
        gone = [number for number in self._buckets if (number + 1) * self._bucket_ms <= time]
        counts = [self._buckets.pop(number).counts() for number in gone]
        self._end_of_first = self._first_end()
        return gone, Dropped(sum(c[NUMBERS[Waiting]] for c in counts), sum(c[NUMBERS[Early]] for c in counts))

    @property
    def changed(self) -> int:
        """Entries that are not on the disk yet."""
        return sum(len(bucket.changed) for bucket in self)

    def __iter__(self) -> Iterator[Bucket]:
        return iter(list(self._buckets.values()))  # a copy: the metrics page asks from another thread

    def __len__(self) -> int:
        return sum(sum(bucket.settled) + len(bucket.changed) for bucket in self)

    def _first_end(self) -> int:
        """No bucket ends before this: most calls of drop_before return at once."""
        return (min(self._buckets) + 1) * self._bucket_ms if self._buckets else 0
