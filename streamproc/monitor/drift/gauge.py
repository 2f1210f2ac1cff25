"""The drift of each signal of a `drift` section: the newest `window` values against a reference.

The reference is what the deploy event says of the training data, where it does and the section wants it; else what
the section's file says; else the first `reference` values after the deploy. In any case it is kept as counts in bins,
at most 52, and each value of the window as the number of its bin: one byte.

Small samples: two samples of one distribution do not give 0. See `significance` for what chance alone gives: for PSI
0.018 +- 0.008 with the defaults, but 0.36 +- 0.17 with a reference and a window of 50. The largest of many signals is
larger still. Thresholds must lie well above.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from streamproc.config.model import Drift
from streamproc.events.summary import BINS, Summary
from streamproc.monitor.drift.bins import Bins, Value, of_summary, of_values, place_of
from streamproc.monitor.drift.distances import Term, js_term, ks, psi_term
from streamproc.monitor.drift.significance import p_value
from streamproc.monitor.names import drift_name
from streamproc.monitor.signals import LIMIT
from streamproc.stateful import (
    COUNT,
    NAMED_PARTS,
    VALUE,
    Stateful,
    check_ring,
    codes,
    distinct,
    fields,
    listed,
    require,
    within,
)

_TERMS: dict[str, Term] = {"psi": psi_term, "js": js_term}


class DriftGauge(Stateful):
    """The drift of each signal of a `drift` section."""

    __slots__ = ("_signals",)

    FIELDS = fields(_signals=NAMED_PARTS)

    def __init__(self, config: Drift, reference: Summary | None = None, file: Summary | None = None) -> None:
        """`reference`: the training data's; `file`: of a file, where that has none; other signals form their own."""
        known = dict(file.signals) if file is not None else {}
        if reference is not None and config.use_training_data:
            known |= reference.signals
        self._signals = {}
        for signal in config.signals:
            self._signals[signal] = distance = _Distance(config)
            if signal in known:
                bins = of_summary(known[signal], distance.most)
                if bins is not None:
                    distance.compare_with(bins)

    def update(self, signal: str, value: Value) -> None:
        """Take a signal's next value (a finite number, or text): see `signals.extractor`."""
        self._signals[signal].update(value)

    def value(self) -> float | None:
        """The largest drift of those signals that have one; None if none has."""
        largest = None
        for distance in self._signals.values():
            value = distance.value()
            if value is not None and (largest is None or value > largest):
                largest = value
        return largest

    def of(self, signal: str) -> float | None:
        """One signal's drift; None until its reference and then its window are full."""
        return self._signals[signal].value()

    def reset(self) -> None:
        """Forget everything: the next values form the reference. Getters stay valid."""
        for distance in self._signals.values():
            distance.reset()

    def getters(self) -> dict[str, Callable[[], float | None]]:
        """`drift` is the largest, `drift.<name>` a signal's own: see `names.drift_name`."""
        own = {drift_name(signal): distance.value for signal, distance in self._signals.items()}
        return {"drift": self.value, **own}

    def evidence(self) -> dict[str, dict[str, Any]]:
        """Of each signal that has a distance, the largest first: how large, of how many values, and whether by chance.

        - `distance`: psi, ks or js; `value`: how large it is,
        - `reference`, `window`: values on either side,
        - `p_value`: the probability of so large a distance without any change, of one look.
        """
        found = [(signal, of) for signal, of in self._signals.items() if of.value() is not None]
        found.sort(key=lambda item: -(item[1].value() or 0.0))
        return {drift_name(signal): distance.evidence() for signal, distance in found}


