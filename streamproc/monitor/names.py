"""The one table of the names that may stand in a condition. Does not load river."""

from __future__ import annotations

import keyword
import math
import re
from dataclasses import dataclass, replace
from typing import Literal

from streamproc.config.detectors import ALL_FEATURES
from streamproc.config.model import Model
from streamproc.errors import ConfigError
from streamproc.monitor.signals import FEATURE, LOSS_FLOOR
from streamproc.policy.quantity import Quantity

CLASSIFICATION = frozenset({"binary", "multiclass"})
REGRESSION = frozenset({"regression"})
ALL = CLASSIFICATION | REGRESSION

MODEL_PREFIX = "model_"
"""An outside number `model_accuracy` is read as an accuracy."""

Of = Literal["outcomes", "labels", "predictions", "traffic", "drift"]

_LARGEST_LOG_LOSS = math.ceil(-math.log(LOSS_FLOOR) * 100) / 100
_NOT_OF_ROWS = frozenset({"interval_coverage"})
"""The rows of a retrain have no intervals."""
_DISTANCES = {
    "psi": (math.inf, "PSI", "population stability index"),
    "ks": (1.0, "D", "Kolmogorov-Smirnov distance"),
    "js": (1.0, "JS distance", "Jensen-Shannon distance"),
}
_DOTTED_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


@dataclass(frozen=True, slots=True)
class Metric:
    """A built-in quantity, and the tasks that have it."""

    quantity: Quantity
    tasks: frozenset[str] = ALL
    of: Of = "outcomes"
    """What it is measured of: the window's outcomes, the predictions, the traffic, or drift's reference."""
    source: str = ""
    """Where the formula comes from."""

    @property
    def name(self) -> str:
        """What stands in the condition."""
        return self.quantity.name


def _share(name: str, better: Literal["higher", "lower"] | None, summary: str) -> Quantity:
    return Quantity(name, "number", 0, 1, better, "share", summary)


def _sum(name: str, better: Literal["higher", "lower"] | None, unit: str, summary: str) -> Quantity:
    return Quantity(name, "number", 0, math.inf, better, unit, summary)


