"""Every metric, with weights, missing values and windows of a period: scikit-learn's on what is in the window."""

from __future__ import annotations

import math
import random
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from streamproc.config.model import Model
from streamproc.monitor.metrics import WindowedMetrics
from streamproc.monitor.names import METRICS

T = 1_780_000_000_000
CLASSES = ["a", "b", "c", "d"]
Row = dict[str, Any]
Weights = Sequence[float]


def stream(rng: random.Random, task: str, count: int, *, weighted: bool) -> list[Row]:
    """Outcomes with gaps in everything that may be missing, ties among scores, and labels that come out of order."""
    rows = []
    for n in range(count):
        time = T + 1000 * n + rng.randrange(-3000, 0)
        row: Row = {"time": time - rng.randrange(100_000), "label_time": time, **answer(rng, task)}
        if weighted and rng.random() < 0.8:
            row["weight"] = rng.choice([0.0, 0.25, 1.0, 3.0, rng.random() * 10])
        rows.append(row)
    return rows


def answer(rng: random.Random, task: str) -> Row:
    """A prediction and its label."""
    if task == "regression":
        label = rng.choice([0.0, rng.gauss(50, 20)])
        low, high = label + rng.gauss(-3, 3), label + rng.gauss(3, 3)
        interval = {"lower": low, "upper": high} if rng.random() < 0.8 else {}
        return {"prediction": label + rng.gauss(0, 5), "label": label, **interval}
    if task == "binary":
        score = rng.choice([0.1, 0.5, 0.5, rng.random()])
        known = {"score": score} if rng.random() < 0.85 else {}
        return {"prediction": int(score >= 0.5), "label": int(rng.random() < (score + 0.3) / 1.6), **known}
    shares = [rng.random() for _ in CLASSES]
    scores = {name: share / sum(shares) for name, share in zip(CLASSES, shares, strict=True)}
    name = rng.choice(CLASSES[: rng.randrange(1, 5)])
    return {"prediction": rng.choice(CLASSES), "label": name, "scores": scores if rng.random() < 0.85 else None}


def columns(rows: Sequence[Row], *names: str) -> tuple[list[list[Any]], list[float]]:
    """The columns of the rows that have all of them, and these rows' weights."""
    whole = [row for row in rows if all(row.get(name) is not None for name in names)]
    return [[row[name] for row in whole] for name in names], [row.get("weight", 1.0) for row in whole]


def of_answers(function: Callable[..., Any], **options: Any) -> Callable[[Sequence[Row]], float | None]:
    """A metric of scikit-learn of labels and predictions; None without weight."""

    def value(rows: Sequence[Row]) -> float | None:
        (labels, answers), weights = columns(rows, "label", "prediction")
        return float(function(labels, answers, sample_weight=weights, **options)) if sum(weights) else None

    return value


def of_scores(function: Callable[..., Any]) -> Callable[[Sequence[Row]], float | None]:
    """A metric of scikit-learn of labels and scores."""

    def value(rows: Sequence[Row]) -> float | None:
        (labels, scores), weights = columns(rows, "label", "score")
        return float(function(labels, scores, sample_weight=weights)) if sum(weights) else None

    return value


def of_positives(function: Callable[..., Any], *sides: str) -> Callable[[Sequence[Row]], float | None]:
    """The same, but not known where neither of the sides has a positive of any weight."""
    value = of_answers(function, zero_division=0)

    def known(rows: Sequence[Row]) -> float | None:
        return value(rows) if any(row[side] * row.get("weight", 1.0) for row in rows for side in sides) else None

    return known


def roc_auc(rows: Sequence[Row]) -> float | None:
    (labels, scores), weights = columns(rows, "label", "score")
    weight_of = {0: 0.0, 1: 0.0}
    for label, weight in zip(labels, weights, strict=True):
        weight_of[label] += weight
    return float(sk.roc_auc_score(labels, scores, sample_weight=weights)) if all(weight_of.values()) else None


