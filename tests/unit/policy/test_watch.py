"""One policy at work: what it waits for, what stops it, and what it says."""

from __future__ import annotations

from typing import Any

import pytest

from streamproc.config.policies import Budget, Policy
from streamproc.policy.guards import Situation
from streamproc.policy.lifecycle import State
from streamproc.policy.quantity import Quantity
from streamproc.policy.watch import PolicyWatch

T = 1_780_000_000_000  # a Thursday, 20:26:40 UTC
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NAMES = ("bad", "drift", "missing", "label_coverage")
KNOWN = {name: Quantity(name, "number", 0, 1) for name in NAMES}


class Bench:
    """A policy over values that a test sets; a firing ends at once, as if its retrain had been rejected."""

    def __init__(self, budget: Budget | None = None, **settings: Any) -> None:
        policy = Policy.model_validate({"name": "p", "condition": "bad > 0.5", **settings})
        self.watch = PolicyWatch(policy, KNOWN, budget)
        self.at = Situation(now=T, state=State.WATCHING)
        if budget is not None:
            self.at.firings = type(self.at.firings)(maxlen=budget.triggers)
        self.values: dict[str, float | None] = dict.fromkeys(NAMES)
        self.outcomes = 0
        self.deploy()

    def deploy(self) -> None:
        getters = {name: (lambda name=name: self.values[name]) for name in NAMES}
        self.watch.bind(getters, lambda: self.outcomes)

    def __call__(self, after: int = 0, **values: float | None) -> list[tuple[str, str]]:
        """(verdict, rule) of what it says, so many ms later, with these values."""
        self.at.now += after
        self.values.update(values)
        said = self.watch.look(self.at)
        self.at.firings.extend(self.at.now for verdict in said if verdict.fires)
        return [(verdict.word, verdict.rule) for verdict in said]


FIRED, DRY = [("fired", "condition")], [("would_fire", "dry_run")]


class TestHold:
    """`hold_for` and `hold_outcomes`: it must be true for so long without a break."""

    def test_it_fires_once_it_has_held(self) -> None:
        """Not before the ten minutes are over, and then at once."""
        bench = Bench(hold_for="10m")
        assert bench(bad=0.9) == [("suppressed", "hold")]
        assert bench(10 * MINUTE - 1) == []
        assert bench(1) == FIRED

    @pytest.mark.parametrize("broken", [0.1, None])
    def test_a_break_begins_it_anew(self, broken: float | None) -> None:
        """One moment of false, or of unknown, and the ten minutes begin again."""
        bench = Bench(hold_for="10m")
        bench(bad=0.9)
        bench(9 * MINUTE, bad=broken)
        assert bench(MINUTE, bad=0.9) == []
        assert bench(9 * MINUTE) == []
        assert bench(MINUTE) == FIRED

    def test_it_may_be_counted_in_outcomes(self) -> None:
        """Time alone does not do: with both, both must hold."""
        bench = Bench(hold_for="1m", hold_outcomes=100)
        bench(bad=0.9)
        bench.outcomes = 99
        assert bench(HOUR) == []
        bench.outcomes = 100
        assert bench() == FIRED

    def test_a_deploy_begins_it_anew(self) -> None:
        """What held for the old version says nothing of the new one."""
        bench = Bench(hold_for="10m")
        bench(bad=0.9)
        bench.deploy()
        assert bench(HOUR) == [("suppressed", "hold")]


def test_hysteresis_fires_again_only_after_it_was_clear() -> None:
    """A value that flaps about the threshold is one alarm; below `clear`, the next one counts."""
    bench = Bench(clear="bad < 0.2")
    assert bench(bad=0.9) == FIRED
    assert bench(bad=0.4) == []
    assert bench(bad=0.9) == [("suppressed", "latched")]
    assert bench(bad=0.1) == [("cleared", "clear")]
    assert bench(bad=0.9) == FIRED


def test_a_deploy_ends_the_latch() -> None:
    """A new version is a new incident."""
    bench = Bench(clear="bad < 0.2")
    bench(bad=0.9)
    bench.deploy()
    assert bench() == FIRED