METRICS = (
    Metric(_share("accuracy", "higher", "right answers / outcomes in the window"), CLASSIFICATION),
    Metric(_share("error_rate", "lower", "wrong answers / outcomes in the window"), CLASSIFICATION),
    Metric(
        _share(
            "balanced_accuracy", "higher",
            "mean of the recall of each class that is a label in the window",
        ),
        CLASSIFICATION, source="Brodersen et al. 2010",
    ),
    Metric(
        _share(
            "precision", "higher",
            "TP / (TP + FP) of the positive label, unknown if it was never answered; "
            "for multiclass the mean over the classes in the window",
        ),
        CLASSIFICATION, source="van Rijsbergen 1979",
    ),
    Metric(
        _share(
            "recall", "higher",
            "TP / (TP + FN) of the positive label, unknown if it never was; "
            "for multiclass the mean over the classes in the window",
        ),
        CLASSIFICATION, source="van Rijsbergen 1979",
    ),
    Metric(
        _share(
            "f1", "higher",
            "2 TP / (2 TP + FP + FN) of the positive label, unknown without any positive; "
            "for multiclass the mean over the classes in the window",
        ),
        CLASSIFICATION, source="van Rijsbergen 1979",
    ),
    Metric(
        _share(
            "roc_auc", "higher",
            "share of the pairs of a positive and another outcome whose scores are in the right order; "
            "a tie is half a pair; for multiclass the mean over the classes in the window, each against the rest",
        ),
        CLASSIFICATION, source="Hanley and McNeil 1982; Fawcett 2006",
    ),
    Metric(
        Quantity(
            "log_loss", "number", 0, _LARGEST_LOG_LOSS, "lower", "nats",
            "mean of -ln(probability given to the true class)",
        ),
        CLASSIFICATION, source="Good 1952",
    ),
    Metric(
        Quantity(
            "brier", "number", 0, 2, "lower", "squared probability",
            "mean of (score - (1 if positive else 0))^2, 0 to 1; "
            "for multiclass the sum of that over the classes, 0 to 2",
        ),
        CLASSIFICATION, source="Brier 1950",
    ),
    Metric(
        _share(
            "ece", "lower",
            "expected calibration error: over 10 equal bins of the score, the mean of "
            "|mean score - share of positives| by the bins' weight; "
            "for multiclass of the answered class's score and its being right",
        ),
        CLASSIFICATION, source="Naeini et al. 2015; Guo et al. 2017",
    ),
    Metric(_sum("mae", "lower", "as the label", "mean of |prediction - label| in the window"), REGRESSION),
    Metric(
        _sum("rmse", "lower", "as the label", "square root of the mean of (prediction - label)^2 in the window"),
        REGRESSION,
    ),
    Metric(
        _sum("mape", "lower", "share", "mean of |prediction - label| / |label| over the labels that are not 0"),
        REGRESSION,
    ),
    Metric(
        Quantity(
            "r2", "number", -math.inf, 1, "higher", "share",
            "1 - sum of (prediction - label)^2 / sum of (label - mean label)^2; unknown while all labels are equal",
        ),
        REGRESSION,
    ),
    Metric(
        _share(
            "interval_coverage", None,
            "share of the outcomes with `lower` and `upper` whose label lies between them, both included",
        ),
        REGRESSION,
    ),
    Metric(
        _sum("label_delay_p50", None, "seconds", "median time from the prediction to its label, in the window"),
        of="labels",
    ),
    Metric(
        _sum("label_delay_p95", None, "seconds", "time within which 95 % of the window's labels came"), of="labels"
    ),
    Metric(
        _share(
            "label_coverage", None,
            "of the predictions made between two and one `label_horizon` ago, the share that has its label",
        ),
        of="predictions",
    ),
    Metric(_share("unmatched_rate", None, "1 - label_coverage"), of="predictions"),
    Metric(
        _share(
            "missing_rate", "lower",
            "missing feature values / (predictions in the window x features of the reference)",
        ),
        of="predictions",
    ),
    Metric(
        _share(
            "unseen_category_rate", "lower",
            "feature values that are texts the reference does not have / (predictions x features)",
        ),
        of="predictions",
    ),
    Metric(
        _share(
            "out_of_range_rate", "lower",
            "feature values outside of the reference's range of numbers / (predictions x features)",
        ),
        of="predictions",
    ),
    Metric(_sum("outcomes", None, "outcomes", "outcomes since the last deploy"), of="traffic"),
    Metric(_sum("data_volume", None, "outcomes", "outcomes in the last volume_period"), of="traffic"),
    Metric(
        Quantity(
            "data_volume_increase", "number", -1, math.inf, None, "share",
            "data_volume / data_volume of the period before - 1",
        ),
        of="traffic",
    ),
    Metric(
        _sum("drift", "lower", "as the distance", "largest distance of the drift signals from their reference"),
        of="drift",
    ),
)  # fmt: skip
"""Every built-in quantity. `drift` is there only with a `drift` section, which adds `drift.<name>` for each signal."""

_BUILT_IN = {metric.name: metric for metric in METRICS}


def quantities(model: Model) -> dict[str, Quantity]:
    """The names that may stand in a condition of this model, and what they mean.

    Detectors are flags under their own names. An external metric replaces the built-in one of its name, and takes
    the range and the direction of the built-in that it is named after (`accuracy`, `model_accuracy`). Drift signals
    whose names cannot be written in a condition (`feature.a-b`) count in `drift` only.
    Raises ConfigError when two things would have one name, or a name cannot be written in a condition.
    """
    table = {m.name: m.quantity for m in METRICS if model.task in m.tasks and m.name != "drift"}
    table.update(_of_windows(model))
    table.update(_of_features(model))
    table.update(_drift(model))
    for name in model.external_metrics:
        _check_words(name, "external metric")
        table[name] = _external(name)
    for name, detector in model.detectors.items():
        _check_detector(name, table)
        summary = f"{detector.type} on {detector.signal} has seen drift since the last deploy"
        table[name] = Quantity(name, "flag", summary=summary)
        if detector.signal == ALL_FEATURES:
            count = f"{name}.count"
            table[count] = Quantity(count, "number", low=0, summary=f"features in which {name} has seen a change")
    return table


