"""The table of names for conditions."""

from __future__ import annotations

import math
import random
from typing import Any, get_args

import pytest

from streamproc.config.detectors import Adwin, PageHinkley
from streamproc.config.model import Drift, Model
from streamproc.errors import ConfigError
from streamproc.monitor.drift import DriftGauge
from streamproc.monitor.gauges import Gauges
from streamproc.monitor.metrics import WindowedMetrics
from streamproc.monitor.names import ALL, METRICS, comparable, drift_name, quantities

TASKS = get_args(Model.model_fields["task"].annotation)
OTHERS = {m.name for m in METRICS if m.of in ("traffic", "predictions")}


@pytest.mark.parametrize("task", TASKS)
def test_built_in_names_are_those_that_have_values(task: Any) -> None:
    """The names of a task are its windowed metrics, those of traffic and predictions, and nothing else."""
    model = Model(task=task)
    assert set(quantities(model)) == set(WindowedMetrics(model).getters()) | OTHERS
    assert set(Gauges(model, set(quantities(model))).getters()) == set(quantities(model))


@pytest.mark.parametrize("task", TASKS)
def test_names_of_further_windows(task: Any) -> None:
    """Each windowed metric is there over each further window too, and is measured where a condition names it."""
    model = Model.model_validate(
        {"task": task, "metric_windows": {"day": {"period": "1d"}, "long": {"outcomes": 20_000}}}
    )
    own = set(WindowedMetrics(model).getters())
    table = quantities(model)
    assert set(table) == own | OTHERS | {f"{name}.{window}" for name in own for window in ("day", "long")}
    assert table["label_delay_p50.day"].summary.endswith("(day)")
    assert set(Gauges(model, set(table)).getters()) == set(table)
    assert set(Gauges(model, {"label_delay_p95.day"}).getters()) == set(Gauges(model, ()).getters()) | {
        "label_delay_p95.day"
    }


def test_a_window_named_by_a_word_of_python() -> None:
    """Such a name could not be written in a condition."""
    with pytest.raises(ConfigError, match="'in' has a meaning"):
        quantities(Model.model_validate({"metric_windows": {"in": {}}}))


@pytest.mark.parametrize("task", TASKS)
def test_what_a_gate_compares_is_measured(task: Any) -> None:
    """A challenger is compared by windowed metrics of rows, and not by delays and intervals that rows do not have."""
    names = {quantity.name for quantity in comparable(task)}
    assert names < set(WindowedMetrics(Model(task=task)).getters())
    assert not names & {"label_delay_p50", "interval_coverage", "missing_rate", "drift"}


def test_the_table() -> None:
    """Each built-in name is there once, with an explanation, a unit and a range; tasks are real ones."""
    assert len({m.name for m in METRICS}) == len(METRICS)
    assert set(TASKS) == ALL
    for metric in METRICS:
        assert metric.quantity.kind == "number"
        assert metric.quantity.low < metric.quantity.high
        assert metric.quantity.summary
        assert metric.quantity.unit
        assert metric.tasks <= ALL


@pytest.mark.parametrize(
    ("task", "better"),
    [
        (
            "binary",
            {
                **dict.fromkeys(("accuracy", "f1", "precision", "recall", "balanced_accuracy", "roc_auc"), "higher"),
                **dict.fromkeys(("error_rate", "log_loss", "brier", "ece"), "lower"),
            },
        ),
        ("regression", {"mae": "lower", "rmse": "lower", "mape": "lower", "r2": "higher"}),
    ],
)
def test_directions(task: Any, better: dict[str, str]) -> None:
    """Metrics say which way is good; traffic has no good way."""
    found = {n: q.better for n, q in quantities(Model(task=task)).items() if q.better}
    assert found == better | dict.fromkeys(("missing_rate", "unseen_category_rate", "out_of_range_rate"), "lower")


