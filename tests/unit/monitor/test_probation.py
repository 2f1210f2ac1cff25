"""A version on probation, as the monitor sees it: when it begins, passes, is rolled back, and what follows."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from streamproc.config.model import Model
from streamproc.monitor.model import ModelMonitor
from streamproc.policy.lifecycle import State
from tests.unit.monitor.records import again

T = 1_780_000_000_000
HOUR = 3_600_000
ARTIFACT = {"uri": "m/v1/model", "sha256": "ab", "bytes": 7}
POLICY = {"name": "p", "condition": "accuracy < 0.5", "cooldown": "6h"}


class Life:
    """One model's outcomes and deploys, a second apart."""

    def __init__(self, *, in_force: bool = True, seed: int = 1, **settings: Any) -> None:
        probation = {"outcomes": 400, **settings.pop("probation", {})}
        made = {"min_samples": 50, "window": 100, "policies": [POLICY], "probation": probation, **settings}
        self.monitor = ModelMonitor("m", Model.model_validate(made))
        self.rng, self.now, self.n = Random(seed), T, 0
        self.trigger_id: str | None = None
        if in_force:
            self.decide()

    def decide(self, config_hash: str | None = None) -> list[Any]:
        return list(self.monitor.configured(config_hash or self.monitor.config_hash, self.now))

    def outcomes(self, count: int, wrong: float, version: str = "v1") -> list[Any]:
        """What is said of so many outcomes with this error rate."""
        said = []
        for _ in range(count):
            self.n += 1
            self.now += 1000
            is_regression = self.monitor.model.task == "regression"
            label = self.rng.gauss(0, wrong) if is_regression else int(self.rng.random() < wrong)
            common = {"prediction_id": str(self.n), "time": self.now, "label_time": self.now, "model_version": version}
            for note in self.monitor.outcome({**common, "prediction": 0, "label": label}, self.n, self.now):
                said.append(note)
                if note.fires:
                    self.trigger_id = f"trg_{self.n}"
                    self.monitor.raised(note, self.trigger_id)
        return said

    def deploy(self, version: str, status: str = "deployed", **more: Any) -> list[Any]:
        self.now += 1000
        event = {"model_id": "m", "status": status, "model_version": version, "time": self.now, **more}
        return list(self.monitor.deploy(event, self.now))

    def tick(self, after: int) -> list[Any]:
        self.now += after
        return list(self.monitor.tick(self.now, self.now))


def on_probation(wrong: float = 0.1, **settings: Any) -> Life:
    """v1 was deployed and answered 400 rows, then v2 was deployed."""
    life = Life(**settings)
    life.deploy("v1", artifact=ARTIFACT)
    life.outcomes(400, wrong, "v1")
    (begun,) = [note for note in life.deploy("v2") if note.verdict == "probation"]
    assert begun.rule == "begun"
    assert "version v2 is compared with v1 on its 400 outcomes" in begun.reason
    return life


def of(notes: list[Any], *verdicts: str) -> list[Any]:
    return [note for note in notes if note.verdict in verdicts]


def ends(notes: list[Any]) -> list[str]:
    return [note.verdict for note in of(notes, "worse", "confirmed")]


def test_a_version_that_is_clearly_worse_is_rolled_back_to_the_one_before() -> None:
    """With its artifact and the figures; told once; nothing fires until the rollback is read back."""
    life = on_probation()
    said = life.outcomes(200, 0.6, "v2")
    (worse,) = of(said, "worse")
    assert worse.rule == "rollback"
    puts = worse.puts
    assert (puts.status, puts.version, puts.previous) == ("rolled_back", "v1", "v2")
    assert puts.artifact == ("m/v1/model", "ab", 7)
    figures = dict(puts.figures)
    assert figures["e_value"] >= figures["e_value_needed"] == 100
    assert figures["outcomes"] < 150
    assert figures["error"] > 0.3 > figures["error_before"] + 0.1
    assert f"on {int(figures['outcomes'])} outcomes each" in worse.reason
    assert life.monitor.situation.state is State.ROLLING_BACK
    (silenced,) = of(said, "suppressed")
    assert "the model is rolling back" in silenced.reason
    life.deploy("v1", "rolled_back", deploy_id="d")
    assert life.monitor.version.version == "v1"
    assert life.monitor.gauges.outcomes == 0


