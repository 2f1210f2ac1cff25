"""One model under watch: what counts, what fires, what a deploy changes."""

from __future__ import annotations

from typing import Any

from streamproc.config.model import Model
from streamproc.monitor.evidence import data_window
from streamproc.monitor.model import ModelMonitor
from streamproc.monitor.notes import Notes
from streamproc.policy.lifecycle import State

T = 1_780_000_000_000
MINUTE = 60_000


def monitor(*policies: dict[str, Any], in_force: bool = True, **settings: Any) -> ModelMonitor:
    made = ModelMonitor("m", Model.model_validate({"min_samples": 10, "policies": policies, **settings}))
    if in_force:
        made.configured(made.config_hash, T)
    return made


def policy(condition: str, **settings: Any) -> dict[str, Any]:
    return {"name": "p", "condition": condition, **settings}


def outcome(number: int, *, right: bool = True, version: str | None = "v1", time: int = T) -> dict[str, Any]:
    common = {"prediction_id": f"id-{number}", "time": time, "label_time": time}
    return {**common, "model_version": version, "prediction": 1, "label": int(right)}


def feed(model: ModelMonitor, first: int, count: int, **more: Any) -> list[Any]:
    return [n for i in range(first, first + count) for n in model.outcome(outcome(i, **more), i, T)]


def metric(**values: float) -> dict[str, Any]:
    return {"model_id": "m", "time": T, "metrics": values}


def deploy(status: str, version: str | None = None, time: int = T, **more: Any) -> dict[str, Any]:
    return {"model_id": "m", "status": status, "model_version": version, "time": time, **more}


def verdicts(notes: Notes) -> list[str]:
    return [note.verdict for note in notes]


def test_a_windowed_condition_fires_once_and_not_before_it_is_known() -> None:
    """Accuracy is unknown for nine outcomes; at the tenth the policy fires, and then the model is triggered."""
    model = monitor(policy("accuracy < 0.5"))
    assert feed(model, 0, 9, right=False) == []
    (fired,) = feed(model, 9, 1, right=False)
    assert (fired.fires, fired.policy, model.situation.state) == (True, "p", State.TRIGGERED)
    later = feed(model, 10, 20, right=False)
    assert verdicts(later) == ["suppressed"]  # told once


def test_a_configuration_that_is_not_in_force_measures_and_raises_nothing() -> None:
    """What an earlier configuration lived through raises no trigger under a new one, until the log says it decides."""
    model = monitor(policy("accuracy < 0.5"), in_force=False)
    model.configured("an earlier one", T)
    assert feed(model, 0, 50, right=False) == []
    assert model.situation.state is State.WATCHING
    (fired,) = model.configured(model.config_hash, T)
    assert fired.fires


def test_a_retrain_of_an_earlier_configuration_is_waited_for() -> None:
    """`started` for a trigger that this configuration never raised: the model is retraining, and its end is known."""
    model = monitor(policy("accuracy < 0.5"), in_force=False)
    model.configured("an earlier one", T)
    model.deploy(deploy("started", trigger_id="trg_old"), T)
    model.configured(model.config_hash, T)
    assert verdicts(feed(model, 0, 20, right=False)) == ["suppressed"]
    model.deploy(deploy("rejected", trigger_id="trg_old"), T)
    assert model.situation.state is State.WATCHING


def test_a_manual_trigger_from_before_the_first_configuration_is_not_lost() -> None:
    """Sent before the monitor ever ran, a command is carried out when it does."""
    model = monitor(in_force=False)
    command = {"command_id": "c", "command": "trigger", "time": T}
    assert list(model.command(command, T)) == []
    (fired,) = model.configured(model.config_hash, T)
    assert (fired.fires, fired.command_id) == (True, "c")
    assert list(model.command(command, T)) == []


def test_a_retrain_goes_on_through_its_attempts() -> None:
    """Failed and given back attempts leave the model retraining, with nothing spent; the timeout still ends it."""
    model = monitor(policy("drift > 0.5"), external_metrics=["drift"], retrain_timeout="10m")
    (fired,) = model.metric(metric(drift=0.9), T)
    model.trigger_id = "t"
    steps = ("started", "attempt_failed", "started", "given_back", "started", "waiting", "started")
    for number, status in enumerate(steps):
        (note,) = model.deploy(deploy(status, trigger_id="t", deploy_id=f"{number}"), T + MINUTE)
        assert (note.verdict, note.rule, model.situation.state) == ("lifecycle", status, State.RETRAINING)
    assert fired.fires
    assert model.values(["drift"]) == {"drift": 0.9}
    assert model.tick(T + 11 * MINUTE, T + 11 * MINUTE)[0].rule == "timed_out"
    (late,) = model.deploy(deploy("attempt_failed", trigger_id="t", deploy_id="late"), T + 12 * MINUTE)
    assert late.verdict == "ignored"