class TestSetback:
    """What a trigger that came to nothing leaves behind."""

    def test_the_cooldown_doubles_and_is_counted_from_the_trigger(self) -> None:
        """The first time it is as written; then twice as long, and twice as long again, up to the longest."""
        bench = Bench(cooldown="1h", max_cooldown="3h")
        for number, hours in enumerate((1, 2, 3, 3)):
            assert bench(bad=0.9) == FIRED
            bench.watch.raised(f"t{number}", "condition")
            bench.watch.came_to_nothing(f"t{number}")
            bench(0)
            assert FIRED not in (bench(hours * HOUR - 1), bench(0))
            bench.at.now += 1

    def test_a_long_quiet_time_begins_it_anew(self) -> None:
        """What comes back after twice the wait is another matter."""
        bench = Bench(cooldown="1h")
        for name in ("a", "b", "c"):
            bench.watch.raised(name, "condition")
            bench.watch.came_to_nothing(name)
        bench(bad=0.9)
        assert bench.watch.memory.setbacks == 3
        bench.watch.raised("d", "condition")
        bench.watch.came_to_nothing("d")
        bench(bad=0.1)
        assert bench(16 * HOUR, bad=0.9) == FIRED
        assert bench.watch.memory.setbacks == 0

    def test_the_triggers_of_others_and_of_schedules_are_no_setback(self) -> None:
        """Only what its own condition raised."""
        bench = Bench(cooldown="1h", schedule={"cron": "@daily"})
        bench(bad=0.9)
        bench.watch.raised("mine", "schedule")
        bench.watch.came_to_nothing("mine")
        bench.watch.came_to_nothing("another")
        bench.watch.came_to_nothing(None)
        assert bench.watch.memory.setbacks == 0

    def test_hysteresis_ends_with_the_cooldown(self) -> None:
        """An alarm that was not answered is an alarm still; without a cooldown it would come at once, and waits."""
        for cooldown, then in (("1h", FIRED), ("0s", [])):
            bench = Bench(clear="bad < 0.2", cooldown=cooldown)
            bench(bad=0.9)
            bench(0)
            bench.watch.raised("t", "condition")
            bench.watch.came_to_nothing("t")
            bench(0)
            assert bench(HOUR) == then


class TestLabelCoverage:
    """`min_label_coverage`: what few labels say may be about the few that come early."""

    def test_unknown_and_small_coverage_block(self) -> None:
        """Each with its reason."""
        bench = Bench(min_label_coverage=0.8)
        assert bench(bad=0.9) == [("suppressed", "label_coverage")]
        bench.watch.memory.told = None
        bench.values["label_coverage"] = 0.5
        (said,) = bench.watch.look(bench.at)
        assert "0.5, 0.8 is needed" in said.reason
        assert bench(label_coverage=0.8) == FIRED

    def test_it_is_needed_by_the_policy(self) -> None:
        """So that it is measured, and stands in the evidence."""
        assert Bench(min_label_coverage=0.8).watch.names == ("bad", "label_coverage")


class TestArm:
    """`arm`: unlabelled drift arms, labelled evidence fires."""

    def test_the_condition_counts_only_while_armed(self) -> None:
        """Before: suppressed. Drift arms, and then it fires."""
        bench = Bench(arm="drift > 0.3", armed_for="3d")
        assert bench(bad=0.9) == [("suppressed", "arm")]
        assert bench(bad=0.1, drift=0.5) == [("armed", "arm")]
        assert bench(2 * DAY, bad=0.9, drift=0.1) == FIRED

    def test_it_is_disarmed_if_nothing_confirms_it(self) -> None:
        """Three days after drift was last seen."""
        bench = Bench(arm="drift > 0.3", armed_for="3d")
        bench(drift=0.5)
        assert bench(DAY) == []
        assert bench(3 * DAY - 1, drift=0.1) == []
        assert bench(1) == [("disarmed", "arm")]
        assert bench(bad=0.9) == [("suppressed", "arm")]


class TestVeto:
    """`veto`: broken data opens an incident and starts no retrain."""

    def test_it_is_told_once_until_it_clears(self) -> None:
        """However often the condition comes and goes; and once it clears, the trigger comes."""
        bench = Bench(veto="missing > 0.2")
        assert bench(bad=0.9, missing=0.5) == [("vetoed", "veto")]
        assert bench(bad=0.1) == []
        assert bench(bad=0.9) == []
        assert bench(missing=0.0) == FIRED

    def test_a_second_incident_is_told_again(self) -> None:
        """It was clear in between, though the condition did not hold then."""
        bench = Bench(veto="missing > 0.2")
        bench(bad=0.9, missing=0.5)
        bench(bad=0.1, missing=0.0)
        assert bench(bad=0.9, missing=0.5) == [("vetoed", "veto")]

    def test_what_would_not_have_fired_is_no_incident(self) -> None:
        """A paused model with broken data is paused."""
        bench = Bench(veto="missing > 0.2")
        bench.at.paused = True
        assert bench(bad=0.9, missing=0.5) == [("suppressed", "paused")]

    def test_an_unknown_veto_does_not_stop(self) -> None:
        """Unknown is not true."""
        assert Bench(veto="missing > 0.2")(bad=0.9) == FIRED


