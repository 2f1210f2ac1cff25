"""How many entries of which kind are in each bucket of event time."""

from __future__ import annotations

from streamproc.join.store.codec import KINDS, NUMBERS, Counts
from streamproc.join.store.entries import Early, Entry, Waiting
from streamproc.join.store.protocol import Dropped


class Buckets:
    """Counts, so that a bucket of millions can be dropped without being read."""

    def __init__(self, bucket_ms: int, counts: dict[int, Counts]) -> None:
        self._bucket_ms, self.counts = bucket_ms, counts
        self._end_of_first = self._first_end()

    def add(self, number: int, entry: Entry) -> None:
        """An entry comes into a bucket."""
        counts = self.counts.get(number)
        if counts is None:
            counts = self.counts[number] = [0] * len(KINDS)
            self._end_of_first = self._first_end()
        counts[NUMBERS[type(entry)]] += 1

    def remove(self, number: int, entry: Entry) -> None:
        """An entry leaves a bucket that is there."""
        self.counts[number][NUMBERS[type(entry)]] -= 1

    def drop_before(self, time: int) -> tuple[list[int], Dropped]:
        """The numbers of the buckets that end at or before `time` (epoch ms), now gone, and what was in them."""
        if time < self._end_of_first:
            return [], Dropped(0, 0)
        gone = [number for number in self.counts if (number + 1) * self._bucket_ms <= time]
        counts = [self.counts.pop(number) for number in gone]
        self._end_of_first = self._first_end()
        return gone, Dropped(sum(c[NUMBERS[Waiting]] for c in counts), sum(c[NUMBERS[Early]] for c in counts))

    def __len__(self) -> int:
        return sum(map(sum, list(self.counts.values())))  # a copy: the metrics page asks from another thread

    def _first_end(self) -> int:
        """No bucket ends before this: most calls of drop_before return at once."""
        return (min(self.counts) + 1) * self._bucket_ms if self.counts else 0