def test_a_trigger_that_is_superseded_leaves_the_newer_one_open() -> None:
    """The end of an older trigger means nothing for the one that is waited for."""
    model = monitor(policy("accuracy < 0.5"), retrain_timeout="10m")
    feed(model, 0, 10, right=False)
    model.trigger_id = "older"
    model.tick(T + 11 * MINUTE, T + 11 * MINUTE)
    (fired,) = [note for note in feed(model, 10, 10, right=False) if note.fires] or model.command(
        {"command_id": "c", "command": "trigger", "time": T}, T + 12 * MINUTE
    )
    model.raised(fired, "newer")
    (note,) = model.deploy(deploy("superseded", trigger_id="older", superseded_by="newer"), T + 12 * MINUTE)
    assert (note.verdict, model.situation.state, model.trigger_id) == ("ignored", State.TRIGGERED, "newer")


def test_an_open_trigger_that_is_superseded_has_ended() -> None:
    """A pipeline of the user's own answers another one in its place: nothing more will come, and nobody is judged."""
    model = monitor(policy("accuracy < 0.5"), external_metrics=["drift"])
    feed(model, 0, 10, right=False)
    model.trigger_id = "t"
    notes = model.deploy(deploy("superseded", trigger_id="t", superseded_by="other"), T)
    assert [(n.verdict, n.rule) for n in notes] == [("lifecycle", "superseded")]
    assert model.situation.state is State.WATCHING
    assert model.ledger.precision() == {}


def test_a_status_of_a_newer_version_changes_nothing() -> None:
    """The journal may have been written by a newer streamproc: said, and passed over."""
    model = monitor(policy("accuracy < 0.5"))
    feed(model, 0, 10, right=False)
    (note,) = model.deploy(deploy("paused_by_the_moon", trigger_id=model.trigger_id), T)
    assert (note.verdict, model.situation.state) == ("ignored", State.TRIGGERED)
    assert "paused_by_the_moon" in note.reason


def test_only_the_version_in_service_counts() -> None:
    """Wrong answers of a canary change nothing, and are said once; after the deploy they are all that counts."""
    model = monitor(policy("accuracy < 0.5"))
    feed(model, 0, 20)
    notes = feed(model, 20, 50, right=False, version="v2")
    assert [(n.verdict, n.rule) for n in notes] == [("ignored", "version")]
    assert model.values(["accuracy"]) == {"accuracy": 1.0}
    model.deploy(deploy("deployed", "v2"), T)
    assert feed(model, 100, 30, version="v1", right=False) != []  # in-flight ones: said, not counted
    assert model.gauges.outcomes == 0
    assert [n.fires for n in feed(model, 200, 10, right=False, version="v2")] == [True]


def test_a_repeated_deploy_event_changes_nothing() -> None:
    """Sent twice, with an id or word for word, a deploy does not begin the watch anew."""
    model = monitor(policy("accuracy < 0.5"))
    model.deploy(deploy("deployed", "v1"), T)
    feed(model, 0, 10, right=False)
    assert model.situation.state is State.TRIGGERED
    model.deploy(deploy("deployed", "v1"), T)
    assert model.situation.state is State.TRIGGERED
    model.deploy(deploy("deployed", "v0", T - 5, deploy_id="d"), T)
    model.deploy(deploy("deployed", "v1", T + 5), T)
    model.deploy(deploy("deployed", "v0", T - 5, deploy_id="d"), T)
    assert model.version.version == "v1"


def test_warm_up_holds_policies_back_and_ends_without_outcomes_too() -> None:
    """Five outcomes of the new version end it; where none come, the retrain timeout does."""
    model = monitor(policy("drift > 0.1"), warm_up=5, external_metrics=["drift"], retrain_timeout="10m")
    model.deploy(deploy("deployed", "v2"), T)
    assert verdicts(model.metric(metric(drift=0.5), T)) == ["suppressed"]
    notes = feed(model, 0, 5, version="v2")
    assert [n.rule for n in notes if n.verdict == "lifecycle"] == ["acknowledged", "warmed_up"]
    model.deploy(deploy("deployed", "v3", T + 1), T)
    model.tick(T + 5 * MINUTE, T + 5 * MINUTE)
    states = [model.situation.state]
    model.tick(T + 11 * MINUTE, T + 11 * MINUTE)
    assert [*states, model.situation.state] == [State.DEPLOYED, State.WATCHING]


