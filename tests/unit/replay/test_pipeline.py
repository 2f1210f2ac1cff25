"""Join and monitor over an iterable of events."""

from __future__ import annotations

from typing import Any

import pytest

from streamproc import Pipeline, Trigger
from streamproc.errors import ConfigError, UserError

DAY = 86_400_000
T = 1_779_926_400_000  # 2026-05-28T00:00:00Z


def pipeline(**model: Any) -> Pipeline:
    return Pipeline({"pipeline": "t", "models": {"m": model}})


def triggers(found: list[Any]) -> list[Trigger]:
    return [f for f in found if isinstance(f, Trigger)]


def test_events_in_decisions_out() -> None:
    """Predictions and labels meet, accuracy falls, one trigger names the data."""
    made = pipeline(min_samples=20, policies=[{"name": "p", "condition": "accuracy < 0.5"}])
    events = [
        event
        for n in range(30)
        for event in (
            ("predictions", {"prediction_id": str(n), "model_id": "m", "time": T + n, "prediction": 1}),
            ("labels", {"prediction_id": str(n), "label": 0, "time": T + n}),
        )
    ]
    (trigger,) = triggers(list(made.run(events)))
    assert (trigger.policy, trigger.evidence.values, trigger.data.outcomes) == ("p", {"accuracy": 0.0}, 20)
    assert made.rejected == []


@pytest.mark.parametrize("first", [T - 30_000, T - 90_000])
def test_a_schedule_fires_at_midnight_wherever_the_first_event_lies(first: int) -> None:
    """Half a minute or a minute and a half before."""
    made = pipeline(policies=[{"name": "nightly", "schedule": {"cron": "0 0 * * *"}}])
    made.send("metrics", {"model_id": "m", "time": first, "metrics": {"x": 1}})
    (trigger,) = triggers(made.tick(T + 1))
    assert trigger.scheduled_time == T


def test_each_missed_day_of_a_gap_in_the_events_fires() -> None:
    """In a replay the clock was never down: it goes minute by minute."""
    made = pipeline(policies=[{"name": "nightly", "schedule": {"cron": "0 0 * * *"}}], retrain_timeout="1h")
    made.send("metrics", {"model_id": "m", "time": T + 1000, "metrics": {"x": 1}})
    assert [t.scheduled_time for t in triggers(made.tick(T + 3 * DAY))] == [T + DAY, T + 2 * DAY, T + 3 * DAY]


def test_a_first_event_without_a_time_is_an_error_that_says_so() -> None:
    """There is no record whose timestamp could stand in."""
    with pytest.raises(UserError, match="first event needs a `time`"):
        pipeline().send("metrics", {"model_id": "m", "metrics": {"x": 1}})


def test_a_wrong_configuration_is_a_config_error() -> None:
    """A plain dict is checked as a file is."""
    with pytest.raises(ConfigError, match="windw"):
        pipeline(windw=3)


def test_unusable_events_are_kept_with_their_reason() -> None:
    """Nothing is dropped silently."""
    made = pipeline()
    made.send("labels", {"prediction_id": "x", "time": T})
    ((event, error),) = made.rejected
    assert (event["prediction_id"], error.code) == ("x", "missing_field")
