"""A detector for each feature of a model: `signal: features`.

The first MOST features that have a value are watched, each by a detector of its own; text by its surprise. What a
feature was at first it stays: later values of the other kind are passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from streamproc.monitor.detectors.protocol import ChangeDetector, Evidence
from streamproc.monitor.detectors.surprise import Surprise
from streamproc.monitor.signals import number
from streamproc.stateful import FLAG, TEXT, Kind, Plain, Stateful, listed, require, row

MOST = 200
TOLD = 20
"""Features that evidence names: the first ones, by name."""

_PLAIN = Kind(lambda plain: plain, lambda plain, _: plain)
_ROWS = listed(row(TEXT, FLAG, _PLAIN))


class EachFeature(Stateful):
    """Many detectors as one: its flag is up while any of theirs is."""

    __slots__ = ("_detectors", "_make")

    def __init__(self, make: Callable[[], ChangeDetector]) -> None:
        self._make = make
        self.reset()

    def reset(self) -> None:
        """Forget everything, the features' names too."""
        self._detectors: dict[str, ChangeDetector] = {}

    @property
    def flag(self) -> bool:
        """Whether any feature's flag is up."""
        return any(detector.flag for detector in self._detectors.values())

    @property
    def count(self) -> int:
        """How many features' flags are up."""
        return sum(detector.flag for detector in self._detectors.values())

    @property
    def detections(self) -> int:
        """Of all features together."""
        return sum(detector.detections for detector in self._detectors.values())

    def spend(self) -> None:
        """Each feature's flag goes down until its own values show that its change still stands."""
        for detector in self._detectors.values():
            detector.spend()

    def evidence(self) -> Evidence:
        """Besides the detections: features, flagged ones, and for those `change_age.<feature>`."""
        flagged = sorted(name for name, detector in self._detectors.items() if detector.flag)
        ages = {f"change_age.{n}": self._detectors[n].evidence()["change_age"] for n in flagged[:TOLD]}
        return {"detections": self.detections, "features": len(self._detectors), "flagged": len(flagged), **ages}

    def update(self, x: object) -> bool:
        """Take the features of one record, by name."""
        if not isinstance(x, Mapping):
            return False
        found, detectors = False, self._detectors
        for name, value in x.items():
            if value is None:
                continue
            detector = detectors.get(name)
            if detector is None:
                if len(detectors) == MOST:
                    continue
                is_text = isinstance(value, str)
                if not is_text and number(value) is None:
                    continue
                detectors[name] = detector = self._new(is_text=is_text)
            usable: Any = value if value.__class__ is float or value.__class__ is str else number(value)
            if detector.update(usable):  # which passes over what is not of its kind
                found = True
        return found

    def _new(self, *, is_text: bool) -> ChangeDetector:
        return Surprise(self._make()) if is_text else self._make()

    def state(self) -> Plain:
        """Each feature's name, whether it is text, and its detector's state."""
        return [[name, isinstance(d, Surprise), d.state()] for name, d in self._detectors.items()]

    def restore(self, state: Plain) -> None:
        """Raises BadState."""
        rows = _ROWS.take(state, None)
        require(len(rows) <= MOST, "more features than are watched")
        self.reset()
        for name, is_text, plain in rows:
            require(name not in self._detectors, "a feature twice")
            self._detectors[name] = detector = self._new(is_text=is_text)
            detector.restore(plain)