def test_outside_numbers_are_spent_by_a_rejection() -> None:
    """The value that fired must come anew before it fires again."""
    model = monitor(policy("drift > 0.1"), external_metrics=["drift"])
    assert [n.fires for n in model.metric(metric(drift=0.5), T)] == [True]
    model.trigger_id = "t"
    model.deploy(deploy("rejected", trigger_id="t"), T)
    assert list(model.tick(T + MINUTE, T)) == []
    assert [n.fires for n in model.metric(metric(drift=0.5), T)] == [True]


def test_cooldown_is_counted_from_the_trigger() -> None:
    """Within the hour it is suppressed, once; after it, it fires."""
    model = monitor(policy("drift > 0.1", cooldown="1h"), external_metrics=["drift"])
    model.metric(metric(drift=0.5), T)
    model.trigger_id = "t"
    model.deploy(deploy("failed", trigger_id="t"), T)
    assert [n.rule for n in model.metric(metric(drift=0.5), T + 59 * MINUTE)] == ["cooldown"]
    assert list(model.metric(metric(drift=0.05), T + 59 * MINUTE)) == []
    assert list(model.metric(metric(drift=0.5), T + 59 * MINUTE)) == []  # a flapping value is not told again
    assert [n.fires for n in model.metric(metric(drift=0.5), T + 60 * MINUTE)] == [True]


def test_an_unanswered_trigger_is_given_up() -> None:
    """After the retrain timeout the model is watched again."""
    model = monitor(policy("drift > 0.1"), external_metrics=["drift"], retrain_timeout="10m")
    model.metric(metric(drift=0.5), T)
    notes = model.tick(T + 11 * MINUTE, T + 11 * MINUTE)
    assert notes[0].rule == "timed_out"


def test_a_revision_and_a_null_one_are_told_apart() -> None:
    """`revises: null` is an ordinary outcome; a revision is not counted again."""
    model = monitor()
    model.outcome({**outcome(0), "revises": None}, 0, T)
    model.outcome({**outcome(0), "revises": 0}, 1, T)
    assert (model.gauges.outcomes, model.history.total) == (1, 1)


def test_volume_falls_while_nothing_comes_and_bears_a_clock_that_is_ahead() -> None:
    """Ticks move the volume's clock on; a label from tomorrow does not."""
    model = monitor(volume_period="1h")
    for i in range(180):
        model.outcome(outcome(i, time=T + i * MINUTE), i, T + i * MINUTE)
    now = T + 180 * MINUTE
    model.outcome(outcome(999, time=now + 23 * 60 * MINUTE), 999, now)
    assert model.values(["data_volume"])["data_volume"] == 60
    model.tick(now + 120 * MINUTE, now + 120 * MINUTE)
    assert model.values(["data_volume"])["data_volume"] == 0


def test_a_change_point_is_found_among_the_outcomes_that_the_detector_saw() -> None:
    """Outcomes of a canary in between do not move it."""
    model = monitor(detectors={"errors": {"type": "adwin"}}, retrain={"function": "a:b"})
    offset, changed_at = 0, 0
    for i in range(2000):
        for version in ("v1", "canary", "canary", "canary"):
            if version == "v1" and i == 1000:
                changed_at = offset
            right = i % 10 != 0 if i < 1000 else i % 2 == 0
            model.outcome(outcome(offset, right=right or version != "v1", version=version), offset, T)
            offset += 1
        if model.gauges.detectors["errors"].flag:
            break
    change = data_window(model, "journal", 0, offset).change_point
    assert change is not None
    assert change.outcomes < 600
    assert abs(change.offset - changed_at) <= 4 * (64 + 200)


def test_a_data_window_holds_the_newest_outcomes() -> None:
    """At least as many as asked for, from an offset known to within 64 outcomes; all there are, if there are fewer."""
    model = monitor(retrain={"function": "a:b", "window": {"outcomes": 100}})
    feed(model, 0, 50)
    assert (data_window(model, "j", 0, 49).from_offset, data_window(model, "j", 0, 49).outcomes) == (0, 50)
    feed(model, 50, 950)
    window = data_window(model, "j", 0, 999)
    assert window.to_offset == 1000
    assert 100 <= window.outcomes == 1000 - window.from_offset < 164