class _Distance(Stateful):
    """The distance of one signal: first a reference is gathered, then a sliding window is counted into its bins."""

    __slots__ = (
        "_all_p",
        "_changed",
        "_counts",
        "_edges",
        "_expected",
        "_kind",
        "_next",
        "_places",
        "_reference",
        "_ring",
        "_size",
        "_smoothed",
        "_terms",
        "_value",
        "_wanted",
        "most",
    )

    FIELDS = fields(
        _reference=listed(VALUE),
        _edges=listed(within(-LIMIT, LIMIT)),
        _places=distinct(VALUE),
        _expected=listed(COUNT),
        _ring=codes(256),
        _next=COUNT,
    )

    def __init__(self, config: Drift) -> None:
        self._kind, self._wanted, self._size = config.distance, config.reference, config.window
        self.most = BINS if config.distance == "ks" else config.bins
        """Bins, but for the last: D is only looked at where bins end."""
        self.reset()

    def reset(self) -> None:
        self._reference: list[Value] = []
        self.compare_with(Bins([], {}, []))

    def compare_with(self, bins: Bins) -> None:
        """This is the reference; the next values form the window."""
        self._edges, self._places, self._expected = bins
        self._all_p = sum(self._expected)  # 0 until the reference is complete
        self._counts = [0] * len(self._expected)  # the window's
        self._ring = bytearray()  # the bin of each value in the window
        self._next = 0
        self._changed: set[int] = set()  # bins whose count changed since the value was computed
        self._terms: list[float] = []  # what each bin adds to the value
        self._smoothed = (0.0, 0.0)  # what the shares are of, in the reference and in the window
        self._value: float | None = None

    def update(self, value: Value) -> None:
        if not self._expected:
            self._gather(value)
            return
        place, ring = place_of(value, self._edges, self._places), self._ring
        if len(ring) < self._size:
            ring.append(place)
        else:
            at = self._next
            self._next = at + 1 if at + 1 < self._size else 0
            old = ring[at]
            if old == place:
                return
            ring[at] = place
            self._counts[old] -= 1
            self._changed.add(old)
        self._counts[place] += 1
        self._changed.add(place)

    def _gather(self, value: Value) -> None:
        self._reference.append(value)
        if len(self._reference) == self._wanted:
            reference, self._reference = self._reference, []
            # D's bins may be as many as there are values: numbers that hardly repeat are no categories.
            most_values = min(self.most, self._wanted // 5) if self._kind == "ks" else self.most
            self.compare_with(of_values(reference, self.most, most_values))

    def value(self) -> float | None:
        """Computed when it is asked for, from the bins that changed; all of them for D."""
        if not self._changed or len(self._ring) < self._size:
            return self._value
        if self._kind == "ks":
            self._value = ks(self._expected, self._counts, is_ordered=self._is_ordered())
        else:
            self._form_terms(_TERMS[self._kind])
            total = math.fsum(self._terms)
            self._value = total if self._kind == "psi" else math.sqrt(min(max(total, 0.0), 1.0))
        self._changed.clear()
        return self._value

    def _form_terms(self, term: Term) -> None:
        changed, expected, counts = self._changed, self._expected, self._counts
        if not self._terms or not all(expected[place] for place in changed):
            changed = set(range(len(counts)))  # another number of bins may be in use now, which all depend on
            used = sum(1 for p, q in zip(expected, counts, strict=True) if p or q) if self._kind == "psi" else 0
            self._terms = [0.0] * len(counts)
            self._smoothed = self._all_p + used / 2, self._size + used / 2
        all_p, all_q = self._smoothed
        for place in changed:
            self._terms[place] = term(expected[place], counts[place], all_p, all_q)

    def _is_ordered(self) -> bool:
        return not any(isinstance(value, str) for value in self._places)

    def evidence(self) -> dict[str, Any]:
        """See DriftGauge. There is a value."""
        value = self.value() or 0.0
        return {
            "distance": self._kind,
            "value": value,
            "reference": self._all_p,
            "window": len(self._ring),
            "p_value": p_value(self._kind, value, self._expected, self._counts, is_ordered=self._is_ordered()),
        }

    def _settle(self) -> None:
        bins, edges, expected, ring = len(self._expected), self._edges, self._expected, self._ring
        check_ring(len(ring), self._next, self._size)
        if expected:
            require(not self._reference and 0 < sum(expected) <= _MOST_VALUES, "not the reference's values")
            require(bins == (len(self._places) + 1 if self._places else len(edges) + 2), "not the bins of its values")
            require(not (edges and self._places) and len(self._places) <= self.most, "too many bins")
            require(len(edges) <= self.most and edges == sorted(set(edges)), "not the edges of bins")
        else:
            require(len(self._reference) < self._wanted and not (edges or self._places or ring), "a window too early")
        require(not ring or max(ring) < bins, "a bin that is not there")
        self._all_p = sum(expected)
        self._counts = [ring.count(place) for place in range(bins)]
        # The value follows from the counts: as after a change of all of them.
        self._changed, self._terms, self._smoothed, self._value = set(range(bins)), [], (0.0, 0.0), None


_MOST_VALUES = 2**53
