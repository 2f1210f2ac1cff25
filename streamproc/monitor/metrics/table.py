"""Which part each windowed metric is read from."""

from __future__ import annotations

from collections.abc import Callable, Collection

from streamproc.config.model import Model
from streamproc.events.summary import Summary
from streamproc.monitor.metrics import calibration, regression
from streamproc.monitor.metrics.classification import Classes, Confusion, Errors
from streamproc.monitor.metrics.features import RATES, FeatureRates
from streamproc.monitor.metrics.labels import delay
from streamproc.monitor.metrics.one_vs_rest import OneVsRest
from streamproc.monitor.metrics.ranking import Percentiles, RocAuc
from streamproc.monitor.metrics.rings import ExactMean, Tally
from streamproc.monitor.metrics.window import Getter, Part, Window
from streamproc.monitor.signals import labelled, score

Read = dict[str, Getter]
Build = Callable[[Model, tuple[str, ...], int], tuple[Part, Read]]
"""(model, the names that are wanted, fewest known records) -> a part, and at least a getter for each of these."""

BITS_OF_A_PROBABILITY = 120
REFERENCE = 1000
"""Predictions that form the features' reference where the model has no `drift` section."""


class WindowedMetrics(Window):
    """The metrics of a task over the newest outcomes; None before `model.min_samples` of them.

    `streamproc.monitor.names` has the formulas. With `needed`, only the metrics named there are kept, and the others
    cost nothing. A window smaller than `min_samples` has values once it is full.

    The window is of outcomes; a metric is over those of them that have what it needs (a score, a usable number).

    A revision (an outcome with `revises`) changes nothing here: finding the outcome that it corrects would need every
    prediction id of the window, some 100 bytes each. The metrics are those of the labels as they first came.
    """

    __slots__ = ("_getters",)

    def __init__(
        self,
        model: Model,
        needed: Collection[str] | None = None,
        outcomes: int | None = None,
        period: int | None = None,
    ) -> None:
        """`outcomes` and `period` (ms) of the window: those of the model where not given."""
        size = model.window if outcomes is None else outcomes
        self._getters: dict[str, Getter] = {}
        parts = []
        for names, build in _PARTS[model.task]:
            wanted = tuple(name for name in names if needed is None or name in needed)
            if wanted:
                part, read = build(model, wanted, min(model.min_samples, size))
                parts.append(part)
                self._getters.update((name, read[name]) for name in wanted)
        super().__init__(size, model.window_period if outcomes is None else period, parts)

    def getters(self) -> dict[str, Getter]:
        """A function for each metric, that reads its present value."""
        return dict(self._getters)


class FeatureMetrics(Window):
    """The soundness of the features over the newest predictions."""

    __slots__ = ("_getters",)

    def __init__(self, model: Model, needed: Collection[str], reference: Summary | None = None) -> None:
        """`reference`: of the training data; without one, the first predictions are it."""
        wanted = model.drift.reference if model.drift else REFERENCE
        apart = [feature for feature in model.rated_features if any(f"{rate}.{feature}" in needed for rate in RATES)]
        part = FeatureRates(wanted, min(model.min_samples, model.window), reference, apart)
        self._getters = {name: getter for name, getter in part.getters().items() if name in needed}
        super().__init__(model.window, model.window_period, [part] if self._getters else [])

    def getters(self) -> dict[str, Getter]:
        """A function for each rate, that reads its present value."""
        return dict(self._getters)


def _errors(model: Model, _: tuple[str, ...], enough: int) -> tuple[Part, Read]:
    del model
    part = Errors(enough)
    return part, {"accuracy": part.accuracy, "error_rate": part.error_rate}


def _confusion(model: Model, _: tuple[str, ...], enough: int) -> tuple[Part, Read]:
    part = Confusion(model.positive_label, enough)
    return part, {
        "f1": part.f1,
        "precision": part.precision,
        "recall": part.recall,
        "balanced_accuracy": part.balanced_accuracy,
    }


def _classes(model: Model, wanted: tuple[str, ...], enough: int) -> tuple[Part, Read]:
    del model
    part = Classes(wanted, enough)
    return part, {name: part.getter(name) for name in wanted}


def _roc_auc(model: Model, _: tuple[str, ...], enough: int) -> tuple[Part, Read]:
    part = RocAuc(score, calibration.is_positive(model), enough)
    return part, {"roc_auc": part.value}


def _one_vs_rest(model: Model, _: tuple[str, ...], enough: int) -> tuple[Part, Read]:
    del model
    part = OneVsRest(enough)
    return part, {"roc_auc": part.value}


def _log_loss(model: Model, _: tuple[str, ...], enough: int) -> tuple[Part, Read]:
    part = ExactMean(labelled("loss", model), enough, BITS_OF_A_PROBABILITY)
    return part, {"log_loss": part.mean}


def _brier(model: Model, _: tuple[str, ...], enough: int) -> tuple[Part, Read]:
    part = ExactMean(calibration.brier(model), enough, BITS_OF_A_PROBABILITY)
    return part, {"brier": part.mean}


def _ece(model: Model, _: tuple[str, ...], enough: int) -> tuple[Part, Read]:
    part = calibration.CalibrationError(model, enough)
    return part, {"ece": part.value}


def _mae(model: Model, _: tuple[str, ...], enough: int) -> tuple[Part, Read]:
    part = ExactMean(labelled("error", model), enough)
    return part, {"mae": part.mean}


def _rmse(model: Model, _: tuple[str, ...], enough: int) -> tuple[Part, Read]:
    part = ExactMean(labelled("loss", model), enough)
    return part, {"rmse": part.root}


def _mape(model: Model, _: tuple[str, ...], enough: int) -> tuple[Part, Read]:
    del model
    part = ExactMean(regression.percentage_error, enough)
    return part, {"mape": part.mean}


def _r2(model: Model, _: tuple[str, ...], enough: int) -> tuple[Part, Read]:
    del model
    part = regression.R2(enough)
    return part, {"r2": part.value}


def _interval_coverage(model: Model, _: tuple[str, ...], enough: int) -> tuple[Part, Read]:
    del model
    part = Tally(regression.covered, 2, enough)
    return part, {"interval_coverage": part.mean}


def _label_delay(model: Model, _: tuple[str, ...], enough: int) -> tuple[Part, Read]:
    del model
    part = Percentiles(delay, enough)
    return part, {"label_delay_p50": lambda: part.at(0.5), "label_delay_p95": lambda: part.at(0.95)}


_OF_CLASSES = ("f1", "precision", "recall", "balanced_accuracy")
_Table = tuple[tuple[tuple[str, ...], Build], ...]
_ALL: _Table = ((("label_delay_p50", "label_delay_p95"), _label_delay),)
_CLASSIFICATION: _Table = (
    (("accuracy", "error_rate"), _errors),
    (("log_loss",), _log_loss),
    (("brier",), _brier),
    (("ece",), _ece),
)
_PARTS: dict[str, _Table] = {
    "binary": (*_CLASSIFICATION, (_OF_CLASSES, _confusion), (("roc_auc",), _roc_auc), *_ALL),
    "multiclass": (*_CLASSIFICATION, (_OF_CLASSES, _classes), (("roc_auc",), _one_vs_rest), *_ALL),
    "regression": (
        (("mae",), _mae),
        (("rmse",), _rmse),
        (("mape",), _mape),
        (("r2",), _r2),
        (("interval_coverage",), _interval_coverage),
        *_ALL,
    ),
}