@pytest.mark.parametrize("task", TASKS)
def test_values_stay_in_range(task: Any) -> None:
    """No windowed metric leaves the range that the table gives it, at its best and at its worst."""
    model = Model(task=task, window=20, min_samples=1)
    table, watched, rng = quantities(model), WindowedMetrics(model), random.Random(1)
    seen = set[tuple[str, bool]]()
    for _ in range(2_000):
        score = rng.choice([0.0, 1.0, rng.random()])
        scores = {"0": score, "1": 1 - score}
        row = {"prediction": rng.randrange(2), "label": rng.randrange(2), "score": score, "scores": scores}
        watched.update(row | {"lower": 0.5, "upper": 1, "time": 3_000, "label_time": rng.randrange(9_000)})
        for name, getter in watched.getters().items():
            value = getter()
            seen.add((name, value is None))
            assert value is None or table[name].low <= value <= table[name].high
    assert {(name, False) for name in watched.getters()} <= seen
    worst = WindowedMetrics(model, {"log_loss"})
    worst.update({"prediction": 1, "label": 1, "score": 0.0, "scores": {"1": 0.0}})
    for getter in worst.getters().values():
        assert getter() == pytest.approx(table["log_loss"].high, abs=0.01)


def test_detectors_are_flags() -> None:
    """A detector stands under its own name, as a flag."""
    table = quantities(Model(detectors={"rising": Adwin(), "slow": PageHinkley(signal="score")}))
    assert table["rising"].kind == table["slow"].kind == "flag"
    assert "page_hinkley on score" in table["slow"].summary


def test_drift_names() -> None:
    """Drift is there when it is configured, as a whole and for each signal whose name can be written."""
    drift = Drift(signals=("score", "feature.amount", "feature.a.b", "feature.a-b", "feature.in", "feature.1"))
    table = quantities(Model(drift=drift))
    assert {n for n in table if n.startswith("drift")} == {"drift", "drift.score", "drift.amount", "drift.a.b"}
    assert {n for n in table if n.startswith("drift")} <= set(DriftGauge(drift).getters())
    assert (table["drift.amount"].low, table["drift.amount"].better) == (0, "lower")
    assert drift_name("prediction") == "drift.prediction"


def test_two_drift_signals_of_one_name() -> None:
    """`score` and a feature called score cannot both be `drift.score`."""
    with pytest.raises(ConfigError, match=r"drift\.score"):
        quantities(Model(drift=Drift(signals=("score", "feature.score"))))
    quantities(Model(drift=Drift(signals=("score", "score"))))


def test_external_metrics() -> None:
    """Outside numbers may be anything, unless they are named after a built-in one, with or without `model_`."""
    table = quantities(Model(external_metrics=("latency.p99", "model_accuracy", "rmse", "drift")))
    assert (table["latency.p99"].low, table["latency.p99"].better) == (-math.inf, None)
    assert table["latency.p99"].high == math.inf
    assert (table["model_accuracy"].name, table["model_accuracy"].high) == ("model_accuracy", 1)
    assert table["model_accuracy"].better == "higher"
    assert (table["rmse"].low, table["rmse"].better) == (0, "lower")
    assert (table["drift"].low, table["drift"].better) == (0, "lower")


def test_an_external_metric_replaces_the_built_in() -> None:
    """An outside accuracy stands in for the built-in one, and its summary says so."""
    own, outside = quantities(Model())["accuracy"], quantities(Model(external_metrics=("accuracy",)))["accuracy"]
    assert outside.summary.startswith("newest value from the metrics topic")
    assert (outside.low, outside.high, outside.better) == (own.low, own.high, own.better)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Model(detectors={"accuracy": Adwin()}), "'accuracy'.*built-in"),
        (Model(detectors={"rmse": Adwin()}), "'rmse'.*built-in"),
        (Model(detectors={"drift": Adwin()}), "'drift'.*drift_detector"),
        (Model(detectors={"and": Adwin()}), "'and' has a meaning"),
        (Model(detectors={"True": Adwin()}), "'True' has a meaning"),
        (Model(detectors={"latency": Adwin()}, external_metrics=("latency",)), "'latency'.*external"),
        (Model(external_metrics=("not",)), "'not' has a meaning"),
        (Model(external_metrics=("is.high",)), "'is' has a meaning"),
    ],
)
def test_names_that_clash(model: Model, message: str) -> None:
    """Two things of one name, or a word of the condition language as a name, are refused with the way out."""
    with pytest.raises(ConfigError, match=message):
        quantities(model)
