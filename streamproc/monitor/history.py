"""Where in the journal a model's newest outcomes lie, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import accumulate
from operator import sub

from streamproc.stateful import COUNT, INTEGER, LARGEST, Kind, Plain, Stateful, fields, listed, queue, require, row

STRIDE = 64
"""Every so many outcomes one offset is kept: a window's start is known to within this many outcomes."""
PARTS = 64
"""A period's start is known to within this part of it."""

_STEPS = listed(INTEGER)


def _give_marks(marks: Sequence[int]) -> Plain:
    """Steps from offset to offset are short to write."""
    return list(map(sub, marks, [0, *marks]))


def _take_marks(plain: Plain, present: deque[int]) -> deque[int]:
    marks = list(accumulate(_STEPS.take(plain, None)))
    require(all(0 <= offset <= LARGEST for offset in marks), "not an offset")
    return deque(marks, present.maxlen)


class OutcomeHistory(Stateful):
    """Maps "the newest n outcomes" to a range of offsets."""

    FIELDS = fields(
        total=COUNT,
        _marks=Kind(_give_marks, _take_marks),
        _deployed=row(INTEGER, COUNT),
        _since=COUNT,
        _times=queue(row(INTEGER, INTEGER, COUNT)),
    )

    def __init__(self, outcomes: int, period: int = 0) -> None:
        """Remember offsets for at least so many newest outcomes, and for those of the last `period` ms."""
        self._period = period
        self._deployed = (0, 0)
        """(an offset, outcomes before it): no later than the newest deploy."""
        self._since = 0
        """Outcomes before it."""
        self._times: deque[tuple[int, int, int]] = deque()
        """(journal time, offset, outcomes before it), as far apart as a part of the period."""
        self._marks: deque[int] = deque(maxlen=outcomes // STRIDE + 2)
        """Offsets of the newest outcomes whose number is a multiple of STRIDE."""
        self.total = 0

    def add(self, offset: int, now: int = 0) -> None:
        """The next outcome; `now`, the journal's time in epoch ms, is needed with a period."""
        if self.total % STRIDE == 0:
            self._marks.append(offset)
        if self._period:
            self._mark_time(offset, now)
        self.total += 1

    def _mark_time(self, offset: int, now: int) -> None:
        times = self._times
        if not times or now >= times[-1][0] + max(1, self._period // PARTS):
            times.append((now, offset, self.total))
        while len(times) > 1 and times[1][0] <= now - self._period:
            times.popleft()

    def deployed(self) -> None:
        """A version is put in service here."""
        offset, after = self.start_of(0)
        self._deployed, self._since = (offset, self.total - after), self.total

    @property
    def since_deploy(self) -> int:
        """Outcomes since the newest deploy, or all of them."""
        return self.total - self._since

    def start_of_deploy(self) -> tuple[int, int]:
        """(offset, outcomes from there on): no later than the newest deploy."""
        offset, before = self._deployed
        return offset, self.total - before

    def start_of_period(self) -> tuple[int, int]:
        """(offset, outcomes from there on): no later than a period ago, as far as the history goes back."""
        if not self._times:
            return 0, 0
        _, offset, before = self._times[0]
        return offset, self.total - before

    def _settle(self) -> None:
        marks = -(-self.total // STRIDE)
        require(len(self._marks) == min(marks, self._marks.maxlen or 0), "not as many marks as outcomes make")
        require(len(self._times) <= (2 * PARTS if self._period else 0), "more times than a period has parts")
        require(max(self._since, self._deployed[1]) <= self.total, "a deploy after more outcomes than there are")

    def start_of(self, outcomes: int) -> tuple[int, int]:
        """(offset, outcomes from there on): the latest known offset with at least that many outcomes after it.

        With less history than that, the oldest known offset.
        """
        if not self._marks:
            return 0, 0
        newest = (self.total - 1) % STRIDE + 1  # outcomes from the newest mark on
        back = min(max(0, -((newest - outcomes) // STRIDE)), len(self._marks) - 1)
        return self._marks[-1 - back], newest + back * STRIDE
