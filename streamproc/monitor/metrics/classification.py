"""Metrics of classes: how often the answer was right, of all, of what was answered, and of what really was.

A class that is nowhere in the window has no recall, and one that is never answered no precision: such a value is not
known, and fires nothing. In means over classes scikit-learn's rules hold, with zero_division=0.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from typing import Any

from streamproc.config.model import Model
from streamproc.monitor.metrics.rings import Tally
from streamproc.monitor.metrics.window import BLANK, Getter, Record, Weights, unit_of
from streamproc.monitor.signals import labelled
from streamproc.stateful import SCALAR, Plain, Stateful, distinct, fields, numbers, require, row

_wrong = labelled("error", Model())


def _error(record: Record) -> int:
    prediction = record.get("prediction")
    if prediction == record.get("label") and prediction is not None:
        return 0
    wrong = _wrong(record)
    return BLANK if wrong is None else 1 if wrong else 0


class Errors(Tally):
    """Accuracy and error rate: 1 is a wrong answer."""

    __slots__ = ()

    def __init__(self, enough: int) -> None:
        super().__init__(_error, 2, enough)

    def error_rate(self) -> float | None:
        right, wrong = self._counts
        return wrong / (right + wrong) if self._known >= self._enough and right + wrong else None

    def accuracy(self) -> float | None:
        right, wrong = self._counts
        return right / (right + wrong) if self._known >= self._enough and right + wrong else None


class Confusion(Tally):
    """Of a binary model: 3 is a true positive, 2 a false one, 1 a missed one, 0 a true negative."""

    __slots__ = ()

    def __init__(self, positive_label: Any, enough: int) -> None:
        def answer(record: Record) -> int:
            if _wrong(record) is None:
                return BLANK
            return (2 if record["prediction"] == positive_label else 0) + (
                1 if record["label"] == positive_label else 0
            )

        super().__init__(answer, 4, enough)

    def precision(self) -> float | None:
        _, _, false, true = self._counts
        return self.share(true, true + false)

    def recall(self) -> float | None:
        _, missed, _, true = self._counts
        return self.share(true, true + missed)

    def f1(self) -> float | None:
        _, missed, false, true = self._counts
        return self.share(2 * true, 2 * true + false + missed)

    def balanced_accuracy(self) -> float | None:
        negative, missed, false, true = self._counts
        shares = [self.share(true, true + missed), self.share(negative, negative + false)]
        known = [share for share in shares if share is not None]
        return sum(known) / len(known) if known else None


class _Class:
    """One class in the window; all by weight."""

    __slots__ = ("answers", "hits", "labels", "name", "records")

    def __init__(self, name: Any) -> None:
        self.name = name
        self.hits = 0  # true positives
        self.answers = 0
        self.labels = 0
        self.records = 0  # answers + labels, by number


def _precision(of: _Class) -> float:
    return of.hits / of.answers if of.answers else 0.0


def _recall(of: _Class) -> float:
    return of.hits / of.labels if of.labels else 0.0


def _f1(of: _Class) -> float:
    uses = of.answers + of.labels
    return 2 * of.hits / uses if uses else 0.0


_OF_A_CLASS: dict[str, Callable[[_Class], float]] = {
    "f1": _f1,
    "precision": _precision,
    "recall": _recall,
    "balanced_accuracy": _recall,
}
_PLACES = "I"
_CLASSES = row(distinct(SCALAR), numbers(_PLACES), numbers(_PLACES))


class Classes(Stateful):
    """Of a multiclass model: the unweighted mean of a measure of each class, over the classes in the window.

    That is scikit-learn's average="macro" with its default labels; the balanced accuracy is the mean over the classes
    that are labels. An outcome touches at most four classes: theirs are formed anew when a value is asked for, and
    all are added up, at some 15 ns each. Memory: 16 bytes an outcome, and at most two classes for each.
    """

    __slots__ = ("_answers", "_classes", "_enough", "_known", "_labels", "_measures", "_touched", "_values", "_with")

    FIELDS = fields()

    def __init__(self, names: Sequence[str], enough: int) -> None:
        """`names`: of _OF_A_CLASS, those that are wanted."""
        self._measures = {name: _OF_A_CLASS[name] for name in names}
        self._enough = enough
        self.reset()

    def reset(self) -> None:
        self._answers: list[_Class | None] = []
        self._labels: list[_Class | None] = []
        self._classes: dict[Any, _Class] = {}
        self._forget()

    def _forget(self) -> None:
        self._with = 0  # classes that are labels
        self._known = 0
        self._touched: set[Any] = set()  # classes whose values are old
        self._values: dict[str, dict[Any, float]] = {name: {} for name in self._measures}

    def put(self, place: int, record: Record, unit: int, leaving: int) -> None:
        if place == len(self._answers):
            self._answers.append(None)
            self._labels.append(None)
        else:
            self.clear(place, leaving)
        if _error(record) != BLANK:
            answer, label = self._class(record["prediction"]), self._class(record["label"])
            self._answers[place], self._labels[place] = answer, label
            self._count(answer, label, unit, 1)

    def clear(self, place: int, leaving: int) -> None:
        answer, label = self._answers[place], self._labels[place]
        if answer is None or label is None:
            return
        self._answers[place] = self._labels[place] = None
        self._count(answer, label, -leaving, -1)
        for known in (answer, label):
            if not known.records:
                self._classes.pop(known.name, None)

    def _class(self, name: Any) -> _Class:
        known = self._classes.get(name)
        if known is None:
            known = self._classes[name] = _Class(name)
        return known

    def _count(self, answer: _Class, label: _Class, unit: int, step: int) -> None:
        self._known += step
        was_label = label.labels > 0
        answer.answers += unit
        label.labels += unit
        answer.records += step
        label.records += step
        if answer is label:
            label.hits += unit
        else:
            self._touched.add(answer.name)
        self._touched.add(label.name)
        self._with += (label.labels > 0) - was_label

    def state(self) -> Plain:
        """The classes' names, and which of these were answer and label at each place."""
        numbered: dict[int | None, int] = {id(known): place for place, known in enumerate(self._classes.values())}
        none = len(numbered)
        sides = [
            array(_PLACES, (none if known is None else numbered[id(known)] for known in side))
            for side in (self._answers, self._labels)
        ]
        return _CLASSES.give((self._classes, *sides))

    def restore(self, state: Plain) -> None:
        names, *sides = _CLASSES.take(state, None)
        classes: list[_Class | None] = [*map(_Class, names), None]
        used = set(sides[0]) | set(sides[1])
        require(used | {len(names)} == set(range(len(classes))), "a class that is not in the window, or the other way")
        self._answers, self._labels = ([classes[place] for place in side] for side in sides)
        self._classes = {known.name: known for known in classes if known is not None}

    def recount(self, held: int, weights: Weights) -> None:
        require(len(self._answers) == len(self._labels) == held, "not the answers of a window")
        self._forget()
        for known in self._classes.values():
            known.hits = known.answers = known.labels = known.records = 0
        for place, (answer, label) in enumerate(zip(self._answers, self._labels, strict=True)):
            require((answer is None) is (label is None), "half an answer")
            if answer is not None and label is not None:
                self._count(answer, label, unit_of(weights, place), 1)

    def _refresh(self) -> None:
        for name in self._touched:
            known = self._classes.get(name)
            for measure, of in self._measures.items():
                if known is None:
                    self._values[measure].pop(name, None)
                else:
                    self._values[measure][name] = of(known)
        self._touched.clear()

    def getter(self, name: str) -> Getter:
        """Reads the mean of one measure."""

        def mean() -> float | None:
            over = self._with if name == "balanced_accuracy" else len(self._classes)
            if not over or self._known < self._enough:
                return None
            if self._touched:
                self._refresh()
            return min(math.fsum(self._values[name].values()) / over, 1.0)

        return mean
