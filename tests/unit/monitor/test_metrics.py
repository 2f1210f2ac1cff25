"""Windowed metrics equal scikit-learn's on the window's content, whatever came before."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from streamproc.config.model import Model
from streamproc.monitor.metrics import WindowedMetrics

CLASSES = ("precision", "recall", "balanced_accuracy")
BINARY = ("accuracy", "error_rate", "f1", "log_loss")


def model(task: Any, window: int = 10, min_samples: int = 3, positive_label: Any = 1) -> Model:
    """A model with a window of few outcomes."""
    return Model(task=task, window=window, min_samples=min_samples, positive_label=positive_label)


def values(watched: WindowedMetrics) -> dict[str, float | None]:
    """All present values."""
    return {name: getter() for name, getter in watched.getters().items()}


def close(expected: float, tolerance: float = 1e-9) -> Any:
    """Equal but for rounding."""
    return pytest.approx(expected, rel=tolerance, abs=1e-12)


def rows(*columns: Sequence[Any], names: tuple[str, ...] = ("prediction", "label", "score")) -> list[dict[str, Any]]:
    """Outcomes from columns."""
    return [dict(zip(names, row, strict=False)) for row in zip(*columns, strict=True)]


probability = st.none() | st.floats(0.001, 0.999)
binary_rows = st.lists(st.tuples(st.booleans(), st.integers(0, 1), probability), max_size=40)


@given(binary_rows, st.integers(1, 12), st.integers(1, 14))
@settings(deadline=None, max_examples=60)
def test_binary_as_sklearn(stream: list[Any], window: int, min_samples: int) -> None:
    """Accuracy, error rate, F1 and log loss of a binary model are scikit-learn's on the newest outcomes."""
    watched = WindowedMetrics(model("binary", window, min_samples), BINARY)
    enough = min(window, min_samples)
    for n, outcome in enumerate(rows(*zip(*stream, strict=True)) if stream else [], start=1):
        watched.update(outcome)
        now, newest = values(watched), stream[max(0, n - window) : n]
        if len(newest) < enough:
            assert set(now.values()) == {None}
            continue
        answers, labels = [int(r[0]) for r in newest], [r[1] for r in newest]
        assert now["accuracy"] == close(sk.accuracy_score(labels, answers))
        assert now["error_rate"] == close(sk.zero_one_loss(labels, answers))
        positive = any(answers) or any(labels)
        assert now["f1"] == (close(sk.f1_score(labels, answers)) if positive else None)
        scored = [(label, score) for _, label, score in newest if score is not None]
        if len(scored) < enough:
            assert now["log_loss"] is None
        else:
            shares = [[1 - score, score] for _, score in scored]
            assert now["log_loss"] == close(sk.log_loss([label for label, _ in scored], shares, labels=[0, 1]))


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("abcde")), max_size=40), st.integers(1, 12))
@settings(deadline=None, max_examples=60)
def test_multiclass_as_sklearn(stream: list[tuple[str, str]], window: int) -> None:
    """The F1 of a multiclass model is scikit-learn's macro average over the classes in the window."""
    watched = WindowedMetrics(model("multiclass", window, 1), {"f1", "accuracy"})
    for n, (answer, label) in enumerate(stream, start=1):
        watched.update({"prediction": answer, "label": label})
        answers, labels = zip(*stream[max(0, n - window) : n], strict=True)
        now = values(watched)
        assert now["f1"] == close(sk.f1_score(labels, answers, average="macro", zero_division=0))
        assert now["accuracy"] == close(sk.accuracy_score(labels, answers))


