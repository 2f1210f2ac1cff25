"""Metrics of probabilities: whether what is called 80 % happens in 80 of 100 cases.

Binary: the probability is the `score`, that of the positive label. Multiclass: the `scores` of the classes.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable
from typing import Any

from streamproc.config.model import Model
from streamproc.monitor.metrics.window import BLANK, ONE, Record, Weights, unit_of
from streamproc.monitor.signals import ROUNDING, class_text, labelled
from streamproc.stateful import Stateful, codes, fields, numbers, require

BINS = 10
"""Of the calibration error: equally wide ones."""
_EDGES = [k / BINS for k in range(1, BINS)]

Forecast = tuple[float, bool] | None
"""A probability, and whether it happened."""


def probability(value: object) -> float | None:
    """A number in [0, 1], but for rounding; None for all else."""
    if isinstance(value, (float, int)) and -ROUNDING <= value <= 1.0 + ROUNDING:
        return min(max(float(value), 0.0), 1.0)
    return None


def is_positive(model: Model) -> Callable[[Record], bool | None]:
    """Whether the label is the positive one; None without a label."""
    wrong, positive = labelled("error", model), model.positive_label

    def positive_label(record: Record) -> bool | None:
        return None if wrong(record) is None else record["label"] == positive

    return positive_label


def brier(model: Model) -> Callable[[Record], float | None]:
    """The squared distance of the probabilities from what happened (Brier 1950): binary 0 to 1, multiclass 0 to 2."""
    if model.task == "multiclass":
        return _multiclass_brier
    forecast = binary_forecast(model)

    def binary_brier(record: Record) -> float | None:
        known = forecast(record)
        return None if known is None else (known[0] - known[1]) ** 2

    return binary_brier


_wrong = labelled("error", Model())


def _multiclass_brier(record: Record) -> float | None:
    scores: dict[str, Any] | None = record.get("scores")
    if not scores or _wrong(record) is None:
        return None
    label, total, found = class_text(record["label"]), 0.0, False
    for name, score in scores.items():
        share = probability(score)
        if share is None:
            return None
        found = found or name == label
        total += (share - (name == label)) ** 2
    return total if found else total + 1.0


def binary_forecast(model: Model) -> Callable[[Record], Forecast]:
    """The score, and whether the label is the positive one."""
    positive = is_positive(model)

    def forecast(record: Record) -> Forecast:
        score, happened = probability(record.get("score")), positive(record)
        return None if score is None or happened is None else (score, happened)

    return forecast


def top_forecast(record: Record) -> Forecast:
    """Multiclass: the probability of the class that was answered, and whether the answer was right."""
    wrong, scores = _wrong(record), record.get("scores")
    if wrong is None or not scores:
        return None
    score = probability(scores.get(class_text(record["prediction"])))
    return None if score is None else (score, not wrong)


class CalibrationError(Stateful):
    """The expected calibration error (Naeini et al. 2015).

    Over bins of the probability, the mean of |mean probability - share that happened|, by the weight of the bins. So
    all that is needed of a bin is the sum of the differences.

    A bin contains its upper edge, as in scikit-learn's calibration_curve.
    """

    __slots__ = ("_enough", "_forecast", "_gaps", "_happened", "_known", "_scores", "_weight")

    FIELDS = fields(_scores=numbers("d"), _happened=codes(BLANK + 1))

    def __init__(self, model: Model, enough: int) -> None:
        self._forecast = binary_forecast(model) if model.task == "binary" else top_forecast
        self._enough = enough
        self.reset()

    def reset(self) -> None:
        self._scores, self._happened = array("d"), bytearray()
        self._gaps = [0] * BINS  # sum of (happened - probability) in units of 2^-120
        self._weight = 0
        self._known = 0

    def put(self, place: int, record: Record, unit: int, leaving: int) -> None:
        if place == len(self._scores):
            self._scores.append(0.0)
            self._happened.append(BLANK)
        else:
            self.clear(place, leaving)
        known = self._forecast(record)
        if known is not None:
            self._scores[place], self._happened[place] = known
            self._count(place, unit, 1)

    def clear(self, place: int, leaving: int) -> None:
        if self._happened[place] != BLANK:
            self._count(place, -leaving, -1)
            self._scores[place], self._happened[place] = 0.0, BLANK

    def _count(self, place: int, unit: int, step: int) -> None:
        score = self._scores[place]
        self._gaps[bisect_left(_EDGES, score)] += unit * (self._happened[place] * ONE - int(score * ONE))
        self._weight += unit
        self._known += step

    def recount(self, held: int, weights: Weights) -> None:
        scores, happened = self._scores, self._happened
        require(len(scores) == len(happened) == held, "not the forecasts of a window")
        require(all(0.0 <= score <= 1.0 for score in scores), "not a probability")
        require(set(happened) <= {0, 1, BLANK}, "neither true nor false")
        self._gaps, self._weight, self._known = [0] * BINS, 0, 0
        for place in range(held):
            if happened[place] != BLANK:
                self._count(place, unit_of(weights, place), 1)
            else:
                require(scores[place] == 0.0, "a probability of nothing")

    def value(self) -> float | None:
        if not self._weight or self._known < self._enough:
            return None
        return sum(map(abs, self._gaps)) / (self._weight * ONE)
