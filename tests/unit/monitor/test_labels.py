"""Label coverage: of the predictions of a certain age, the share that has its label."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.config.model import Model
from streamproc.monitor.gauges import Gauges
from streamproc.monitor.metrics import LabelCoverage

T = 1_780_000_020_000
HOUR = 3_600_000
MINUTE = 60_000


def test_as_defined() -> None:
    """Of the predictions made between two and one horizon ago, those whose label has come, whenever it came."""
    rng = random.Random(1)
    watched = LabelCoverage(HOUR, 10)
    made: list[tuple[int, int | None]] = []
    for n in range(300):
        now = T + n * MINUTE
        made.append((now, now + rng.randrange(3 * HOUR) if rng.random() < 0.8 else None))
        watched.prediction(now, now)
        for time, label_time in made:
            if label_time is not None and now - MINUTE < label_time <= now:
                watched.label(time)
        old = [(time, label) for time, label in made if now - 2 * HOUR <= time - time % MINUTE < now - HOUR]
        with_label = [label for _, label in old if label is not None and label <= now]
        if len(old) < 10:
            assert watched.value() is None
        else:
            assert watched.value() == pytest.approx(len(with_label) / len(old))
            assert watched.unmatched() == pytest.approx(1 - len(with_label) / len(old))


def test_labels_that_stop_are_seen_though_nothing_comes() -> None:
    """Predictions grow old by the clock alone, and none is left when all are older than two horizons."""
    watched = LabelCoverage(HOUR, 1)
    for n in range(60):
        watched.prediction(T + n * MINUTE, T + n * MINUTE)
    assert watched.value() is None
    watched.advance(T + 2 * HOUR)
    assert watched.value() == 0.0
    watched.advance(T + 4 * HOUR)
    assert watched.value() is None


def test_a_clock_that_is_ahead_ages_nobody() -> None:
    """A prediction from tomorrow does not make those of today look unlabelled."""
    watched = LabelCoverage(HOUR, 1)
    watched.prediction(T, T)
    watched.prediction(T + 24 * HOUR, T)
    assert watched.value() is None


def test_labels_of_predictions_from_before_do_not_count() -> None:
    """After a deploy, labels of predictions that were not counted make no coverage."""
    watched = LabelCoverage(HOUR, 1)
    watched.label(T - MINUTE)
    for n in range(90):
        watched.prediction(T + n * MINUTE, T + n * MINUTE)
        watched.label(T - 10 * MINUTE)
    assert watched.value() == 0.0


@given(st.lists(st.tuples(st.sampled_from("plc"), st.integers(-3 * HOUR, 30 * HOUR)), max_size=80))
@settings(deadline=None, max_examples=100)
def test_whatever_comes_it_is_a_share_and_its_state_is_whole(events: list[tuple[str, int]]) -> None:
    """Events in any order: a share or nothing, and a restored one cannot be told from the first."""
    watched, restored = LabelCoverage(HOUR, 1), LabelCoverage(HOUR, 1)
    for kind, at in events:
        for each in (watched, restored):
            if kind == "p":
                each.prediction(T + at, T)
            elif kind == "l":
                each.label(T + at)
            else:
                each.advance(T + at)
        value = watched.value()
        assert value is None or 0 <= value <= 1
        state = watched.state()
        restored = LabelCoverage(HOUR, 1)
        restored.restore(state)
        assert (restored.state(), restored.value()) == (state, value)


@pytest.mark.parametrize(
    ("condition", "needs"),
    [
        ("accuracy < 0.8 and label_coverage > 0.9", True),
        ("unmatched_rate > 0.2", True),
        ("missing_rate > 0.1 or accuracy < 0.5", True),
        ("accuracy < 0.5", False),
    ],
)
def test_what_is_measured_of_predictions_brings_them_into_the_journal(condition: str, *, needs: bool) -> None:
    """A model whose conditions name such a quantity gets its predictions journalled, and no other."""
    model = Model.model_validate({"policies": [{"name": "p", "condition": condition}]})
    assert model.watches_predictions is needs


def test_gauges_measure_it_from_predictions_and_outcomes() -> None:
    """Half of the predictions get a label in time: 0.5, and only where it is asked for."""
    model = Model.model_validate({"label_horizon": "1h", "min_samples": 10})
    gauges = Gauges(model, {"label_coverage"})
    for n in range(150):
        now = T + n * MINUTE
        record: dict[str, Any] = {"time": now, "prediction": 1}
        gauges.prediction(record, now)
        if n % 2:
            gauges.outcome(record | {"label": 1, "label_time": now}, now)
    assert gauges.getters()["label_coverage"]() == 0.5
    assert "unmatched_rate" in gauges.getters()
    assert "label_coverage" not in Gauges(model, {"accuracy"}).getters()
