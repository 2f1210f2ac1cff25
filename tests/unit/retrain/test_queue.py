from __future__ import annotations

from typing import Any

import pytest

from streamproc.config.pipeline import Config
from streamproc.errors import ConfigError
from streamproc.events.partitioner import partition_of
from streamproc.events.trigger import Trigger
from streamproc.retrain.job import Job, Result
from streamproc.retrain.queue import budgets
from streamproc.retrain.stage import RetrainStage
from tests.unit.retrain.support import DEPLOYS, make_trigger
from tests.unit.retrain.world import World

HOUR = 3_600_000
DAY = 24 * HOUR
MODELS = ("a", "b", "c", "d")


def config(priorities: dict[str, int] | None = None, **worker: Any) -> Config:
    """Models a, b, c and d."""
    retrain = {"function": "user_code:train", "retries": {"attempts": 1}}
    models = {name: {"retrain": {**retrain, "priority": (priorities or {}).get(name, 0)}} for name in MODELS}
    return Config.model_validate({"pipeline": "p", "models": models, "worker": worker})


def world(*triggers: Trigger, max_jobs: int = 1, at: Config | None = None) -> World:
    made = World(at or config(), max_jobs)
    for trigger in triggers:
        made.add_trigger(trigger)
    made.settle()
    return made


def end(at: World, status: str = "rejected") -> None:
    at.executor.running[0].result = Result.model_validate({"status": status, "reason": "it is so"})
    at.settle()


def running(at: World) -> list[str]:
    return [handle.job.model_id for handle in at.executor.running]


def story(at: World, trigger: Trigger) -> list[str]:
    return [event["status"] for event in at.said if event["trigger_id"] == trigger.trigger_id]


# -- priority --


def test_the_highest_priority_goes_first_and_of_equal_ones_the_oldest() -> None:
    """Whatever the order in which triggers have come, and also against one that has waited longer."""
    at = world(*(make_trigger(model_id=name) for name in MODELS[:3]), at=config({"b": 1, "c": 1}))
    order = []
    while at.executor.running:
        order += running(at)
        end(at)
    assert order == ["b", "c", "a"]


def test_a_task_that_is_not_woken_any_more_holds_nobody_up() -> None:
    """Its trigger would go first; its input is paused, and another partition's trigger is started after a while."""
    at = World(config({"d": 5}))
    at.stage = RetrainStage(at.config, 2, at.executor, at.directories)
    at.restore_on(0)
    other = World(at.config)
    other.stage = at.stage
    other.restore_on(1)
    assert [partition_of(name, 2) for name in ("a", "d")] == [0, 1]
    at.add_trigger(make_trigger(model_id="a"))
    other.add_trigger(make_trigger(model_id="d"))
    other.wake()
    other.read("triggers")
    at.step()
    assert at.said == []
    at.now += 30_001
    at.step()
    assert [event["model_id"] for event in at.said] == ["a"]


def test_a_running_retrain_keeps_its_place() -> None:
    """A trigger of a higher priority does not push it out."""
    at = world(make_trigger(model_id="a"), at=config({"b": 9}))
    at.add_trigger(make_trigger(model_id="b"))
    at.settle()
    assert running(at) == ["a"]


def test_priority_does_not_change_what_triggers() -> None:
    """The configuration's hash, which trigger ids follow from, is the same."""
    assert config().models["a"].config_hash == config({"a": 5}).models["a"].config_hash


# -- the budget --


def test_no_more_retrains_begin_in_a_period_than_the_budget_has() -> None:
    """The third waits, without a place in the pool, until the first is a period ago."""
    at = world(
        *(make_trigger(model_id=name) for name in MODELS[:3]),
        max_jobs=3,
        at=config(budget={"retrains": 2, "period": "1h"}),
    )
    assert running(at) == ["a", "b"]
    end(at)
    end(at)
    assert running(at) == []
    assert at.stage.gauges()["retrain_held"] == 1
    at.now += HOUR - 1
    at.settle()
    assert running(at) == []
    at.now += 1
    at.settle()
    assert running(at) == ["c"]
    assert at.stage.gauges()["retrain_held"] == 0


def test_the_budget_is_remembered_by_the_log() -> None:
    """A worker that has just been started knows what others have begun."""
    at = world(
        make_trigger(model_id="a"), make_trigger(model_id="b"), at=config(budget={"retrains": 1, "period": "1h"})
    )
    end(at)
    at.boot()
    at.settle()
    assert running(at) == []
    at.now += HOUR
    at.settle()
    assert running(at) == ["b"]


