"""Whether predictions are made from sound data: missing features, unknown categories, numbers out of their range.

What is sound follows from a reference: the training data's summary, if the deploy event brought one, else the first
predictions after the deploy. It says which features there are, the range of each one's numbers, and its categories.

A feature that a condition names has the three rates of its own, over the same predictions: `missing.amount`,
`unseen.country`, `out_of_range.amount`. For each of these a byte a prediction is kept.

All three are shares of the values that were due: predictions in the window times features of the reference. A fresh
sample leaves the range of `n` values with a probability of 2 / (n + 1) a value, so a healthy rate is not quite 0.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from functools import partial

from streamproc.events.summary import CATEGORIES, SignalSummary, Summary
from streamproc.monitor.metrics.window import Getter, Record, Weights, unit_of
from streamproc.monitor.signals import FEATURE, LIMIT, number
from streamproc.stateful import (
    COUNT,
    FLAG,
    TEXT,
    Kind,
    Stateful,
    codes,
    fields,
    listed,
    mapping,
    numbers,
    require,
    row,
    within,
)

MOST = 2000
"""Features that are watched."""


class Known:
    """What the reference knows of one feature."""

    __slots__ = ("categories", "high", "is_open", "low")

    def __init__(self, low: float, high: float, categories: Iterable[str], is_open: bool) -> None:  # noqa: FBT001 - a row
        """`low` above `high`: it had no numbers. `is_open`: it had more texts than are kept, so that none is judged."""
        self.low, self.high, self.is_open = low, high, is_open
        self.categories = dict.fromkeys(categories)

    def learn(self, value: object) -> None:
        if isinstance(value, str):
            if not self.is_open:
                self.categories[value] = None
            if len(self.categories) > CATEGORIES:
                self.is_open, self.categories = True, {}
        elif (x := number(value)) is not None:
            self.low, self.high = min(self.low, x), max(self.high, x)

    def fault(self, value: object) -> int:
        """0: sound; else 1 and its place in RATES."""
        if isinstance(value, str):
            return 2 * (not self.is_open and value not in self.categories)
        if value is None:
            return 1
        return 3 * (not self.low <= value <= self.high)  # type: ignore[operator]


_ROW = row(within(-LIMIT, LIMIT), within(-LIMIT, LIMIT), listed(TEXT), FLAG)
_KNOWN = Kind(
    lambda known: _ROW.give((known.low, known.high, list(known.categories), known.is_open)),
    lambda plain, _: Known(*_ROW.take(plain, None)),
)
_COUNTS = numbers("H")
_NOT_JUDGED, _JUDGED = 0, 1
RATES = ("missing", "unseen", "out_of_range")
"""Of single features; what is wrong with a value is its place here, and 1."""


class FeatureRates(Stateful):
    """The three rates, as one part of a window of predictions."""

    __slots__ = (
        "_apart", "_enough", "_features", "_judged", "_learned", "_missing", "_outside", "_own", "_sums", "_unseen",
        "_wanted",
    )  # fmt: skip

    FIELDS = fields(
        _learned=COUNT,
        _features=mapping(TEXT, _KNOWN),
        _judged=codes(2),
        _missing=_COUNTS,
        _unseen=_COUNTS,
        _outside=_COUNTS,
        _own=mapping(TEXT, codes(len(RATES) + 1)),
    )

    def __init__(self, wanted: int, enough: int, reference: Summary | None = None, apart: Iterable[str] = ()) -> None:
        """`wanted`: predictions that form the reference, where none is given; `apart`: features with own rates."""
        self._wanted, self._enough = wanted, enough
        self._apart = {name: [0] * (len(RATES) + 1) for name in apart}  # weight of the predictions by what is wrong
        self._features: dict[str, Known] = {}
        self.reset()
        if reference is not None and reference.signals:
            self._learned = wanted
            for signal, summary in reference.signals.items():
                if signal.startswith(FEATURE):
                    self._features[signal.removeprefix(FEATURE)] = _known(summary)

    def reset(self) -> None:
        """As new, but for a reference that was given: the next predictions form one."""
        self._learned = 0
        self._features.clear()
        self._judged = bytearray()
        self._missing, self._unseen, self._outside = array("H"), array("H"), array("H")
        self._sums = [0, 0, 0, 0]  # missing, unseen, out of range; weight of the judged predictions
        self._own = {name: bytearray() for name in self._apart}
        for sums in self._apart.values():
            sums[:] = [0] * len(sums)

    def put(self, place: int, record: Record, unit: int, leaving: int) -> None:
        if place == len(self._judged):
            self._judged.append(_NOT_JUDGED)
            for ring in (self._missing, self._unseen, self._outside, *self._own.values()):
                ring.append(0)
        else:
            self.clear(place, leaving)
        given = record.get("features") or {}
        if self._learned < self._wanted:
            self._learn(given)
            return
        missing = unseen = outside = 0
        for name, known in self._features.items():
            value = given.get(name)
            if isinstance(value, str):
                unseen += not known.is_open and value not in known.categories
            elif value is None:
                missing += 1
            else:
                outside += not known.low <= value <= known.high
        self._judged[place] = _JUDGED
        self._missing[place], self._unseen[place], self._outside[place] = missing, unseen, outside
        for name, own in self._own.items():
            known_too = self._features.get(name)
            own[place] = 0 if known_too is None else known_too.fault(given.get(name))
        self._count(place, unit)

    def clear(self, place: int, leaving: int) -> None:
        if self._judged[place]:
            self._count(place, -leaving)
            self._judged[place] = self._missing[place] = self._unseen[place] = self._outside[place] = 0
            for own in self._own.values():
                own[place] = 0

    def _learn(self, given: Record) -> None:
        self._learned += 1
        for name, value in given.items():
            known = self._features.get(name)
            if known is None:
                if len(self._features) == MOST:
                    continue
                known = self._features[name] = Known(LIMIT, -LIMIT, (), is_open=False)
            known.learn(value)

    def _count(self, place: int, unit: int) -> None:
        sums = self._sums
        sums[0] += unit * self._missing[place]
        sums[1] += unit * self._unseen[place]
        sums[2] += unit * self._outside[place]
        sums[3] += unit
        for name, own in self._own.items():
            self._apart[name][own[place]] += unit

    def recount(self, held: int, weights: Weights) -> None:
        rings = (self._missing, self._unseen, self._outside)
        require(len(self._judged) == held and all(len(ring) == held for ring in rings), "not a window of features")
        require(self._learned <= self._wanted and len(self._features) <= MOST, "not a reference")
        require(all(len(known.categories) <= CATEGORIES for known in self._features.values()), "too many categories")
        require(self._own.keys() == self._apart.keys(), "other features than are asked for")
        require(all(len(own) == held for own in self._own.values()), "not a window of features")
        self._sums = [0, 0, 0, 0]
        for of_feature in self._apart.values():
            of_feature[:] = [0] * len(of_feature)
        for place in range(held):
            require(self._judged[place] or not any(own[place] for own in self._own.values()), "a fault of nothing")
            counts = sum(ring[place] for ring in rings)
            require(counts <= (len(self._features) if self._judged[place] else 0), "more than there are features")
            if self._judged[place]:
                self._count(place, unit_of(weights, place))

    def _share(self, of: int) -> float | None:
        due = self._sums[3] * len(self._features)
        if not due or self._judged.count(_JUDGED) < self._enough:
            return None
        return self._sums[of] / due

    def _own_share(self, name: str, of: int) -> float | None:
        due = self._sums[3]
        if not due or name not in self._features or self._judged.count(_JUDGED) < self._enough:
            return None
        return self._apart[name][of] / due

    def getters(self) -> dict[str, Getter]:
        """The rates by name."""
        names = ("missing_rate", "unseen_category_rate", "out_of_range_rate")
        whole = {name: partial(self._share, of) for of, name in enumerate(names)}
        own = {f"{rate}.{n}": partial(self._own_share, n, of) for n in self._apart for of, rate in enumerate(RATES, 1)}
        return {**whole, **own}


def _known(summary: SignalSummary) -> Known:
    numeric = summary.low is not None and summary.high is not None
    low, high = (summary.low, summary.high) if numeric else (LIMIT, -LIMIT)
    return Known(low or 0.0, high or 0.0, summary.values, bool(summary.other))
