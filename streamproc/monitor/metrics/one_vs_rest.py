"""ROC AUC with more than two classes: of each class against the rest, and the mean of that over the classes.

    AUC = mean over classes c of AUC(score of c; label is c against label is not c)

All classes count alike, as in scikit-learn's `multi_class="ovr", average="macro"` (Fawcett, An introduction to ROC
analysis, Pattern Recognition Letters 27, 2006). A class counts while it is the label of an outcome in the window, and
is not that of all. A class that `scores` leaves out has the score 0.

At most MOST classes are told apart: those that `scores` names, if they are so few, and those that are labels, the
first ones. Outcomes of the window from before a class was known are not among its pairs.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from math import fsum
from typing import Any

from streamproc.monitor.metrics.ranking import RocAuc
from streamproc.monitor.metrics.window import Record, Weights
from streamproc.monitor.signals import class_text, number
from streamproc.stateful import TEXT, Kind, Plain, Stateful, codes, listed, require, row

MOST = 20
"""Classes: each costs as much as the ROC AUC of a binary model, 9 bytes an outcome of the window among it."""

_ROWS = row(listed(row(TEXT, Kind(lambda plain: plain, lambda plain, _: plain))), codes(2))


class OneVsRest(Stateful):
    """The mean ROC AUC of the classes, each against the rest."""

    __slots__ = ("_classes", "_enough", "_known", "_usable", "_weights")

    def __init__(self, enough: int) -> None:
        self._enough = enough
        self.reset()

    def reset(self) -> None:
        self._classes: dict[str, RocAuc] = {}
        self._known = bytearray()  # 1 where there are scores and a label
        self._usable = 0  # how many of these
        self._weights: Weights = None

    def put(self, place: int, record: Record, unit: int, leaving: int) -> None:
        answer = _answer(record)
        if answer is not None:
            self._learn(*answer)
        if place == len(self._known):
            self._known.append(0)
        self._usable += (answer is not None) - self._known[place]
        self._known[place] = answer is not None
        for part in self._classes.values():
            part.put(place, record, unit, leaving)

    def _learn(self, label: str, scores: Mapping[str, Any]) -> None:
        classes, held = self._classes, len(self._known)
        for name in (label, *scores) if len(scores) <= MOST else (label,):
            if name not in classes and len(classes) < MOST:
                classes[name] = part = self._part(name)
                part.pad(held)
                part.recount(held, self._weights)

    def _part(self, name: str) -> RocAuc:
        return RocAuc(partial(_score_of, name), partial(_is, name), 0)

    def clear(self, place: int, leaving: int) -> None:
        self._usable -= self._known[place]
        self._known[place] = 0
        for part in self._classes.values():
            part.clear(place, leaving)

    def recount(self, held: int, weights: Weights) -> None:
        require(len(self._known) == held, "not a window of answers")
        self._usable, self._weights = sum(self._known), weights
        for part in self._classes.values():
            part.recount(held, weights)

    def value(self) -> float | None:
        if self._usable < self._enough:
            return None
        areas = [area for part in self._classes.values() if (area := part.value()) is not None]
        return fsum(areas) / len(areas) if areas else None

    def state(self) -> Plain:
        """Each class with its part, and where something is known."""
        return _ROWS.give(([(name, part.state()) for name, part in self._classes.items()], self._known))

    def restore(self, state: Plain) -> None:
        """Raises BadState."""
        rows, known = _ROWS.take(state, None)
        require(len(rows) <= MOST, "more classes than are told apart")
        self.reset()
        self._known = known
        for name, plain in rows:
            require(name not in self._classes, "two equal classes")
            self._classes[name] = part = self._part(name)
            part.restore(plain)


def _answer(record: Record) -> tuple[str, Mapping[str, Any]] | None:
    """(the label's class, the scores), if there are both."""
    label, scores = record.get("label"), record.get("scores")
    if not scores or label is None:
        return None
    if isinstance(label, str):
        return label, scores
    if number(label) is None:
        return None
    return (str(label) if str(label) in scores else class_text(label)), scores


def _score_of(name: str, record: Record) -> float | None:
    answer = _answer(record)
    return None if answer is None else number(answer[1].get(name, 0.0))


def _is(name: str, record: Record) -> bool | None:
    answer = _answer(record)
    return None if answer is None else answer[0] == name