class TestExclude:
    """`exclude`: the week of a sale, the hours of a batch job."""

    def test_a_range_ends_with_its_end(self) -> None:
        """The last millisecond is within, the end is not."""
        bench = Bench(exclude=[{"begins": T - 1, "ends": T + HOUR}])
        assert bench(bad=0.9) == [("suppressed", "excluded")]
        assert bench(HOUR - 1) == []
        assert bench(1) == FIRED

    def test_hours_that_come_again(self) -> None:
        """Eight hours from 20:00 in Berlin, which is 18:00 UTC in summer."""
        bench = Bench(exclude=[{"cron": "0 20 * * *", "duration": "8h", "time_zone": "Europe/Berlin"}])
        assert bench(bad=0.9) == [("suppressed", "excluded")]
        two = T - T % DAY + DAY + 2 * HOUR  # 02:00 UTC, when they are over
        assert bench(two - 1 - T) == []
        assert bench(1) == FIRED


class TestApproval:
    """`approval: required`: a person releases the trigger."""

    def ask(self, **settings: Any) -> Bench:
        bench = Bench(approval="required", approval_expires="1d", **settings)
        assert bench(bad=0.9) == [("awaiting_approval", "approval")]
        expires = bench.watch.memory.awaiting
        assert expires is not None
        bench.watch.memory.awaiting = ("dec_1", *expires[1:])
        return bench

    def test_it_asks_once_and_fires_when_approved(self) -> None:
        """Nothing more is said until the answer."""
        bench = self.ask()
        assert bench(HOUR) == []
        assert bench.watch.answered(bench.at, "dec_2", "approved by c", approved=True) == ()
        (fired,) = bench.watch.answered(bench.at, "dec_1", "approved by c", approved=True)
        assert (fired.word, fired.rule, fired.reason) == ("fired", "approval", "bad > 0.5: approved by c")
        assert bench.watch.answered(bench.at, "dec_1", "approved by c", approved=True) == ()

    def test_after_a_no_the_condition_must_end_first(self) -> None:
        """It does not ask again at the next outcome."""
        bench = self.ask()
        (denied,) = bench.watch.answered(bench.at, "dec_1", "denied by c", approved=False)
        assert denied.word == "denied"
        assert bench(HOUR) == []
        assert bench(bad=0.1) == []
        assert bench(bad=0.9) == [("awaiting_approval", "approval")]

    def test_it_expires(self) -> None:
        """Told, and an answer after that is of no use."""
        bench = self.ask()
        assert bench(DAY) == [("expired", "approval")]
        assert bench.watch.answered(bench.at, "dec_1", "approved by c", approved=True) == ()


class TestDryRun:
    """`dry_run`: told, never raised."""

    def test_it_tells_once_for_each_spell(self) -> None:
        """While the condition stays true nothing more is said."""
        bench = Bench(dry_run=True)
        assert bench(bad=0.9) == DRY
        assert bench(HOUR) == []
        assert bench(bad=0.1) == []
        assert bench(bad=0.9) == DRY

    def test_its_cooldown_and_budget_are_its_own(self) -> None:
        """Live triggers do not use up a dry run's budget, nor does it use up theirs."""
        bench = Bench(Budget(triggers=1, period="1d"), dry_run=True)  # type: ignore[arg-type]
        bench.at.firings.append(T)
        assert bench(bad=0.9) == DRY
        assert list(bench.at.firings) == [T]
        bench(bad=0.1)
        assert bench(bad=0.9) == [("suppressed", "budget")]


def test_a_budget_allows_so_many_triggers_in_any_period() -> None:
    """The third within the day waits until the first is a day old."""
    bench = Bench(Budget(triggers=2, period="1d"))  # type: ignore[arg-type]
    assert bench(bad=0.9) == FIRED
    assert bench(HOUR) == FIRED
    assert bench(HOUR) == [("suppressed", "budget")]
    assert bench(22 * HOUR - 1) == []
    assert bench(1) == FIRED


def test_a_plain_policy_looks_at_its_condition_alone() -> None:
    """What a policy does not ask for costs nothing at each outcome."""
    assert Bench().watch._is_plain
    for more in ({"veto": "missing > 0.2"}, {"dry_run": True}, {"hold_outcomes": 1}, {"approval": "required"}):
        assert not Bench(**more).watch._is_plain
