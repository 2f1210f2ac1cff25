"""Signals: the right number out of a record, and nothing that could harm a detector."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from streamproc.config.model import Model
from streamproc.errors import ConfigError
from streamproc.monitor.signals import LIMIT, LOSS_FLOOR, class_text, extractor

BINARY, MULTICLASS, REGRESSION = Model(), Model(task="multiclass"), Model(task="regression")
YES_NO = Model(positive_label="yes")
SIGNALS = (
    "error", "loss", "score", "prediction", "confidence", "label_delay",
    "feature.x", "feature.a.b", "missing", "missing.x", "surprise.x",
)  # fmt: skip


@pytest.mark.parametrize(
    ("model", "prediction", "label", "error"),
    [
        (BINARY, 1, 1, 0.0),
        (BINARY, 1, True, 0.0),
        (BINARY, 1.0, 1, 0.0),
        (BINARY, 0, True, 1.0),
        (BINARY, 1, "1", 1.0),
        (MULTICLASS, "cat", "cat", 0.0),
        (MULTICLASS, "cat", "dog", 1.0),
        (MULTICLASS, math.nan, "dog", None),
        (MULTICLASS, None, None, None),
        (MULTICLASS, "cat", None, None),
        (REGRESSION, 3.5, 5, 1.5),
        (REGRESSION, True, 0, 1.0),
        (REGRESSION, "3", 5, None),
        (REGRESSION, 10**400, 5.0, None),
        (REGRESSION, math.inf, math.inf, None),
    ],
)
def test_error(model: Model, prediction: Any, label: Any, error: float | None) -> None:
    """An error is 0 or 1 for classes, compared by value, and the absolute difference for numbers."""
    value = extractor("error", model)({"prediction": prediction, "label": label})
    assert value == error
    assert type(value) is (float if error is not None else type(None))


def test_squared_error() -> None:
    """The loss of a regression is the squared error, and none where its square is out of bounds."""
    loss = extractor("loss", REGRESSION)
    assert loss({"prediction": 3, "label": 5.5}) == 6.25
    assert loss({"prediction": 1e60, "label": 0}) is None
    assert loss({"prediction": 1}) is None


@given(st.sampled_from(["yes", "no"]), st.floats(0.001, 0.999))
def test_binary_log_loss(label: str, score: float) -> None:
    """The loss of a binary answer is scikit-learn's log loss of that row."""
    loss = extractor("loss", YES_NO)({"label": label, "score": score})
    assert loss == pytest.approx(log_loss([label], [[1 - score, score]], labels=["no", "yes"]), rel=1e-12)


@given(st.lists(st.floats(0.01, 1), min_size=3, max_size=3), st.integers(0, 2))
def test_multiclass_log_loss(weights: list[float], label: int) -> None:
    """The loss of a multiclass answer is scikit-learn's log loss of that row."""
    shares = [w / sum(weights) for w in weights]
    loss = extractor("loss", MULTICLASS)({"label": label, "scores": {str(n): p for n, p in enumerate(shares)}})
    assert loss == pytest.approx(log_loss([label], [shares], labels=[0, 1, 2]), rel=1e-9)


@pytest.mark.parametrize(
    ("score", "loss"),
    [
        (0.0, -math.log(LOSS_FLOOR)),
        (-1e-7, -math.log(LOSS_FLOOR)),
        (1.0, 0.0),
        (1.0000001, 0.0),
        (1, 0.0),
        (1.5, None),
        (-3.0, None),
        (math.nan, None),
        ("0.5", None),
        (None, None),
    ],
)
def test_log_loss_at_the_ends(score: Any, loss: float | None) -> None:
    """A certain answer costs at most 34.5; what is no probability, but for rounding, has no loss."""
    value = extractor("loss", BINARY)({"label": 1, "score": score})
    assert value == (None if loss is None else pytest.approx(loss, abs=1e-14))


@pytest.mark.parametrize("label", [1, True, 1.0, "1"])
def test_scores_are_found_by_value(label: Any) -> None:
    """A label finds its score whether it was written as 1, 1.0, true or "1"."""
    assert extractor("loss", MULTICLASS)({"label": label, "scores": {"1": 0.5}}) == pytest.approx(math.log(2))


def test_no_score_for_the_label() -> None:
    """A class that the model gave no probability has no loss."""
    loss = extractor("loss", MULTICLASS)
    assert loss({"label": "new", "scores": {"old": 1.0}}) is None
    assert loss({"label": "new", "scores": None}) is None
    assert loss({"label": "new"}) is None


@pytest.mark.parametrize(
    ("model", "prediction", "value"),
    [
        (BINARY, True, 1.0),
        (BINARY, "else", 0.0),
        (YES_NO, "yes", 1.0),
        (MULTICLASS, "cat", "cat"),
        (MULTICLASS, 1.0, "1"),
        (MULTICLASS, True, "1"),
        (MULTICLASS, 1.5, "1.5"),
        (REGRESSION, 7, 7.0),
        (REGRESSION, "7", None),
        (BINARY, math.nan, None),
        (MULTICLASS, math.nan, None),
        (BINARY, None, None),
    ],
)
def test_prediction(model: Model, prediction: Any, value: float | str | None) -> None:
    """The prediction is a number for regression, 1 or 0 for binary, and text for multiclass."""
    assert extractor("prediction", model)({"prediction": prediction}) == value


