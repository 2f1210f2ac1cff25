"""The window that metrics are measured over: the newest records, by count, and by event time too where that is asked.

A window has places for `size` records. A record takes the place of the oldest one, and every metric's part keeps what
it needs of the record at that place. With a `period`, records whose time is a period or more before the newest time
are taken out besides; the places bound the memory. Records that are that old when they come are passed over. Within
that, a record that comes late leaves no earlier than those that came before it.

Weights. A record counts as much as its `weight` says, 1 without one. Sums are whole numbers: weights are multiples of
2^-60, and values that are added up of small fractions too. So nothing is ever rounded away, however long the stream,
and what a sum is follows from what is in the window and from nothing else. As long as no record had another weight
than 1, each counts as the number 1, and none is kept; with the first other weight all sums are formed anew.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from streamproc.monitor.signals import LIMIT
from streamproc.stateful import COUNT, INTEGER, PARTS, Restorable, Stateful, fields, numbers, optional, require

ONE = 1 << 60
"""The weight 1 as a whole number, once there are other weights."""
BLANK = 255
"""In rings of codes: nothing is known of the record at this place."""

Record = Mapping[str, Any]
Getter = Callable[[], float | None]
Weights = Sequence[float] | None
"""By place; None as long as every record had the weight 1."""


class Part(Restorable, Protocol):
    """What one or several metrics keep of the records in the window."""

    def put(self, place: int, record: Record, unit: int, leaving: int) -> None:
        """Keep a record of weight `unit` at this place, instead of the one of weight `leaving`, if there was one."""
        ...

    def clear(self, place: int, leaving: int) -> None:
        """The record at this place is too old: keep nothing of it."""
        ...

    def recount(self, held: int, weights: Weights) -> None:
        """Form all sums from the `held` places. Raises BadState where there are fewer or more."""
        ...

    def reset(self) -> None:
        """Forget everything: the same as new."""
        ...


def unit_of(weights: Weights, place: int) -> int:
    """The weight of a place as a whole number."""
    return 1 if weights is None else int(weights[place] * ONE)


class Window(Stateful):
    """The places, their times and weights, and the parts that keep something at each."""

    __slots__ = ("_clock", "_expired", "_held", "_next", "_parts", "_period", "_puts", "_size", "_times", "_weights")

    FIELDS = fields(
        _held=COUNT,
        _next=COUNT,
        _expired=COUNT,
        _clock=INTEGER,
        _times=numbers("q"),
        _weights=optional(numbers("d")),
        _parts=PARTS,
    )

    def __init__(self, size: int, period: int | None, parts: Sequence[Part]) -> None:
        """`size` in records; `period` in ms, None for a window by count alone."""
        self._size, self._period = size, period
        self._parts = list(parts)
        self._puts = [part.put for part in parts]
        self._forget()

    def _forget(self) -> None:
        self._held = 0  # places that have been taken so far
        self._next = 0
        self._expired = 0  # of the held ones, the oldest: they were cleared
        self._clock = 0
        self._times = array("q")  # empty without a period
        self._weights: array[float] | None = None

    @property
    def is_empty(self) -> bool:
        """Nothing is kept of any record."""
        return not self._parts

    def reset(self) -> None:
        """Forget everything: the same as new. Getters stay valid."""
        self._forget()
        for part in self._parts:
            part.reset()

    def update(self, record: Record, time: int | None = None) -> None:
        """Take a record; revisions are passed over. `time` (epoch ms, its label's if not told) is for a period only."""
        puts = self._puts
        if not puts or record.get("revises") is not None:
            return
        place = self._next
        if self._period is not None and not self._is_timely(place, record["label_time"] if time is None else time):
            return
        weight = record.get("weight")
        if weight is None and self._weights is None:
            unit = leaving = 1
        else:
            unit, leaving = self._weigh(place, 1.0 if weight is None else weight)
        if place == self._held:
            self._held += 1
        elif self._expired:
            self._expired -= 1
        self._next = place + 1 if place + 1 < self._size else 0
        for put in puts:
            put(place, record, unit, leaving)

    def advance(self, time: int) -> None:
        """It is that time now (epoch ms): what is too old leaves, though no record came."""
        if self._period is None or time <= self._clock:
            return
        self._clock = time
        oldest, horizon = self._next - self._held, time - self._period
        while self._expired < self._held:
            place = (oldest + self._expired) % self._size
            if self._times[place] > horizon:
                return
            self._expired += 1
            leaving = unit_of(self._weights, place)
            for part in self._parts:
                part.clear(place, leaving)

    def _is_timely(self, place: int, time: int) -> bool:
        self.advance(time)
        if self._period is not None and time <= self._clock - self._period:
            return False
        if place == self._held:
            self._times.append(time)
        else:
            self._times[place] = time
        return True

    def _weigh(self, place: int, weight: Any) -> tuple[int, int]:
        """The weight of a record and that of the one whose place it takes."""
        if not (isinstance(weight, (int, float)) and 0.0 <= weight <= LIMIT):
            weight = 1.0  # an event cannot have it
        if self._weights is None:
            if weight == 1.0:
                return 1, 1
            self._weights = array("d", [1.0]) * self._held
            for part in self._parts:
                part.recount(self._held, self._weights)
        weights = self._weights
        if place == self._held:
            weights.append(weight)
            return int(weight * ONE), ONE
        leaving, weights[place] = int(weights[place] * ONE), weight
        return int(weight * ONE), leaving

    def _settle(self) -> None:
        held, weights = self._held, self._weights
        require(held <= self._size and self._expired <= held, "more than a window")
        require(self._next == held if held < self._size else self._next < self._size, "not the next place")
        require(len(self._times) == (0 if self._period is None else held), "not a time for each place")
        require(self._period is not None or (self._expired == 0 and self._clock == 0), "a clock that is none")
        if weights is not None:
            require(len(weights) == held and all(0.0 <= w <= LIMIT for w in weights), "not a weight for each place")
        for part in self._parts:
            part.recount(held, weights)