def one_vs_rest(rows: Sequence[Row]) -> float | None:
    """scikit-learn's `multi_class="ovr", average="macro"`, which wants scores of all classes and labels of all."""
    (labels, scores), weights = columns(rows, "label", "scores")
    areas = []
    for name in CLASSES:
        is_it = [label == name for label in labels]
        both = [sum(w for w, it in zip(weights, is_it, strict=True) if it is side) for side in (True, False)]
        if all(both):
            areas.append(sk.roc_auc_score(is_it, [each[name] for each in scores], sample_weight=weights))
    return float(np.mean(areas)) if areas else None


def ece(rows: Sequence[Row]) -> float | None:
    """By its definition."""
    (labels, scores), weights = columns(rows, "label", "score")
    return _ece(scores, labels, weights)


def top_ece(rows: Sequence[Row]) -> float | None:
    (labels, answers, scores), weights = columns(rows, "label", "prediction", "scores")
    top = [score[name] for score, name in zip(scores, answers, strict=True)]
    return _ece(top, [a == b for a, b in zip(labels, answers, strict=True)], weights)


def _ece(scores: Weights, happened: Sequence[Any], weights: Weights) -> float | None:
    if not sum(weights):
        return None
    bins = np.clip(np.ceil(np.array(scores) * 10 - 1e-12) - 1, 0, 9)
    gaps = np.array(weights) * (np.array(happened, float) - np.array(scores))
    return float(sum(abs(gaps[bins == b].sum()) for b in range(10)) / sum(weights))


def multiclass_brier(rows: Sequence[Row]) -> float | None:
    (labels, scores), weights = columns(rows, "label", "scores")
    each = [
        sum((share - (name == label)) ** 2 for name, share in score.items())
        for label, score in zip(labels, scores, strict=True)
    ]
    return float(np.average(each, weights=weights)) if sum(weights) else None


def multiclass_log_loss(rows: Sequence[Row]) -> float | None:
    (labels, scores), weights = columns(rows, "label", "scores")
    shares = [[score[name] for name in CLASSES] for score in scores]
    return float(sk.log_loss(labels, shares, sample_weight=weights, labels=CLASSES)) if sum(weights) else None


def binary_log_loss(rows: Sequence[Row]) -> float | None:
    (labels, scores), weights = columns(rows, "label", "score")
    return float(sk.log_loss(labels, scores, sample_weight=weights, labels=[0, 1])) if sum(weights) else None


def mape(rows: Sequence[Row]) -> float | None:
    return of_answers(sk.mean_absolute_percentage_error)([row for row in rows if row["label"]])


def r2(rows: Sequence[Row]) -> float | None:
    varied = len({row["label"] for row in rows if row.get("weight", 1.0)}) > 1
    return of_answers(sk.r2_score)(rows) if varied else None


def covered(rows: Sequence[Row]) -> float | None:
    (labels, lower, upper), weights = columns(rows, "label", "lower", "upper")
    inside = [low <= label <= high for label, low, high in zip(labels, lower, upper, strict=True)]
    return float(np.average(inside, weights=weights)) if sum(weights) else None


def late(share: float) -> Callable[[Sequence[Row]], float]:
    """A percentile of the labels' delays, unweighted."""

    def value(rows: Sequence[Row]) -> float:
        delays = [(row["label_time"] - row["time"]) / 1000 for row in rows]
        return float(np.quantile(delays, share, method="inverted_cdf"))

    return value