def test_features() -> None:
    """Numbers and booleans come as floats, text as it is, all else not at all; names may hold dots."""
    record = {"features": {"n": 3, "b": True, "t": "text", "none": None, "a.b": 0.5}}
    values = [extractor(f"feature.{name}", BINARY)(record) for name in ("n", "b", "t", "none", "a.b", "absent")]
    assert values == [3.0, 1.0, "text", None, 0.5, None]
    assert [type(v) for v in values[:2]] == [float, float]
    assert extractor("feature.n", BINARY)({"features": None}) is None


@pytest.mark.parametrize(
    ("record", "value"),
    [
        ({"score": 0.3}, 0.7),
        ({"score": 0.9}, 0.9),
        ({"score": 17.0}, None),
        ({}, None),
    ],
)
def test_confidence(record: dict[str, Any], value: float | None) -> None:
    """The largest probability of a class; a score that is none has no confidence."""
    assert extractor("confidence", BINARY)(record) == value


def test_confidence_of_many_classes() -> None:
    """The largest of all."""
    assert extractor("confidence", MULTICLASS)({"scores": {"a": 0.2, "b": 0.5, "c": 0.3}}) == 0.5
    assert extractor("confidence", MULTICLASS)({}) is None


def test_a_regression_has_no_confidence() -> None:
    """Said when it is asked for."""
    with pytest.raises(ConfigError, match="no confidence"):
        extractor("confidence", REGRESSION)


@pytest.mark.parametrize(
    ("features", "one", "any_of_them"),
    [
        ({"x": 1.0, "y": 2.0}, 0.0, 0.0),
        ({"x": None, "y": 2.0}, 1.0, 1.0),
        ({"y": 2.0}, 1.0, 1.0),
        ({"x": 1, "y": None}, 0.0, 1.0),
    ],
)
def test_missing(features: dict[str, Any], one: float, any_of_them: float) -> None:
    """Absent or null; of all those that the model's detectors name, or that were sent."""
    model = Model.model_validate({"detectors": {"d": {"type": "adwin", "signal": "feature.x"}}})
    assert extractor("missing.x", model)({"features": features}) == one
    assert extractor("missing", model)({"features": features}) == any_of_them


def test_label_delay() -> None:
    """Seconds, of outcomes alone."""
    extract = extractor("label_delay", BINARY)
    assert extract({"time": 1_000, "label_time": 3_500}) == 2.5
    assert extract({"time": 1_000}) is None


def test_unknown_signal() -> None:
    """A signal that does not exist is an error of the configuration."""
    with pytest.raises(ConfigError, match="delay"):
        extractor("delay", BINARY)


NASTY: list[Any] = [
    math.nan,
    math.inf,
    -math.inf,
    1e308,
    -1e308,
    1e101,
    1e100,
    -1e60,
    5e-324,
    10**400,
    0,
    True,
    "a",
    None,
]
scalars = st.one_of(st.sampled_from(NASTY), st.booleans(), st.integers(), st.floats(), st.text("ab1.", max_size=3))
records = st.fixed_dictionaries(
    {},
    optional={
        "prediction": scalars,
        "label": scalars,
        "score": scalars,
        "scores": st.none() | st.dictionaries(st.sampled_from(["0", "1", "True", "nan", "a"]), scalars),
        "features": st.none() | st.dictionaries(st.sampled_from(["x", "a.b"]), scalars),
    },
)
models = pytest.mark.parametrize("model", [BINARY, MULTICLASS, REGRESSION, YES_NO])
each_signal = pytest.mark.parametrize("signal", SIGNALS)


def fits(signal: str, model: Model) -> bool:
    """Whether the model has this signal."""
    return signal != "confidence" or model.task != "regression"


def harmless(value: Any) -> bool:
    """None, text, or a finite float within the limit."""
    if type(value) is float:
        return math.isfinite(value) and abs(value) <= LIMIT
    return value is None or type(value) is str


@models
@each_signal
def test_no_nasty_value_comes_out(signal: str, model: Model) -> None:
    """No two of the worst values that a record can hold make a harmful signal."""
    if not fits(signal, model):
        pytest.skip("it has none")
    extract = extractor(signal, model)
    for one in NASTY:
        for other in NASTY:
            scores, features = {str(other): one}, {"x": one, "a.b": one}
            record = {"prediction": one, "label": other, "score": one, "scores": scores, "features": features}
            assert harmless(extract(record)), record


@models
@each_signal
@given(record=records)
def test_nothing_harmful_comes_out(signal: str, model: Model, record: dict[str, Any]) -> None:
    """Whatever a record holds, a signal is None, text, or a finite float within the limit."""
    assert not fits(signal, model) or harmless(extractor(signal, model)(record))


@given(st.one_of(st.integers(-(2**53), 2**53), st.booleans()))
def test_class_text_by_value(value: int) -> None:
    """Classes that are equal have one text."""
    assert class_text(value) == class_text(float(value)) == class_text(int(value))


@pytest.mark.parametrize("module", ["", ".names", ".signals", ".metrics", ".volume", ".drift", ".detectors"])
def test_river_is_loaded_late(module: str) -> None:
    """No module of the monitor loads river before a detector is built."""
    code = f"import sys, streamproc.monitor{module}; sys.exit('river' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
