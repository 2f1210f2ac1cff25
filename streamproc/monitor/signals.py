"""Signals: the one number (or text) of a journal record that a detector or a drift gauge watches.

Nothing non-finite and nothing beyond `LIMIT` ever leaves this module. One NaN blinds ADWIN and Page-Hinkley for
ever, and so does 1e308, whose square overflows. What cannot be used is None: the watcher skips that record.

| signal           | classification                      | regression     |
|------------------|-------------------------------------|----------------|
| `error`          | 0.0 right, 1.0 wrong                | absolute error |
| `loss`           | log loss, natural logarithm         | squared error  |
| `score`          | the record's `score`                | the same       |
| `prediction`     | binary: 1.0 if it is the positive label, else 0.0; multiclass: the class as text | the number |
| `confidence`     | binary: the larger of score and 1 - score; multiclass: the largest of `scores` | none |
| `label_delay`    | seconds from the prediction to its label, negative if the label is older | the same |
| `feature.<name>` | a number, or text as it is          | the same       |
| `surprise.<name>` | the feature as a category, whose surprise the detector forms | the same |
| `missing.<name>` | 1.0 if the feature is absent or null, else 0.0 | the same |
| `missing`        | 1.0 if a feature that detectors or drift name is so, or any sent one is null | the same |
| `features`       | all of them, for a detector for each | the same      |
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from streamproc.config.base import Scalar
from streamproc.config.model import Model
from streamproc.errors import ConfigError

LIMIT = 1e100
"""The largest magnitude that is passed on: its square, summed over any stream, is still finite."""
LOSS_FLOOR = 1e-15
"""Probabilities are clipped to [1e-15, 1 - 1e-15], so that a log loss is at most 34.5."""
ROUNDING = 1e-6
"""How far outside [0, 1] a probability may lie by rounding (float32 models). Further out it is not a probability."""

FEATURE, SURPRISE, MISSING = "feature.", "surprise.", "missing."

Value = float | str | None
Extractor = Callable[[Mapping[str, Any]], Any]
"""Journal record -> Value; for `features`, the mapping itself."""
NumberExtractor = Callable[[Mapping[str, Any]], float | None]


def extractor(signal: str, model: Model) -> Extractor:  # noqa: PLR0911 - one for each signal
    """A function from a journal record (an outcome or a prediction) to the signal's value, or None if it has none.

    `error` and `loss` need a label, so they are None on predictions. Raises ConfigError for an unknown signal.
    """
    if signal in ("error", "loss"):
        return labelled(signal, model)
    if signal == "score":
        return score
    if signal == "prediction":
        return _prediction(model)
    if signal.startswith(FEATURE):
        return _feature(signal.removeprefix(FEATURE))
    for prefix, make in ((SURPRISE, _feature), (MISSING, _is_missing)):
        if signal.startswith(prefix):
            return make(signal.removeprefix(prefix))
    whole = {"label_delay": _label_delay, "features": _features, "confidence": _CONFIDENCE.get(model.task)}.get(signal)
    if whole is not None:
        return whole
    if signal == "missing":
        return _any_missing(model)
    if signal == "confidence":
        raise ConfigError("a regression has no confidence: watch its error, score or prediction")
    raise ConfigError(
        f"unknown signal {signal!r}: use error, loss, score, prediction, confidence, label_delay, missing, features, "
        "feature.<name>, surprise.<name> or missing.<name>"
    )


def labelled(signal: str, model: Model) -> NumberExtractor:
    """`extractor` for the signals that compare with the label, which are always numbers: `error` and `loss`."""
    if model.task == "regression":
        return _absolute_error if signal == "error" else _squared_error
    if signal == "error":
        return _wrong
    return _binary_log_loss(model.positive_label) if model.task == "binary" else _multiclass_log_loss


def number(value: object) -> float | None:
    """A finite number (or bool) within +-LIMIT as a float; None for all else."""
    if isinstance(value, (float, int)) and -LIMIT <= value <= LIMIT:  # false for NaN
        return float(value)
    return None


def class_text(value: Scalar) -> str:
    """A class as text. Classes that are equal as numbers (1, 1.0, True) give the same text."""
    if isinstance(value, str):
        return value
    return str(int(value)) if isinstance(value, int) or value.is_integer() else str(value)


def _missing(answer: object) -> bool:
    return answer is None or (isinstance(answer, float) and math.isnan(answer))


def _wrong(record: Mapping[str, Any]) -> float | None:
    prediction, label = record.get("prediction"), record.get("label")
    if prediction is None or label is None:
        return None
    if prediction == label:
        return 0.0
    return None if _missing(prediction) or _missing(label) else 1.0


def _absolute_error(record: Mapping[str, Any]) -> float | None:
    try:
        error = abs(record["prediction"] - record["label"])
        return float(error) if error <= LIMIT else None  # false for NaN
    except (TypeError, KeyError, OverflowError):  # text, not there, an absurd integer
        return None


def _squared_error(record: Mapping[str, Any]) -> float | None:
    try:
        error = record["prediction"] - record["label"]
        square = error * error
        return float(square) if square <= LIMIT else None
    except (TypeError, KeyError, OverflowError):
        return None


def _binary_log_loss(positive_label: Scalar) -> NumberExtractor:
    def binary_log_loss(record: Mapping[str, Any]) -> float | None:
        label, p = record.get("label"), record.get("score")
        if label is None or p is None or (label.__class__ is float and math.isnan(label)):
            return None
        try:
            return _log_loss(p if label == positive_label else 1.0 - p)
        except (TypeError, OverflowError):  # text, an absurd integer
            return None

    return binary_log_loss


def _multiclass_log_loss(record: Mapping[str, Any]) -> float | None:
    label: Scalar | None = record.get("label")
    scores = record.get("scores")
    if not scores or label is None or _missing(label):
        return None
    probability = scores.get(str(label))
    if probability is None:
        probability = scores.get(class_text(label))
    try:
        return _log_loss(probability)
    except TypeError:  # text, or not there
        return None


def _log_loss(probability: Any) -> float | None:
    """-ln(p) of the probability that was given to what really was. Raises TypeError for what is no number."""
    if LOSS_FLOOR <= probability <= 1.0 - LOSS_FLOOR:
        return -math.log(probability)
    if -ROUNDING <= probability <= 1.0 + ROUNDING:  # false for NaN
        return -math.log(LOSS_FLOOR if probability < LOSS_FLOOR else 1.0 - LOSS_FLOOR)
    return None


def score(record: Mapping[str, Any]) -> float | None:
    """The record's own score."""
    return number(record.get("score"))


