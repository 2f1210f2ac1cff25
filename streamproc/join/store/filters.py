"""Which buckets of the disk may have an id: most that are looked for are in none, and the disk need not be asked.

Nor need most be looked for in the filter of each bucket: the filter of a whole span of buckets has none of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from rbloom import Bloom

FALSE_SHARE = 0.01
"""Of the ids that are not there, so many are looked for in vain; it takes about 10 bits an id."""
FIRST = 16_384
"""Ids that the first filter of all has room for."""
GROWTH = 4
"""A bucket's next filter has so many times the room of the one before: a few look after millions."""
SLACK = 1.25
"""A new bucket or span gets room for so many times what the fullest one holds."""
SPAN = 8
"""Buckets: those of a label TTL are in two spans, or three."""


class Filter:
    """A Bloom filter that grows: one after the other, each with room for more."""

    __slots__ = ("_left", "_parts", "_room", "count")

    def __init__(self, room: int) -> None:
        self._parts = [Bloom(room, FALSE_SHARE)]
        self._room = self._left = room
        """Of the last part, in ids, and what is left of it."""
        self.count = 0
        """Ids in all parts."""

    def add(self, ids: Collection[str]) -> None:
        """It has these from now on."""
        if len(ids) > self._left:
            self._room = self._left = max(GROWTH * self._room, len(ids))
            self._parts.append(Bloom(self._room, FALSE_SHARE))
        self._parts[-1].update(ids)
        self._left -= len(ids)
        self.count += len(ids)

    def likely(self, ids: Collection[str]) -> Collection[str]:
        """Those of the ids that it may have; none that it has is left out."""
        return {name for part in self._parts for name in ids if name in part}


class Filters:
    """Filters by bucket, and by span of buckets. A bucket without any, of an earlier life, may have every id."""

    def __init__(self) -> None:
        self._buckets: dict[int, Filter] = {}
        self._spans: dict[int, Filter] = {}

    def add(self, number: int, ids: Collection[str], *, is_new: bool) -> None:
        """The bucket has these from now on; what was removed from it may be found for ever. `is_new`: it was empty."""
        if is_new:
            self._buckets[number] = _as_large_as(self._buckets)
        if number in self._buckets:
            self._buckets[number].add(ids)
            span = number // SPAN
            if span not in self._spans:
                self._spans[span] = _as_large_as(self._spans)
            self._spans[span].add(ids)

    def drop(self, numbers: Iterable[int]) -> None:
        """These buckets are gone."""
        for number in numbers:
            self._buckets.pop(number, None)
        for span in self._spans.keys() - {number // SPAN for number in self._buckets}:
            del self._spans[span]

    def likely(self, numbers: Iterable[int], ids: Collection[str]) -> Iterator[tuple[int, Collection[str]]]:
        """(bucket, those of the ids that may be in it), where there are any; none that is there is left out."""
        in_span: dict[int, Collection[str]] = {}
        for number in numbers:
            bucket = self._buckets.get(number)
            if bucket is None:
                yield number, ids
                continue
            span = number // SPAN
            if span not in in_span:
                in_span[span] = self._spans[span].likely(ids)
            if in_span[span] and (found := bucket.likely(in_span[span])):
                yield number, found


def _as_large_as(others: Mapping[int, Filter]) -> Filter:
    fullest = max((other.count for other in others.values()), default=0)
    return Filter(max(FIRST, int(SLACK * fullest)))