def test_a_version_that_was_gone_back_to_is_not_on_probation() -> None:
    """It would be judged by what the worse one did; so nothing goes round in circles."""
    life = on_probation()
    life.outcomes(200, 0.6, "v2")
    life.deploy("v1", "rolled_back")
    assert not life.monitor.succession.on_probation
    assert ends(life.outcomes(1500, 0.9, "v1")) == []


def test_a_version_that_is_as_good_passes() -> None:
    """Once as many outcomes have come as there are to compare with; the event names it, and changes nothing."""
    life = on_probation()
    said = life.outcomes(400, 0.1, "v2")
    (confirmed,) = of(said, "worse", "confirmed")
    assert confirmed.verdict == "confirmed"
    assert (confirmed.puts.status, confirmed.puts.version, confirmed.puts.previous) == ("confirmed", "v2", None)
    assert dict(confirmed.puts.figures)["outcomes"] == 400
    assert life.deploy("v2", "confirmed") == []
    assert ends(life.outcomes(400, 0.9, "v2")) == []  # later decay is the policies' affair


def test_it_passes_after_its_time_with_what_there_is() -> None:
    """By the tick, when hardly anything comes."""
    life = on_probation(probation={"duration": "2h"})
    assert ends(life.outcomes(30, 0.1, "v2")) == []
    (confirmed,) = of(life.tick(2 * HOUR), "confirmed")
    assert "on 30 outcomes each" in confirmed.reason


def test_a_good_version_is_hardly_ever_rolled_back() -> None:
    """The bound is in test_betting; this is the whole way. With alpha 0.01, forty lives give 0.4 on average at most."""
    ended = [ends(on_probation(0.2, seed=seed).outcomes(400, 0.2, "v2")) for seed in range(40)]
    assert all(len(end) == 1 for end in ended)
    assert ended.count(["worse"]) <= 2


def test_a_regression_is_judged_by_absolute_errors_of_any_scale() -> None:
    """Twice as large errors are found; equal ones pass, and a third more is within a tolerance of one half."""
    for new, settings, end in ((2.0, {}, "worse"), (1.0, {}, "confirmed"), (1.33, {"tolerance": 0.5}, "confirmed")):
        life = on_probation(1.0, task="regression", probation=settings, policies=[])
        assert ends(life.outcomes(400, new, "v2")) == [end]


def test_a_tolerance_lets_a_version_be_a_little_worse() -> None:
    """By as much as it says, and not by more."""
    for wrong, end in ((0.25, "confirmed"), (0.6, "worse")):
        assert ends(on_probation(probation={"tolerance": 0.2}).outcomes(400, wrong, "v2")) == [end]


def test_a_version_before_that_nobody_has_deployed_is_no_way_back() -> None:
    """It is told, at the beginning and at the end; the worse version stays, and the monitor goes on with it."""
    life = Life()
    life.outcomes(400, 0.1, "v1")
    (begun,) = of(life.deploy("v2"), "probation")
    assert "no deploy event has named v1, so there would be no way back" in begun.reason
    (worse,) = of(life.outcomes(200, 0.6, "v2"), "worse")
    assert (worse.rule, worse.puts) == ("no_way_back", None)
    assert life.monitor.situation.state is not State.ROLLING_BACK


def test_with_too_little_to_compare_with_there_is_no_probation() -> None:
    """It is said."""
    life = Life()
    life.deploy("v1")
    life.outcomes(49, 0.1, "v1")
    (told,) = of(life.deploy("v2"), "probation")
    assert told.rule == "reference"
    assert "only 49 outcomes, to compare with; min_samples is 50" in told.reason
    assert ends(life.outcomes(400, 0.9, "v2")) == []


def test_what_came_before_the_error_rose_is_not_compared_with() -> None:
    """The world got harder, v2 is better at it than v1 was, but worse than v1 in the old world: it stays."""
    life = Life(policies=[])
    life.deploy("v1")
    life.outcomes(300, 0.05, "v1")
    life.outcomes(100, 0.6, "v1")
    (begun,) = of(life.deploy("v2"), "probation")
    assert 90 <= int(begun.reason.split(" on its ")[1].split()[0]) <= 110
    assert ends(life.outcomes(400, 0.3, "v2")) == ["confirmed"]


