"""Which buckets of the disk may have an id: most that are looked for are in none, and the disk need not be asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rbloom import Bloom

FALSE_SHARE = 0.01
"""Of the ids that are not there, so many are looked for in vain; it takes about 10 bits an id."""
FIRST = 16_384
"""Ids that the first filter of all has room for."""
GROWTH = 4
"""A bucket's next filter has so many times the room of the one before: a few look after millions."""
SLACK = 1.25
"""A new bucket gets room for so many times what the fullest one holds."""


@dataclass(slots=True)
class _Bucket:
    filters: list[Bloom]
    room: int
    """Of the last filter, in ids."""
    left: int
    """Of that room."""
    count: int = 0
    """Ids in all filters."""


class Filters:
    """Bloom filters by bucket. A bucket without any, of an earlier life of the process, may have every id."""

    def __init__(self) -> None:
        self._buckets: dict[int, _Bucket] = {}

    def begin(self, number: int) -> None:
        """This bucket is new and empty."""
        fullest = max((bucket.count for bucket in self._buckets.values()), default=0)
        room = max(FIRST, int(SLACK * fullest))
        self._buckets[number] = _Bucket([Bloom(room, FALSE_SHARE)], room, room)

    def add(self, number: int, ids: Sequence[str]) -> None:
        """The bucket has these from now on; what was removed from it may be found for ever."""
        bucket = self._buckets.get(number)
        if bucket is None:
            return
        if len(ids) > bucket.left:
            bucket.room = bucket.left = max(GROWTH * bucket.room, len(ids))
            bucket.filters.append(Bloom(bucket.room, FALSE_SHARE))
        bucket.filters[-1].update(ids)
        bucket.left -= len(ids)
        bucket.count += len(ids)

    def drop(self, numbers: Iterable[int]) -> None:
        """These buckets are gone."""
        for number in numbers:
            self._buckets.pop(number, None)

    def may_have(self, number: int, ids: Sequence[str]) -> Sequence[str]:
        """Those of the ids that may be in the bucket, in their order; none that is there is left out."""
        bucket = self._buckets.get(number)
        if bucket is None:
            return ids
        if len(bucket.filters) == 1:
            (only,) = bucket.filters
            return [name for name in ids if name in only]
        return [name for name in ids if any(name in one for one in bucket.filters)]
