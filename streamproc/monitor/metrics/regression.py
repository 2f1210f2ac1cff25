"""Metrics of numbers: how large the errors are, by themselves, against the label, and against the labels' spread."""

from __future__ import annotations

from array import array

from streamproc.monitor.metrics.window import BLANK, Record, Weights, unit_of
from streamproc.monitor.signals import LIMIT, number
from streamproc.stateful import Stateful, fields, numbers, require

_SCALE = 2.0**400
_NONE = 2 * LIMIT
"""In the place of an error that is not known."""


def percentage_error(record: Record) -> float | None:
    """|prediction - label| / |label|; None where the label is 0."""
    prediction, label = number(record.get("prediction")), number(record.get("label"))
    if prediction is None or not label:
        return None
    error = abs(prediction - label) / abs(label)
    return error if error <= LIMIT else None


def covered(record: Record) -> int:
    """1 where the label lies in the prediction's interval, both ends included, and 0 where it does not."""
    lower, upper, label = number(record.get("lower")), number(record.get("upper")), number(record.get("label"))
    if lower is None or upper is None or label is None:
        return BLANK
    return 1 if lower <= label <= upper else 0


class R2(Stateful):
    """1 - (sum of squared errors) / (sum of the labels' squared distances from their mean), all by weight.

    The sums are whole numbers of multiples of 2^-400, so that nothing is lost between two large ones.
    """

    __slots__ = ("_enough", "_errors", "_known", "_labels", "_sum", "_sum_of_errors", "_sum_of_squares", "_weight")

    FIELDS = fields(_labels=numbers("d"), _errors=numbers("d"))

    def __init__(self, enough: int) -> None:
        self._enough = enough
        self.reset()

    def reset(self) -> None:
        self._labels, self._errors = array("d"), array("d")
        self._forget()

    def _forget(self) -> None:
        self._weight = self._sum = self._sum_of_squares = self._sum_of_errors = self._known = 0

    def put(self, place: int, record: Record, unit: int, leaving: int) -> None:
        if place == len(self._labels):
            self._labels.append(0.0)
            self._errors.append(_NONE)
        else:
            self.clear(place, leaving)
        prediction, label = number(record.get("prediction")), number(record.get("label"))
        if prediction is not None and label is not None and abs(prediction - label) <= LIMIT:
            self._labels[place], self._errors[place] = label, prediction - label
            self._count(place, unit, 1)

    def clear(self, place: int, leaving: int) -> None:
        if self._errors[place] != _NONE:
            self._count(place, -leaving, -1)
            self._labels[place], self._errors[place] = 0.0, _NONE

    def _count(self, place: int, unit: int, step: int) -> None:
        label, error = int(self._labels[place] * _SCALE), int(self._errors[place] * _SCALE)
        self._known += step
        self._weight += unit
        self._sum += unit * label
        self._sum_of_squares += unit * label * label
        self._sum_of_errors += unit * error * error

    def recount(self, held: int, weights: Weights) -> None:
        labels, errors = self._labels, self._errors
        require(len(labels) == len(errors) == held, "not the errors of a window")
        require(all(-LIMIT <= label <= LIMIT for label in labels), "not a label")
        require(all(-LIMIT <= error <= LIMIT or error == _NONE for error in errors), "not an error")
        self._forget()
        for place in range(held):
            if errors[place] != _NONE:
                self._count(place, unit_of(weights, place), 1)
            else:
                require(labels[place] == 0.0, "a label without an error")

    def value(self) -> float | None:
        """None while all labels are equal."""
        spread = self._weight * self._sum_of_squares - self._sum * self._sum
        if not spread or self._known < self._enough:
            return None
        errors = self._weight * self._sum_of_errors
        try:
            return max(1.0 - errors / spread, -LIMIT)
        except OverflowError:
            return -LIMIT