def test_a_further_attempt_costs_nothing() -> None:
    """A run that was cut off is repeated although the budget is spent; another model's retrain is not begun."""
    at = world(
        make_trigger(model_id="a"), make_trigger(model_id="b"), at=config(budget={"retrains": 1, "period": "1h"})
    )
    at.boot()
    at.settle()
    assert [(handle.job.model_id, handle.job.attempt) for handle in at.executor.running] == [("a", 2)]


def test_what_the_budget_holds_back_is_given_up_like_any_other() -> None:
    """After retrain_timeout, with that reason."""
    second = make_trigger(model_id="b")
    at = world(make_trigger(model_id="a"), second, at=config(budget={"retrains": 1, "period": "2d"}))
    at.now += DAY + 1
    at.settle()
    assert story(at, second) == ["failed"]


def test_a_budget_is_divided_among_partitions_and_never_leaves_one_without() -> None:
    """The shares add up; a budget that cannot be divided is refused with what to write instead."""
    whole = config(budget={"retrains": 7, "period": "1h"})
    shares = budgets(whole, 4)
    assert sum(share.retrains for share in shares.values()) == 7
    assert budgets(config(), 4) == {}
    with pytest.raises(ConfigError, match=r"1 retrains cannot be divided among \d partitions of triggers"):
        budgets(config(budget={"retrains": 1, "period": "1h"}), 4)


# -- superseded --


def test_a_newer_trigger_supersedes_one_that_is_queued() -> None:
    """The older one's final event names the newer, whose events name it; only the newer one is run."""
    older, newer = make_trigger(1, "b"), make_trigger(2, "b")
    at = world(make_trigger(model_id="a"), older, newer)
    assert story(at, older) == ["superseded"]
    gone = at.finals()[0]
    assert gone["superseded_by"] == newer.trigger_id
    assert newer.trigger_id in gone["reason"]
    assert not at.dead_letters
    end(at)
    assert [handle.job.trigger for handle in at.executor.running] == [newer]
    end(at)
    told = [event.get("supersedes") for event in at.said if event["trigger_id"] == newer.trigger_id]
    assert told == [[older.trigger_id], [older.trigger_id]]
    assert story(at, older) == ["superseded"]


def test_one_that_runs_or_has_run_is_not_superseded() -> None:
    """The newer trigger waits for the end of the older one, also over a run that was cut off."""
    older, newer = make_trigger(1, "a"), make_trigger(2, "a")
    at = world(older)
    at.add_trigger(newer)
    at.boot()
    at.settle()
    assert [(handle.job.trigger, handle.job.attempt) for handle in at.executor.running] == [(older, 2)]
    end(at)
    assert [handle.job.trigger for handle in at.executor.running] == [newer]
    assert story(at, older) == ["started", "started", "rejected"]


def test_each_names_the_one_before_it() -> None:
    """Superseded by one that is itself superseded later: every link of the chain is in the log."""
    chain = [make_trigger(n, "b") for n in range(3)]
    at = world(make_trigger(model_id="a"), *chain[:2])
    at.add_trigger(chain[2])
    at.settle()
    first, second = at.finals()
    assert (first["superseded_by"], second["superseded_by"]) == (chain[1].trigger_id, chain[2].trigger_id)
    assert second["supersedes"] == [chain[0].trigger_id]
    assert at.task.state.supersedes == {chain[2].trigger_id: (chain[1].trigger_id,)}


def test_what_was_aborted_is_said_again() -> None:
    """One `superseded` is in the log, whatever became of the first transaction."""
    older, newer = make_trigger(1, "b"), make_trigger(2, "b")
    at = World(config())
    at.add_trigger(older)
    at.add_trigger(newer)
    at.read("triggers")
    at.wake()
    assert at.out.sent
    at.abort()
    at.settle()
    assert story(at, older) == ["superseded"]
    assert story(at, newer) == ["started"]


def test_a_final_event_by_another_hand_leaves_nothing_behind() -> None:
    """A newer trigger that somebody else ends is not kept for what it has superseded."""
    older, newer = make_trigger(1, "b"), make_trigger(2, "b")
    at = world(make_trigger(model_id="a"), older, newer)
    at.append(DEPLOYS, {"model_id": "b", "trigger_id": newer.trigger_id, "status": "rejected", "time": at.now})
    at.settle()
    assert at.task.state.supersedes == {}