def test_multiclass_log_loss_as_sklearn() -> None:
    """The log loss of a multiclass model is scikit-learn's over the rows with scores."""
    rng = random.Random(1)
    watched, kept = WindowedMetrics(model("multiclass", 20, 5), {"log_loss"}), []
    for n in range(60):
        shares = [rng.random() + 0.01 for _ in range(3)]
        shares = [s / sum(shares) for s in shares]
        label = rng.randrange(3)
        scores = {str(c): s for c, s in enumerate(shares)} if n % 3 else None
        watched.update({"prediction": 0, "label": label, "scores": scores})
        kept.append((label, shares) if scores else None)
    scored = [row for row in kept[-20:] if row]
    expected = sk.log_loss([label for label, _ in scored], [s for _, s in scored], labels=[0, 1, 2])
    assert values(watched) == {"log_loss": close(expected)}


numbers = st.floats(-1e40, 1e40)


@given(st.lists(st.tuples(numbers, numbers), max_size=40), st.integers(1, 12))
@settings(deadline=None, max_examples=60)
def test_regression_as_sklearn(stream: list[tuple[float, float]], window: int) -> None:
    """MAE and RMSE are scikit-learn's on the newest outcomes, of whatever sizes the errors are and were."""
    watched = WindowedMetrics(model("regression", window, 1), {"mae", "rmse"})
    for n, (answer, label) in enumerate(stream, start=1):
        watched.update({"prediction": answer, "label": label})
        answers, labels = zip(*stream[max(0, n - window) : n], strict=True)
        now = values(watched)
        assert now["mae"] == close(sk.mean_absolute_error(labels, answers))
        assert now["rmse"] == close(sk.root_mean_squared_error(labels, answers))


@given(st.lists(st.floats(-90, 90).map(lambda e: 10**e) | st.just(0.0), max_size=300), st.integers(1, 40))
@settings(deadline=None, max_examples=100)
def test_outliers_leave_no_trace(errors: list[float], window: int) -> None:
    """However large an error was, once it has left the window the mean is that of the others, to nine digits."""
    watched = WindowedMetrics(model("regression", window, 1), {"mae"})
    for n, error in enumerate(errors, start=1):
        watched.update({"prediction": error, "label": 0.0})
        newest = errors[max(0, n - window) : n]
        assert values(watched)["mae"] == pytest.approx(math.fsum(newest) / len(newest), rel=1e-9, abs=0)


@pytest.mark.parametrize("task", ["regression", "multiclass"])
def test_sums_do_not_drift(task: str) -> None:
    """After 50,000 updates the value is that of a new window with the same content, to twelve digits."""
    rng = random.Random(3)
    names = {"multiclass": set(BINARY), "regression": {"mae", "rmse", "r2"}}[task]
    long = WindowedMetrics(model(task, 100, 1), names)
    stream = [{"prediction": rng.randrange(7) / 7, "label": rng.randrange(7) / 7, "scores": {"0.0": 0.1}}
              for _ in range(50_000)]  # fmt: skip
    for outcome in stream:
        long.update(outcome)
    short = WindowedMetrics(model(task, 100, 1), names)
    for outcome in stream[-100:]:
        short.update(outcome)
    assert values(long) == {name: close(value or math.nan, 1e-12) for name, value in values(short).items()}


@given(binary_rows, binary_rows, st.sampled_from(["binary", "multiclass", "regression"]))
@settings(deadline=None, max_examples=50)
def test_reset_equals_fresh(before: list[Any], after: list[Any], task: str) -> None:
    """Metrics that were reset cannot be told from new ones, and getters taken before stay valid."""
    used, fresh = WindowedMetrics(model(task, 5, 2)), WindowedMetrics(model(task, 5, 2))
    getters = used.getters()
    for outcome in rows(*zip(*before, strict=True)) if before else []:
        used.update(outcome)
    used.reset()
    assert values(used) == values(fresh)
    for outcome in rows(*zip(*after, strict=True)) if after else []:
        used.update(outcome)
        fresh.update(outcome)
        assert {name: getter() for name, getter in getters.items()} == values(fresh)


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("binary", {*BINARY, *CLASSES, "brier", "ece", "roc_auc"}),
        ("multiclass", {*BINARY, *CLASSES, "brier", "ece", "roc_auc"}),
        ("regression", {"mae", "rmse", "mape", "r2", "interval_coverage"}),
    ],
)
def test_metrics_of_a_task(task: str, names: set[str]) -> None:
    """A task has its own metrics, and no value before there were outcomes."""
    assert values(WindowedMetrics(model(task))) == dict.fromkeys(names | {"label_delay_p50", "label_delay_p95"})


