"""Whether a deployed version was taken up by the model server, as far as records show."""

from __future__ import annotations

from typing import Any

from streamproc.config.model import Model
from streamproc.monitor.model import ModelMonitor

T = 1_780_000_000_000
MINUTE = 60_000


def deployed(**settings: Any) -> ModelMonitor:
    monitor = ModelMonitor("m", Model.model_validate({"acknowledge_within": "10m", **settings}))
    monitor.deploy({"status": "deployed", "model_version": "v2", "time": T}, T)
    return monitor


def outcome(monitor: ModelMonitor, version: str, at: int) -> list[Any]:
    common = {"prediction_id": "p", "time": at, "label_time": at, "prediction": 1, "label": 1}
    return [n for n in monitor.outcome({**common, "model_version": version}, 1, at) if "acknowledge" in n.verdict]


def tick(monitor: ModelMonitor, minutes: int) -> list[Any]:
    at = T + minutes * MINUTE
    return [n for n in monitor.tick(at, at) if "acknowledge" in n.verdict]


def test_a_server_that_goes_on_with_the_old_version_is_told_of_once() -> None:
    """Predictions of other versions that were made too late for it prove it; those from before do not."""
    monitor = deployed()
    outcome(monitor, "v1", T - 1)
    outcome(monitor, "v1", T + 10 * MINUTE)  # it still had time
    assert tick(monitor, 10) == []
    for n in (1, 2):
        outcome(monitor, "v1", T + 10 * MINUTE + n)
    (alert,) = tick(monitor, 11)
    assert (alert.verdict, alert.rule) == ("unacknowledged", "acknowledgement")
    assert "nothing of version v2 in 10m; 2 records of later predictions are of other versions" in alert.reason
    assert tick(monitor, 12) == []
    assert monitor.succession.uptake.is_late


def test_silence_is_told_apart() -> None:
    """Nothing of any version: perhaps there is no traffic."""
    (alert,) = tick(deployed(), 11)
    assert "nor has another version answered since" in alert.reason


def test_a_late_one_is_told_when_it_comes() -> None:
    """And the alert is over."""
    monitor = deployed()
    tick(monitor, 11)
    (note,) = outcome(monitor, "v2", T + 12 * MINUTE)
    assert note.verdict == "acknowledged"
    assert not monitor.succession.uptake.is_late
    assert outcome(monitor, "v2", T + 13 * MINUTE) == []


def test_one_record_is_enough_also_a_prediction_without_its_label() -> None:
    """In time there is nothing to say."""
    monitor = deployed()
    record = {"prediction_id": "p", "time": T + 1, "model_version": "v2", "prediction": 1}
    assert list(monitor.prediction(record, T + 1)) == []
    assert tick(monitor, 11) == []


def test_a_rollback_is_to_be_taken_up_too() -> None:
    """Whatever puts a version in service."""
    monitor = deployed()
    outcome(monitor, "v2", T + 1)
    monitor.deploy({"status": "rolled_back", "model_version": "v1", "time": T + 2}, T + 2)
    (alert,) = tick(monitor, 11)
    assert "version v1" in alert.reason


def test_without_a_setting_only_what_proves_it_is_an_alert() -> None:
    """Labels may take days: silence says nothing, and neither does what was predicted within the first hour."""
    monitor = deployed(acknowledge_within=None)
    outcome(monitor, "v1", T + 60 * MINUTE)
    assert tick(monitor, 3 * 24 * 60) == []
    outcome(monitor, "v1", T + 60 * MINUTE + 1)
    assert tick(monitor, 3 * 24 * 60 + 1) != []


def test_predictions_have_times_of_their_own() -> None:
    """As in a recording that is played now: what was deployed when is compared in the clock of the events."""
    monitor = ModelMonitor("m", Model.model_validate({}))
    monitor.deploy({"status": "deployed", "model_version": "v2", "time": T - 10**9}, T)
    outcome(monitor, "v1", T - 10**9 + 61 * MINUTE)
    assert tick(monitor, 61) != []