# -- waiting for rows --


FEW = {
    "status": "waiting",
    "reason": "8 of the 8 newest rows are ones; gate.min_rows asks for 50",
    "rows": {"needed": 50},
}


def wait(at: World) -> None:
    at.executor.running[0].result = Result.model_validate(FEW)
    at.settle()


def test_a_retrain_that_waits_for_rows_leaves_its_place_to_others() -> None:
    """`waiting` says until when and what for; other models run; it is looked at again at its time, not before."""
    first = make_trigger(model_id="a")
    at = world(first, make_trigger(model_id="b"))
    wait(at)
    waiting = at.said[1]
    assert (waiting["status"], waiting["rows"]) == ("waiting", {"needed": 50})
    assert waiting["retry_at"] == at.now + 6 * HOUR // 10
    assert "waits for rows until 2026-01-01T06:00:00" in waiting["reason"]
    assert "gate.min_rows asks for 50" in waiting["reason"]
    assert running(at) == ["b"]
    end(at)
    at.now = waiting["retry_at"] - 1
    at.settle()
    assert running(at) == []
    at.now += 1
    at.settle()
    assert [handle.job.attempt for handle in at.executor.running] == [2]
    end(at)
    assert story(at, first) == ["started", "waiting", "started", "rejected"]


def test_the_wait_ends_with_a_rejection_that_has_the_figures() -> None:
    """After gate.wait, no later than that, whatever number of looks; it is no failure, and no dead letter."""
    first = make_trigger(model_id="a")
    at = world(first)
    began = at.now
    while not at.finals():
        wait(at)
        at.now = max(at.now, at.said[-1].get("retry_at", 0))
        at.settle()
    (rejected,) = at.finals()
    assert (rejected["status"], rejected["rows"]) == ("rejected", {"needed": 50})
    assert rejected["time"] == began + 6 * HOUR
    assert rejected["reason"] == f"not trained: {FEW['reason']}; waited for 6h (gate.wait)"
    assert story(at, first).count("waiting") == 10
    assert not at.dead_letters


def test_the_wait_goes_on_after_the_worker_has_died() -> None:
    """All of it follows from the log: neither at once, nor from the beginning."""
    at = world(make_trigger(model_id="a"))
    wait(at)
    retry_at = at.said[-1]["retry_at"]
    at.boot()
    at.settle()
    assert running(at) == []
    at.now = retry_at
    at.settle()
    assert [handle.job.attempt for handle in at.executor.running] == [2]


def test_a_newer_trigger_supersedes_one_that_waits_for_rows() -> None:
    """Its rows are newer, and nothing has been trained yet; what the older one waited for is in its final event."""
    older, newer = make_trigger(1, "a"), make_trigger(2, "a")
    at = world(older)
    wait(at)
    at.add_trigger(newer)
    at.settle()
    assert story(at, older) == ["started", "waiting", "superseded"]
    assert "gate.min_rows asks for 50" in at.finals()[0]["reason"]
    assert [handle.job.trigger for handle in at.executor.running] == [newer]


def test_the_monitors_timeout_ends_the_wait_with_the_figures() -> None:
    """A retrain_timeout that is shorter than gate.wait: rejected, and why."""
    shorter = config()
    models = {n: m.model_copy(update={"retrain_timeout": HOUR}) for n, m in shorter.models.items()}
    at = world(make_trigger(model_id="a"), at=shorter.model_copy(update={"models": models}))
    wait(at)
    at.now += HOUR + 1
    at.settle()
    assert at.finals()[0]["status"] == "rejected"
    assert "gate.min_rows asks for 50" in at.finals()[0]["reason"]
    assert "retrain_timeout" in at.finals()[0]["reason"]


def test_a_job_can_be_read_by_its_process() -> None:
    """All of the model's settings that it holds, durations included, survive job.json."""
    job = world(make_trigger(model_id="a")).executor.running[0].job
    assert Job.model_validate_json(job.model_dump_json()) == job


def test_an_aborted_waiting_is_said_again() -> None:
    """The result is still there."""
    at = world(make_trigger(model_id="a"))
    at.executor.running[0].result = Result.model_validate(FEW)
    at.wake()
    assert at.out.sent
    at.abort()
    at.settle()
    assert [event["status"] for event in at.said] == ["started", "waiting"]