DELAYS = {"label_delay_p50": late(0.5), "label_delay_p95": late(0.95)}
CLASSIFICATION = {"accuracy": of_answers(sk.accuracy_score), "error_rate": of_answers(sk.zero_one_loss), **DELAYS}
EXPECTED: dict[str, dict[str, Callable[[Sequence[Row]], float | None]]] = {
    "binary": {
        **CLASSIFICATION,
        "balanced_accuracy": of_answers(sk.balanced_accuracy_score),
        "precision": of_positives(sk.precision_score, "prediction"),
        "recall": of_positives(sk.recall_score, "label"),
        "f1": of_positives(sk.f1_score, "label", "prediction"),
        "roc_auc": roc_auc,
        "log_loss": binary_log_loss,
        "brier": of_scores(sk.brier_score_loss),
        "ece": ece,
    },
    "multiclass": {
        **CLASSIFICATION,
        "balanced_accuracy": of_answers(sk.balanced_accuracy_score),
        "precision": of_answers(sk.precision_score, average="macro", zero_division=0),
        "recall": of_answers(sk.recall_score, average="macro", zero_division=0),
        "f1": of_answers(sk.f1_score, average="macro", zero_division=0),
        "roc_auc": one_vs_rest,
        "log_loss": multiclass_log_loss,
        "brier": multiclass_brier,
        "ece": top_ece,
    },
    "regression": {
        **DELAYS,
        "mae": of_answers(sk.mean_absolute_error),
        "rmse": of_answers(sk.root_mean_squared_error),
        "mape": mape,
        "r2": r2,
        "interval_coverage": covered,
    },
}


def newest(rows: Sequence[Row], window: int, period: int | None) -> list[Row]:
    """What is in the window, by its definition: the newest rows, but those that are or came too late, in turn."""
    held: list[Row] = []
    clock = 0
    for row in rows:
        clock = max(clock, row["label_time"])
        if period is not None:
            while held and held[0]["label_time"] <= clock - period:
                held.pop(0)
            if row["label_time"] <= clock - period:
                continue
        held = [*held, row][-window:]
    return held


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("period", [None, 20_000])
@pytest.mark.parametrize("task", EXPECTED)
@pytest.mark.filterwarnings("ignore")
def test_as_sklearn(task: Any, period: int | None, weighted: bool) -> None:
    """Every metric, at many places of many streams, is scikit-learn's on the rows that are in the window there."""
    compared = dict.fromkeys(EXPECTED[task], 0)
    for seed in range(8):
        rng = random.Random(seed)
        window = rng.choice([3, 10, 30])
        model = Model(task=task, window=window, min_samples=1).model_copy(update={"window_period": period})
        watched, rows = WindowedMetrics(model), stream(rng, task, 90, weighted=weighted)
        for n, row in enumerate(rows, start=1):
            watched.update(row)
            if rng.random() < 0.08:
                held = newest(rows[:n], window, period)
                for name, getter in watched.getters().items():
                    expected, value = EXPECTED[task][name](held), getter()
                    compared[name] += expected is not None
                    if expected is None or value is None:
                        assert value is expected, (name, held)
                    else:
                        assert value == pytest.approx(expected, rel=1e-9, abs=1e-11), (name, held)
    assert min(compared.values()) > 20


@pytest.mark.parametrize("task", EXPECTED)
def test_every_windowed_metric_is_compared(task: Any) -> None:
    """The table of names has no windowed metric that is not in this test."""
    named = {m.name for m in METRICS if m.of in ("outcomes", "labels") and task in m.tasks}
    assert named == set(EXPECTED[task]) == set(WindowedMetrics(Model(task=task)).getters())


def test_the_calibration_error_has_sklearns_bins() -> None:
    """With equal weights of the bins, it is the mean gap of scikit-learn's calibration curve."""
    rng = random.Random(4)
    watched = WindowedMetrics(Model(window=1000, min_samples=1), {"ece"})
    scores = [(n % 10 + 0.5 + rng.uniform(-0.4, 0.4)) / 10 for n in range(1000)]
    labels = [int(rng.random() < score**2) for score in scores]
    for score, label in zip(scores, labels, strict=True):
        watched.update({"prediction": 1, "label": label, "score": score})
    true, predicted = calibration_curve(labels, scores, n_bins=10)
    assert watched.getters()["ece"]() == pytest.approx(float(np.mean(abs(true - predicted))))


def test_weights_of_one_change_nothing() -> None:
    """A stream whose weights are all the same has the values of one without weights."""
    rows = stream(random.Random(2), "binary", 200, weighted=False)
    model = Model(window=50, min_samples=1)
    for weight in (1, 0.1, 7.3):
        plain, weighted = WindowedMetrics(model), WindowedMetrics(model)
        for row in rows:
            plain.update(row)
            weighted.update(row | {"weight": weight})
            for name, getter in plain.getters().items():
                expected = getter()
                near = None if expected is None else pytest.approx(expected, rel=1e-12, abs=1e-12)
                assert weighted.getters()[name]() == near, name


