"""Rings of a window's values, with their sums: the two kinds of part that most metrics are read from."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable

from streamproc.monitor.metrics.window import BLANK, Record, Weights, unit_of
from streamproc.monitor.signals import LIMIT
from streamproc.stateful import Stateful, codes, fields, numbers, require


class Tally(Stateful):
    """How often each of a few small numbers (codes) occurs in the window, by weight."""

    __slots__ = ("_code", "_counts", "_enough", "_kinds", "_known", "_ring")

    FIELDS = fields(_ring=codes(BLANK + 1))

    def __init__(self, code: Callable[[Record], int], kinds: int, enough: int) -> None:
        """`code` gives a number below `kinds`, or BLANK. No metric has a value with fewer than `enough` known ones."""
        self._code, self._kinds, self._enough = code, kinds, enough
        self.reset()

    def reset(self) -> None:
        self._ring = bytearray()
        self._counts = [0] * self._kinds
        self._known = 0

    def put(self, place: int, record: Record, unit: int, leaving: int) -> None:
        code, ring = self._code(record), self._ring
        if place == len(ring):
            ring.append(code)
        else:
            old = ring[place]
            if old == code and unit == leaving:
                return
            ring[place] = code
            if old != BLANK:
                self._counts[old] -= leaving
                self._known -= 1
        if code != BLANK:
            self._counts[code] += unit
            self._known += 1

    def clear(self, place: int, leaving: int) -> None:
        old = self._ring[place]
        if old != BLANK:
            self._ring[place] = BLANK
            self._counts[old] -= leaving
            self._known -= 1

    def recount(self, held: int, weights: Weights) -> None:
        ring = self._ring
        require(len(ring) == held and all(c < self._kinds or c == BLANK for c in set(ring)), "not codes of a window")
        self._known = held - ring.count(BLANK)
        self._counts = [0] * self._kinds
        if weights is None:
            self._counts = [unit_of(None, 0) * ring.count(code) for code in range(self._kinds)]
            return
        for place, code in enumerate(ring):
            if code != BLANK:
                self._counts[code] += unit_of(weights, place)

    def share(self, part: int, whole: int) -> float | None:
        """Of two sums of counts; None while too little is known, or where there is no whole."""
        return part / whole if whole and self._known >= self._enough else None

    def mean(self) -> float | None:
        """Of two codes: the share of 1."""
        return self.share(self._counts[1], sum(self._counts))


NO_VALUE = -1.0


class ExactMean(Stateful):
    """The mean, by weight, of numbers from 0 to LIMIT. Exact: the sum is a whole number of multiples of 2^-`bits`."""

    __slots__ = ("_enough", "_known", "_ring", "_scale", "_total", "_value_of", "_weight")

    FIELDS = fields(_ring=numbers("d"))

    def __init__(self, value_of: Callable[[Record], float | None], enough: int, bits: int = 400) -> None:
        """400 bits keep nine digits of a number of 1e-90; 120 are enough for probabilities and their logarithms."""
        self._value_of, self._enough = value_of, enough
        self._scale = 2.0**bits
        self.reset()

    def reset(self) -> None:
        self._ring = array("d")  # NO_VALUE where there is none
        self._total = 0
        self._weight = 0
        self._known = 0

    def put(self, place: int, record: Record, unit: int, leaving: int) -> None:
        value, ring = self._value_of(record), self._ring
        if value is None:
            value = NO_VALUE
        if place == len(ring):
            ring.append(value)
        else:
            old, ring[place] = ring[place], value
            if old >= 0.0:
                self._take_out(old, leaving)
        if value >= 0.0:
            self._add(value, unit)

    def clear(self, place: int, leaving: int) -> None:
        old = self._ring[place]
        if old >= 0.0:
            self._ring[place] = NO_VALUE
            self._take_out(old, leaving)

    def _add(self, value: float, unit: int) -> None:
        scaled = int(value * self._scale)
        self._total += scaled if unit == 1 else scaled * unit
        self._weight += unit
        self._known += 1

    def _take_out(self, old: float, leaving: int) -> None:
        scaled = int(old * self._scale)
        self._total -= scaled if leaving == 1 else scaled * leaving
        self._weight -= leaving
        self._known -= 1

    def recount(self, held: int, weights: Weights) -> None:
        ring = self._ring
        require(len(ring) == held and all(0.0 <= v <= LIMIT or v == NO_VALUE for v in ring), "not values of a window")
        self._total = self._weight = self._known = 0
        for place, value in enumerate(ring):
            if value >= 0.0:
                self._add(value, unit_of(weights, place))

    def mean(self) -> float | None:
        if not self._weight or self._known < self._enough:
            return None
        return self._total / self._weight / self._scale

    def root(self) -> float | None:
        mean = self.mean()
        return None if mean is None else math.sqrt(mean)