def test_only_what_is_needed() -> None:
    """Metrics that no condition names are neither offered nor computed."""
    watched = WindowedMetrics(model("binary"), {"error_rate", "drift", "mae"})
    assert set(watched.getters()) == {"error_rate"}
    assert WindowedMetrics(model("binary"), set()).getters() == {}
    none: Any = None
    WindowedMetrics(model("regression"), {"mae"}).update({"prediction": 1.0, "label": none})


def test_no_value_before_min_samples() -> None:
    """Windowed metrics wait for min_samples outcomes, and a smaller window for its being full."""
    right = {"prediction": 1, "label": 1}
    for window, min_samples, first in ((10, 4, 4), (3, 4, 3), (1, 100, 1)):
        watched = WindowedMetrics(model("binary", window, min_samples), {"accuracy"})
        seen = []
        for _ in range(12):
            watched.update(right)
            seen.append(values(watched)["accuracy"])
        assert seen.index(1.0) == first - 1


def test_revisions_change_nothing() -> None:
    """A revised label neither replaces the first one nor counts as another outcome, also when it was false or 0."""
    watched = WindowedMetrics(model("binary", 3, 1), {"accuracy"})
    for label in (1, 1, 0):
        watched.update({"prediction": 1, "label": label})
    for before in (0, False, 1, ""):
        watched.update({"prediction": 1, "label": 1, "revises": before})
    assert values(watched)["accuracy"] == pytest.approx(2 / 3)
    watched.update({"prediction": 1, "label": 1, "revises": None})
    assert values(watched)["accuracy"] == pytest.approx(2 / 3)
    watched.update({"prediction": 1, "label": 0})
    assert values(watched)["accuracy"] == pytest.approx(1 / 3)


def test_unusable_outcomes_are_left_out() -> None:
    """What has no error (no number, no label) takes a place in the window, and MAE, accuracy and F1 are of the rest."""
    regression = WindowedMetrics(model("regression", 5, 1), {"mae", "rmse"})
    binary = WindowedMetrics(model("binary", 4, 1), BINARY)
    for prediction in (9.0, 3.0, "text", None, math.nan, 1.0):
        regression.update({"prediction": prediction, "label": 0.0})
    assert values(regression) == {"mae": 2.0, "rmse": close(math.sqrt(5))}
    for label in (1, None, math.nan, 0):
        binary.update({"prediction": 1, "label": label})
    assert values(binary)["accuracy"] == 0.5
    assert values(binary)["f1"] == close(2 / 3)


def test_f1_of_another_positive_label() -> None:
    """F1 is that of the configured positive label; without any positive it is not known, and fires nothing."""
    watched = WindowedMetrics(model("binary", 4, 1, positive_label="fraud"), {"f1"})
    watched.update({"prediction": "fine", "label": "fine"})
    assert values(watched)["f1"] is None
    for prediction, label in (("fraud", "fraud"), ("fraud", "fine"), ("fine", "fine")):
        watched.update({"prediction": prediction, "label": label})
    assert values(watched)["f1"] == close(2 / 3)


def test_memory_of_many_classes_is_bounded() -> None:
    """Classes that have left the window are forgotten."""
    watched = WindowedMetrics(model("multiclass", 10, 1), {"f1"})
    part: Any = watched._parts[0]
    for n in range(1_000):
        watched.update({"prediction": f"a{n}", "label": f"b{n}"})
    assert len(part._classes) <= 20
    assert len(part._answers) == len(part._labels) == 10
