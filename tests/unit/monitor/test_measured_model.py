"""Measurements in a whole monitor: what comes with a deploy, what stands in evidence, windows of a period."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest

from streamproc.config.model import Model
from streamproc.events.summary import summarise
from streamproc.monitor.evidence import evidence
from streamproc.monitor.model import ModelMonitor

T = 1_780_000_000_000
MINUTE = 60_000


def monitor(condition: str, **settings: Any) -> ModelMonitor:
    """Of a model with one policy, which decides."""
    policies = [{"name": "p", "condition": condition, "cooldown": "1h"}]
    made = ModelMonitor("m", Model.model_validate({"min_samples": 10, "policies": policies, **settings}))
    made.configured(made.config_hash, T)
    return made


def deploy(**fields: Any) -> dict[str, Any]:
    """A deploy event as it is read from the journal: bytes of JSON, back again."""
    event = {"kind": "deploy", "model_id": "m", "status": "deployed", "model_version": "v2", "time": T, **fields}
    found: dict[str, Any] = orjson.loads(orjson.dumps(event))
    return found


def prediction(n: int, **fields: Any) -> dict[str, Any]:
    """One of version v2, n minutes after T."""
    return {"prediction_id": f"p{n}", "model_version": "v2", "time": T + n * MINUTE, "prediction": 1, **fields}


def test_drift_against_the_training_data_fires_with_its_significance() -> None:
    """With the summary in the deploy event, the first full window fires; the evidence says how sure that is."""
    rng = random.Random(1)
    drift = {"signals": ["feature.x", "feature.y"], "reference": 500, "window": 100}
    watched = monitor("drift > 0.5 or drift.y > 2", drift=drift)
    rows = [{"features": {"x": rng.gauss(0, 1), "y": rng.gauss(0, 1)}} for _ in range(1000)]
    watched.deploy(deploy(reference=summarise(rows).wire()), T)
    fired = []
    for n in range(100):
        features = {"x": rng.gauss(2, 1), "y": rng.gauss(0, 1)}
        fired += [note for note in watched.prediction(prediction(n, features=features), T + n) if note.fires]
    assert len(fired) == 1
    about = evidence(watched, "p").drift
    assert list(about) == ["drift.x", "drift.y"]
    assert about["drift.x"]["value"] == watched.getters["drift"]()
    assert (about["drift.x"]["reference"], about["drift.x"]["window"]) == (1000, 100)
    assert about["drift.x"]["p_value"] < 1e-9 < about["drift.y"]["p_value"]


def test_evidence_without_drift_in_the_condition_has_none() -> None:
    """What the condition does not look at is not told."""
    watched = monitor("accuracy < 0.5", drift={"signals": ["feature.x"], "reference": 50, "window": 50})
    for n in range(150):
        watched.prediction(prediction(n, features={"x": float(n)}), T + n)
    assert watched.getters["drift"]() is not None
    assert evidence(watched, "p").drift == {}


def test_a_rollback_without_a_summary_forms_a_reference_anew() -> None:
    """What the version before was trained on is not known; its first values are the reference."""
    watched = monitor("drift > 1", drift={"signals": ["feature.x"], "reference": 50, "window": 50})
    rows = [{"features": {"x": float(n)}} for n in range(100)]
    watched.deploy(deploy(reference=summarise(rows).wire()), T)
    watched.deploy(deploy(status="rolled_back", time=T + 1), T + 1)
    for n in range(99):
        watched.prediction(prediction(n + 1, features={"x": float(n)}), T + n)
    assert watched.getters["drift"]() is None


def test_the_clock_empties_windows_of_a_period() -> None:
    """No outcome for an hour, only ticks: the metric of the last half hour is not known any more, the other one is."""
    watched = monitor(
        "accuracy.half < 0.1 or accuracy < 0.1", metric_windows={"half": {"outcomes": 100, "period": "30m"}}
    )
    for n in range(20):
        now = T + n * MINUTE
        watched.outcome(prediction(n, label=n % 2, label_time=now), n, now)
    assert (watched.getters["accuracy.half"](), watched.getters["accuracy"]()) == (0.5, 0.5)
    for n in range(20, 80):
        watched.tick(T + n * MINUTE, T + n * MINUTE)
    assert (watched.getters["accuracy.half"](), watched.getters["accuracy"]()) == (None, 0.5)


def test_a_label_from_tomorrow_does_not_empty_a_window() -> None:
    """Label times beyond the journal's time count as of now."""
    watched = monitor("accuracy < 0.1", window_period="30m")
    for n in range(20):
        now = T + n * MINUTE
        ahead = 24 * 60 * MINUTE if n == 10 else 0
        watched.outcome(prediction(n, label=1, label_time=now + ahead), n, now)
    assert watched.getters["accuracy"]() == 1.0


@pytest.mark.parametrize("seen", [0, 100])
def test_coverage_holds_back_a_policy_until_labels_are_there(seen: int) -> None:
    """`label_coverage > 0.5` in a condition: bad first labels do not fire before most labels have come."""
    watched = monitor("accuracy < 0.5 and label_coverage > 0.5", label_horizon="1h")
    assert watched.model.watches_predictions
    fired = []
    for n in range(180):
        now = T + n * MINUTE
        record = prediction(n)
        notes = list(watched.prediction(record, now))
        if n % 10 == 0 or n >= 180 - seen:
            notes += watched.outcome(record | {"label": 0, "label_time": now}, n, now)
        fired += [n for note in notes if note.fires]
    assert bool(fired) is bool(seen)
    assert all(n > 110 for n in fired)