def _prediction(model: Model) -> Extractor:
    positive_label = model.positive_label

    def is_positive(record: Mapping[str, Any]) -> float | None:
        prediction = record.get("prediction")
        if _missing(prediction):
            return None
        return 1.0 if prediction == positive_label else 0.0

    def predicted_class(record: Mapping[str, Any]) -> str | None:
        prediction: Scalar | None = record.get("prediction")
        usable = isinstance(prediction, str) or number(prediction) is not None
        return class_text(prediction) if usable and prediction is not None else None

    def predicted_number(record: Mapping[str, Any]) -> float | None:
        return number(record.get("prediction"))

    return {"binary": is_positive, "multiclass": predicted_class, "regression": predicted_number}[model.task]


def _feature(name: str) -> Extractor:
    def feature(record: Mapping[str, Any]) -> Value:
        features = record.get("features")
        value = features.get(name) if features else None
        return value if isinstance(value, str) else number(value)

    return feature


def _features(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return record.get("features") or None


def _label_delay(record: Mapping[str, Any]) -> float | None:
    made, labelled_at = number(record.get("time")), number(record.get("label_time"))
    return None if made is None or labelled_at is None else (labelled_at - made) / 1000.0


def _binary_confidence(record: Mapping[str, Any]) -> float | None:
    p = number(record.get("score"))
    if p is None or not -ROUNDING <= p <= 1.0 + ROUNDING:
        return None
    return max(p, 1.0 - p)


def _multiclass_confidence(record: Mapping[str, Any]) -> float | None:
    scores = record.get("scores")
    known = [value for value in map(number, scores.values()) if value is not None] if scores else []
    return max(known, default=None)


_CONFIDENCE: dict[str, NumberExtractor] = {"binary": _binary_confidence, "multiclass": _multiclass_confidence}


def _is_missing(name: str) -> NumberExtractor:
    def is_missing(record: Mapping[str, Any]) -> float:
        features = record.get("features")
        return 1.0 if not features or _missing(features.get(name)) else 0.0

    return is_missing


def _any_missing(model: Model) -> NumberExtractor:
    signals = [detector.signal for detector in model.detectors.values()] + list(
        model.drift.signals if model.drift else ()
    )
    prefixes = (FEATURE, SURPRISE, MISSING)
    declared = tuple(dict.fromkeys(s.split(".", 1)[1] for s in signals if s.startswith(prefixes)))

    def any_missing(record: Mapping[str, Any]) -> float | None:
        features = record.get("features")
        if not features:
            return 1.0 if declared else None
        return 1.0 if any(_missing(features.get(n)) for n in declared) or any(map(_missing, features.values())) else 0.0

    return any_missing