def test_a_window_of_a_period_gets_empty() -> None:
    """When only time passes, what is too old leaves, and then nothing is known."""
    model = Model.model_validate({"window": 100, "window_period": "10s", "min_samples": 1})
    watched = WindowedMetrics(model)
    for n in range(5):
        row = {"time": T, "label_time": T + 1000 * n, "prediction": 1, "label": n % 2, "score": 0.7}
        watched.update(row)
    assert watched.getters()["accuracy"]() == pytest.approx(2 / 5)
    watched.advance(T + 12_999)
    assert watched.getters()["accuracy"]() == pytest.approx(1 / 2)
    watched.advance(T + 14_000)
    assert {getter() for getter in watched.getters().values()} == {None}


@pytest.mark.parametrize("task", EXPECTED)
def test_memory_is_that_of_the_window(task: Any) -> None:
    """A part holds a value for each place, however long the stream and whatever the period."""
    model = Model.model_validate({"task": task, "window": 40, "window_period": "1d"})
    watched = WindowedMetrics(model)
    for row in stream(random.Random(1), task, 2000, weighted=True):
        watched.update(row)
    state: Any = watched.state()
    sizes = [len(item) for part in state[-1] for item in part if isinstance(item, bytes)]
    assert len(watched._times) == len(watched._weights or ()) == 40
    assert max(sizes) <= 40 * 8


def test_huge_and_odd_numbers_do_no_harm() -> None:
    """Numbers of 1e99 and weights of 1e100 leave without a trace."""
    watched = WindowedMetrics(Model(task="regression", window=4, min_samples=1))
    for row in ({"prediction": 1e99, "label": -1e99, "weight": 1e100}, {"prediction": -1e50, "label": 1e-99}):
        watched.update(row | {"time": T, "label_time": T})
        assert all(v is None or math.isfinite(v) for v in (g() for g in watched.getters().values()))
    for label in (1.0, 2.0, 3.0, 4.0):
        watched.update({"prediction": label + 1, "label": label, "time": T, "label_time": T})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert watched.getters()["r2"]() == pytest.approx(sk.r2_score([1, 2, 3, 4], [2, 3, 4, 5]))
    assert watched.getters()["mae"]() == 1.0


def test_classes_beyond_those_that_are_told_apart_do_not_count() -> None:
    """A hundred classes: the first twenty labels have an area, memory stays bounded, and a class may come late."""
    model = Model.model_validate({"task": "multiclass", "window": 200, "min_samples": 10})
    watched = WindowedMetrics(model, {"roc_auc"})
    rng = random.Random(3)
    names = [f"c{n}" for n in range(100)]
    rows: list[Row] = []
    for n in range(1000):
        label = rng.choice(names[: 10 + n // 10])
        scores = {name: rng.random() + (name == label) for name in names}
        weight = {"weight": rng.choice([1.0, 2.0])} if n > 300 else {}
        rows.append({"prediction": label, "label": label, "scores": scores, "label_time": T + n, **weight})
        watched.update(rows[-1])
        if n == 150:
            assert watched.getters()["roc_auc"]() is not None
    seen = dict.fromkeys(row["label"] for row in rows)
    first, held = list(seen)[:20], rows[-200:]
    expected = []
    for name in first:
        is_it, weights = [row["label"] == name for row in held], [row.get("weight", 1.0) for row in held]
        if any(is_it):
            expected.append(sk.roc_auc_score(is_it, [row["scores"][name] for row in held], sample_weight=weights))
    assert watched.getters()["roc_auc"]() == pytest.approx(np.mean(expected))
    restored = WindowedMetrics(model, {"roc_auc"})
    restored.restore(watched.state())
    assert restored.getters()["roc_auc"]() == watched.getters()["roc_auc"]()
