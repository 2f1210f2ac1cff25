"""How much of a partition may be unusable before it is stopped: pure counting."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

SLICE = 20
"""The fewest records that are taken at once, however near a limit is: one by one would be slow for nothing."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What stops a partition. A stop writes at most `SLICE` - 1 dead letters more than that."""

    max_run: int = 1000
    """So many unusable records in a row; 0: never."""
    max_share: float = 0.5
    """A larger part of the newest `window` records, once there have been so many; 1: never."""
    window: int = 2000


DEFAULT = Bounds()


class Limits:
    """Counts the records of one partition, and says when it is enough.

    The newest records are kept as lengths of stretches, good and unusable in turn: nothing is done for each of them
    while all are good.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._most = int(round(bounds.max_share * bounds.window, 6))
        """Unusable records that a full window may hold."""
        self._run = 0
        self._stretches: deque[_Stretch] = deque()
        """The oldest first; `window` records at most."""
        self._records = self._unusable = 0
        """Sums over the stretches."""

    @property
    def room(self) -> int:
        """How many records may be taken before the next look: even if all are unusable they reach a limit only then."""
        bounds = self._bounds
        rooms = [sys.maxsize]
        if bounds.max_run:
            rooms.append(bounds.max_run - self._run)
        if bounds.max_share < 1:
            rooms.append(max(self._most + 1 - self._unusable, bounds.window - self._records))
        return max(SLICE, min(rooms))

    def take(self, records: int, rejected: Sequence[int] = ()) -> str | None:
        """The next `records` of the partition, of which those at these places (ascending, from 0) are unusable.

        Returns which limit has been reached, in words, or None. Whether one was reached is decided record by record.
        """
        reached, done = None, 0
        for place in rejected:
            reached = reached or self._good(place - done) or self._bad()
            done = place + 1
        return reached or self._good(records - done)

    def _good(self, records: int) -> str | None:
        if not records:
            return None
        self._run = 0
        missing = self._bounds.window - self._records
        # The window becomes full with the unusable records of its beginning still in it.
        too_many = 0 < missing <= records and self._unusable > self._most
        self._add(records, unusable=False)
        return self._share() if too_many else None

    def _bad(self) -> str | None:
        self._run += 1
        self._add(1, unusable=True)
        if self._bounds.max_run and self._run >= self._bounds.max_run:
            return f"{self._run} unusable records in a row (dead_letters.max_run)"
        if self._records == self._bounds.window and self._unusable > self._most:
            return self._share()
        return None

    def _share(self) -> str:
        bounds = self._bounds
        return (
            f"more than {bounds.max_share:.0%} of the newest {bounds.window} records are unusable "
            "(dead_letters.max_share)"
        )

    def _add(self, records: int, *, unusable: bool) -> None:
        stretches = self._stretches
        if stretches and stretches[-1].unusable == unusable:
            stretches[-1].records += records
        else:
            stretches.append(_Stretch(unusable, records))
        self._count(records, unusable=unusable)
        while self._records > self._bounds.window:
            oldest = stretches[0]
            gone = min(self._records - self._bounds.window, oldest.records)
            oldest.records -= gone
            self._count(-gone, unusable=oldest.unusable)
            if not oldest.records:
                stretches.popleft()

    def _count(self, records: int, *, unusable: bool) -> None:
        self._records += records
        if unusable:
            self._unusable += records


@dataclass(slots=True)
class _Stretch:
    """Records of one kind, one behind the other."""

    unusable: bool
    records: int