def windowed(metric: str, window: str) -> str:
    """The name of a metric over one of a model's further windows: `accuracy.day`."""
    return f"{metric}.{window}"


def comparable(task: str) -> tuple[Quantity, ...]:
    """What a challenger and a champion can be compared by: the metrics of answers, scores and labels."""
    return tuple(m.quantity for m in METRICS if m.of == "outcomes" and task in m.tasks and m.name not in _NOT_OF_ROWS)


def _of_windows(model: Model) -> dict[str, Quantity]:
    table = {}
    for window in model.metric_windows:
        _check_words(window, "window")
        for metric in METRICS:
            if metric.of in ("outcomes", "labels") and model.task in metric.tasks:
                name = windowed(metric.name, window)
                table[name] = replace(metric.quantity, name=name, summary=f"{metric.quantity.summary} ({window})")
    return table


def _of_features(model: Model) -> dict[str, Quantity]:
    """The rates of single features that conditions name."""
    summaries = {
        "missing": "share of the predictions in the window that lack {}",
        "unseen": "share of the predictions in the window whose {} is a text that the reference does not have",
        "out_of_range": "share of the predictions in the window whose {} is outside of the reference's range",
    }
    return {
        name: _share(name, "lower", summary.format(feature))
        for feature in model.rated_features
        for name, summary in ((f"{rate}.{feature}", text) for rate, text in summaries.items())
    }


def drift_name(signal: str) -> str:
    """`feature.amount` -> `drift.amount`, `score` -> `drift.score`."""
    return "drift." + signal.removeprefix(FEATURE)


def _drift(model: Model) -> dict[str, Quantity]:
    if model.drift is None:
        return {}
    high, unit, distance = _DISTANCES[model.drift.distance]
    summary = f"largest {distance} of the drift signals"
    whole = replace(_BUILT_IN["drift"].quantity, high=high, unit=unit, summary=summary)
    table, signals = {"drift": whole}, dict[str, str]()
    for signal in model.drift.signals:
        name = drift_name(signal)
        if signals.setdefault(name, signal) != signal:
            raise ConfigError(
                f"drift signals {signals[name]!r} and {signal!r} would both be called {name!r}: leave one of them out"
            )
        if _DOTTED_NAME.fullmatch(name) and not _reserved(name):
            table[name] = replace(whole, name=name, summary=f"{distance} of {signal}")
    return table


def _external(name: str) -> Quantity:
    like = _BUILT_IN.get(name) or _BUILT_IN.get(name.removeprefix(MODEL_PREFIX))
    summary = "newest value from the metrics topic"
    if like is None:
        return Quantity(name, "number", summary=summary)
    return replace(like.quantity, name=name, summary=f"{summary}, read as {like.name}")


def _reserved(name: str) -> str | None:
    """The part of a dotted name that is a word of Python, which a condition could not hold."""
    return next((part for part in name.split(".") if keyword.iskeyword(part)), None)


def _check_words(name: str, what: str) -> None:
    word = _reserved(name)
    if word is not None:
        raise ConfigError(f"{what} {name!r}: {word!r} has a meaning of its own in conditions; choose another name")


def _check_detector(name: str, taken: dict[str, Quantity]) -> None:
    _check_words(name, "detector")
    if name in taken or name in _BUILT_IN:
        whose = "a built-in quantity" if name in _BUILT_IN else "an external metric"
        raise ConfigError(f"detector {name!r}: that is the name of {whose}; call it {name}_detector, for example")
