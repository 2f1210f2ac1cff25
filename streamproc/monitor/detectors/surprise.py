"""How surprising a category is: what lets detectors of numbers watch text.

    surprise = -ln p,   p = (count + 1/2) / (n + (categories + 1) / 2)

with the counts of all values before this one (the estimator of Krichevsky and Trofimov, The performance of universal
encoding, 1981; one category more stands for all that are unknown). In a stable stream it varies around the entropy of
the categories. It rises when rare or new categories become frequent, and falls when one takes over; the exchange of two
that are equally frequent it cannot see. At most MOST categories are told apart, the first ones; the others are one.

The first LEARNED values are only counted, or else the learning itself would be a change.
"""

from __future__ import annotations

from math import log

from streamproc.errors import BadState
from streamproc.monitor.detectors.protocol import ChangeDetector, Evidence
from streamproc.monitor.signals import class_text, number
from streamproc.stateful import COUNT, PART, TEXT, Stateful, fields, mapping, require

MOST = 100
LEARNED = 500


class Surprise(Stateful):
    """A detector that takes text, and watches its surprise by another detector."""

    __slots__ = ("_counts", "_detector", "_n", "_others")

    FIELDS = fields(_counts=mapping(TEXT, COUNT), _others=COUNT, _detector=PART)

    def __init__(self, detector: ChangeDetector) -> None:
        self._detector = detector
        self._begin()

    def _begin(self) -> None:
        self._counts: dict[str, int] = {}
        self._others = 0  # values of all categories beyond MOST
        self._n = 0

    @property
    def flag(self) -> bool:
        """As the detector's."""
        return self._detector.flag

    @property
    def detections(self) -> int:
        """As the detector's."""
        return self._detector.detections

    def reset(self) -> None:
        """Forget the frequencies too."""
        self._begin()
        self._detector.reset()

    def spend(self) -> None:
        """As the detector."""
        self._detector.spend()

    def evidence(self) -> Evidence:
        """As the detector's: means are of the surprise, `n` does not count what was only learned from."""
        return self._detector.evidence()

    def update(self, x: object) -> bool:
        """Take the next value: text, or a number as a category."""
        category = x if isinstance(x, str) else _as_text(x)
        if category is None:
            return False
        counts = self._counts
        count = counts.get(category)
        surprise = None
        if self._n >= LEARNED:
            seen = self._others if count is None and len(counts) == MOST else count or 0
            surprise = log((self._n + (len(counts) + 1) / 2) / (seen + 0.5))
        self._n += 1
        if count is not None:
            counts[category] = count + 1
        elif len(counts) < MOST:
            counts[category] = 1
        else:
            self._others += 1
        return False if surprise is None else self._detector.update(surprise)

    def _settle(self) -> None:
        counts = self._counts
        require(len(counts) <= MOST and all(counts.values()), "not the counts of categories")
        if self._others and len(counts) < MOST:
            raise BadState("other categories too early")
        self._n = sum(counts.values()) + self._others


def _as_text(x: object) -> str | None:
    value = number(x)
    return None if value is None else class_text(value)