def test_what_came_before_a_change_that_a_detector_saw_is_not_compared_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the rise is too small to be seen in one look; with too little since then it is said."""
    for seen, told in (
        (60, "compared with v1 on its 60 outcomes"),
        (45, "only 45 outcomes of 345, those since the error"),
    ):
        life = Life(detectors={"errors": {"type": "adwin"}}, policies=[])
        life.deploy("v1")
        life.outcomes(345, 0.1, "v1")
        monkeypatch.setattr(life.monitor.whole, "newest_change", lambda seen=seen: ("errors", seen))
        (note,) = of(life.deploy("v2"), "probation")
        assert told in note.reason


def test_a_rollback_doubles_the_cooldown_of_the_policy_and_begins_it_anew() -> None:
    """Each further one doubles it again; a version that passes ends that."""
    life = Life()
    life.deploy("v0", artifact=ARTIFACT)
    life.outcomes(60, 0.9, "v0")
    assert life.trigger_id is not None
    life.deploy("v1", trigger_id=life.trigger_id)
    life.outcomes(20, 0.1, "v1")
    memory = life.monitor.whole.policies["p"].memory
    life.deploy("v0", "rolled_back")
    assert (memory.doublings, memory.last_fired) == (1, life.now)
    (blocked,) = of(life.outcomes(60, 0.9, "v0"), "suppressed")
    assert "(12h, doubled after 1 rollbacks)" in blocked.reason
    life.now += 12 * HOUR
    assert of(life.outcomes(1, 0.9, "v0"), "fired")
    life.deploy("v2", trigger_id=life.trigger_id)
    life.outcomes(70, 0.0, "v2")
    assert memory.doublings == 0


def test_a_rollback_of_what_no_policy_asked_for_doubles_nothing() -> None:
    """A deploy of the user's own, without the id of a trigger."""
    life = on_probation()
    life.deploy("v1", "rolled_back")
    assert life.monitor.whole.policies["p"].memory.doublings == 0


def test_while_the_model_is_paused_or_snoozed_nothing_is_rolled_back() -> None:
    """A person has taken over. It waits, and comes after that."""
    life = on_probation()
    life.monitor.command({"command": "pause", "command_id": "c1"}, life.now)
    assert ends(life.outcomes(200, 0.6, "v2")) == []
    life.monitor.command({"command": "resume", "command_id": "c2"}, life.now)
    assert ends(life.outcomes(1, 0.6, "v2")) == ["worse"]


def test_a_configuration_that_is_not_in_force_rolls_nothing_back() -> None:
    """Nor later, for what lies before it: what was good enough for months does not go because of a new setting."""
    life = Life(in_force=False)
    life.decide("an earlier one")
    life.deploy("v1")
    life.outcomes(400, 0.1, "v1")
    life.deploy("v2")
    assert ends(life.outcomes(200, 0.6, "v2")) == []
    life.decide()
    assert ends(life.outcomes(200, 0.6, "v2")) == []


def test_a_version_that_is_announced_twice_stays_on_probation() -> None:
    """Else a repeat would let it escape."""
    life = on_probation()
    life.outcomes(20, 0.6, "v2")
    life.deploy("v2")
    assert ends(life.outcomes(200, 0.6, "v2")) == ["worse"]


def test_a_rollback_that_does_not_come_back_is_given_up() -> None:
    """Somebody has removed it, or the join has stopped: policies go on after `retrain_timeout`."""
    life = on_probation(retrain_timeout="1h")
    life.outcomes(200, 0.6, "v2")
    said = of(life.tick(2 * HOUR), "lifecycle")
    assert any("has not come back" in note.reason for note in said)
    assert life.monitor.situation.state is State.TRIGGERED  # by the policy, at once


def test_without_the_setting_nothing_is_compared() -> None:
    """The default: to act on what is in service is the user's to allow."""
    life = Life()
    plain = ModelMonitor("m", Model.model_validate({"min_samples": 50}))
    assert plain.succession.probation is None
    assert life.monitor.succession.probation is not None


@pytest.mark.parametrize("place", [0, 1, 30, 60])
def test_in_the_midst_of_a_probation_a_state_can_be_written_and_read(place: int) -> None:
    """The restored one says the same from there on, to the last digit."""
    life = on_probation()
    life.outcomes(place, 0.6, "v2")
    other = on_probation()
    other.outcomes(place, 0.6, "v2")
    other.monitor = again(other.monitor)
    assert other.outcomes(200, 0.6, "v2") == life.outcomes(200, 0.6, "v2")
