"""Where in the journal a model's newest outcomes lie, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import accumulate
from operator import sub

from streamproc.stateful import COUNT, INTEGER, LARGEST, Kind, Plain, Stateful, fields, listed, require

STRIDE = 64
"""Every so many outcomes one offset is kept: a window's start is known to within this many outcomes."""

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

    FIELDS = fields(total=COUNT, _marks=Kind(_give_marks, _take_marks))

    def __init__(self, outcomes: int) -> None:
        """Remember offsets for at least so many newest outcomes."""
        self._marks: deque[int] = deque(maxlen=outcomes // STRIDE + 2)
        """Offsets of the newest outcomes whose number is a multiple of STRIDE."""
        self.total = 0

    def add(self, offset: int) -> None:
        if self.total % STRIDE == 0:
            self._marks.append(offset)
        self.total += 1

    def _settle(self) -> None:
        marks = -(-self.total // STRIDE)
        require(len(self._marks) == min(marks, self._marks.maxlen or 0), "not as many marks as outcomes make")

    def start_of(self, outcomes: int) -> tuple[int, int]:
        """(offset, outcomes from there on): the latest known offset with at least that many outcomes after it.

        With less history than that, the oldest known offset.
        """
        if not self._marks:
            return 0, 0
        newest = (self.total - 1) % STRIDE + 1  # outcomes from the newest mark on
        back = min(max(0, -((newest - outcomes) // STRIDE)), len(self._marks) - 1)
        return self._marks[-1 - back], newest + back * STRIDE
