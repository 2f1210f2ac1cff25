"""Runs that fail, are cut off or are given back: when the next one starts, and when there is none."""

from __future__ import annotations

from typing import Any

import pytest

from streamproc.config.retrain import Retries
from streamproc.events.trigger import Trigger
from streamproc.retrain.job import Result, failed, version_of
from streamproc.retrain.retries import NO_RUNS, Runs, after, is_hopeless, is_last, not_before, wait_after
from tests.unit.retrain.support import DEPLOYS, NOW, TRIGGERS, configure, deployed_result, make_trigger
from tests.unit.retrain.world import World

TRIGGER = make_trigger()
SECOND, MINUTE, DAY = 1_000, 60_000, 86_400_000
DEFAULT = Retries()


def world(*triggers: Trigger, models: tuple[str, ...] = ("m",), max_jobs: int = 1, **retries: Any) -> World:
    made = World(configure(models, retries=retries), max_jobs)
    for trigger in triggers or (TRIGGER,):
        made.add_trigger(trigger)
    made.settle()
    return made


def fail(at: World, why: str = "no such column") -> None:
    """The job that runs fails, and what follows is said."""
    at.executor.running[-1].result = failed(why)
    at.settle()


def story(at: World) -> list[tuple[str, int]]:
    return [(event["status"], event["attempt"]) for event in at.said]


# -- the rules --


def started(runs: Runs, time: int = NOW) -> Runs:
    """After one more start."""
    return after({"status": "started", "attempt": runs.attempt + 1, "time": time}, runs)


def test_waits_double_up_to_the_longest() -> None:
    """1m, 2m, 4m ... 1h, and no number of failures makes it dear to work out."""
    waits = [wait_after(count, DEFAULT) // MINUTE for count in range(1, 9)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert wait_after(10**9, DEFAULT) == 60 * MINUTE


def test_no_wait_is_a_wait() -> None:
    """A back-off of 0 repeats at once."""
    assert wait_after(9, Retries.model_validate({"backoff": 0})) == 0


def test_a_run_that_was_cut_off_is_repeated_at_once_and_then_later_and_later() -> None:
    """The first time without a wait; then the wait counts from the beginning of the run that was cut off."""
    runs = started(NO_RUNS, NOW)
    assert not_before(runs, DEFAULT) == 0
    runs = started(runs, NOW + SECOND)
    assert not_before(runs, DEFAULT) == NOW + SECOND + MINUTE
    runs = started(runs, NOW + 2 * MINUTE)
    assert not_before(runs, DEFAULT) == NOW + 4 * MINUTE


def test_what_is_counted() -> None:
    """Failures and cut-off runs apart; what was given back is neither."""
    runs = after({"status": "attempt_failed", "attempt": 1, "retry_at": NOW + 5}, started(NO_RUNS))
    assert (runs.attempt, runs.failed, runs.cut_off, runs.retry_at) == (1, 1, 0, NOW + 5)
    runs = after({"status": "given_back", "attempt": 3}, started(started(runs)))
    assert (runs.attempt, runs.failed, runs.cut_off, runs.retry_at) == (3, 1, 1, 0)
    assert is_last(runs, Retries(attempts=2))
    assert not is_last(runs, Retries(attempts=3))


@pytest.mark.parametrize("status", ["started", "attempt_failed", "given_back", "confirmed"])
@pytest.mark.parametrize("attempt", [None, 0, 1, 3])
def test_what_is_not_the_next_step_changes_nothing(status: str, attempt: int | None) -> None:
    """Anybody may write events with our trigger ids: without the right number they are not a worker's."""
    event = {"status": status, "time": NOW, **({} if attempt is None else {"attempt": attempt})}
    runs = started(started(NO_RUNS))
    if (status, attempt) != ("started", 3):
        assert after(event, runs) == runs
    assert after({**event, "attempt": attempt or 2}, Runs(attempt=4)) == Runs(attempt=4)


def test_cut_off_runs_are_bounded() -> None:
    """`cut_offs: 2` allows two runs to be cut off in the middle: after that there is no third."""
    once, twice = started(NO_RUNS), started(started(NO_RUNS))
    assert not is_hopeless(once, Retries(cut_offs=2))
    assert is_hopeless(twice, Retries(cut_offs=2))
    assert not is_hopeless(after({"status": "given_back", "attempt": 2}, twice), Retries(cut_offs=2))


# -- failures --


def test_a_failed_run_is_repeated_after_its_wait_and_not_before() -> None:
    """`attempt_failed` with its reason and the time; a millisecond before that time nothing starts."""
    at = world()
    fail(at)
    event = at.said[-1]
    assert (event["status"], event["attempt"], event["reason"]) == ("attempt_failed", 1, "no such column")
    assert event["retry_at"] == at.now + MINUTE
    at.now = event["retry_at"] - 1
    at.settle()
    assert len(at.executor.handles) == 1
    at.now += 1
    at.settle()
    assert story(at) == [("started", 1), ("attempt_failed", 1), ("started", 2)]
    assert at.executor.handles[1].job.version == version_of(TRIGGER.trigger_id, 2)
    assert at.executor.handles[1].job.trigger == TRIGGER
    assert not at.dead_letters
    at.executor.handles[1].result = deployed_result("r-2")
    at.settle()
    assert [(e["status"], e["attempt"]) for e in at.finals()] == [("deployed", 2)]
    assert not at.directories.held


def test_the_last_failure_is_final_and_the_trigger_a_dead_letter() -> None:
    """Exactly one `failed`, and the trigger's record among the dead letters, in the same transaction."""
    at = world(attempts=2, backoff="1s")
    fail(at)
    at.now += SECOND
    at.settle()
    at.executor.running[0].result = failed("still none")
    at.read(DEPLOYS)
    at.wake()
    assert (len(at.out.sent), [error.code for error in at.out.rejected]) == (1, ["retrain_failed"])
    assert at.out.records == [at.logs[TRIGGERS][0]]
    at.commit()
    at.now += DAY
    at.settle()
    assert [(e["status"], e["attempt"]) for e in at.finals()] == [("failed", 2)]
    assert at.said[-1]["reason"] == "all 2 attempts have failed; the last one: still none"
    assert len(at.dead_letters) == 1
    assert "still none" in at.dead_letters[0].detail
    assert len(at.executor.handles) == 2


def test_an_aborted_last_failure_is_said_again_with_its_dead_letter() -> None:
    """Neither the final event nor the dead letter is there without the other, nor twice."""
    at = world(attempts=1)
    at.executor.running[0].result = failed("no")
    at.wake()
    at.abort()
    at.settle()
    assert (len(at.finals()), len(at.dead_letters)) == (1, 1)


def test_an_aborted_attempt_failed_is_said_again() -> None:
    """Rolled back or not read back yet when the task is dropped: in the end it is in the log once."""
    at = world()
    at.executor.running[0].result = failed("no")
    at.wake()
    at.abort()
    at.step()
    at.abort()
    at.settle()
    assert story(at) == [("started", 1), ("attempt_failed", 1)]


def test_a_rejection_is_final() -> None:
    """The gate's judgement is a result, and is not asked for twice."""
    at = world()
    at.executor.running[0].result = Result(status="rejected", reason="worse")
    at.settle()
    at.now += DAY - 1
    at.settle()
    assert story(at) == [("started", 1), ("rejected", 1)]
    assert not at.dead_letters


def test_a_worker_that_is_killed_during_the_wait_goes_on_waiting() -> None:
    """The wait is in the log: its successor starts the next attempt at the same time."""
    at = world()
    fail(at)
    retry_at = at.said[-1]["retry_at"]
    at.now += 20 * SECOND
    at.boot()
    at.settle()
    assert not at.executor.handles
    at.now = retry_at
    at.settle()
    assert story(at) == [("started", 1), ("attempt_failed", 1), ("started", 2)]


def test_the_monitors_timeout_ends_the_wait() -> None:
    """A trigger that nobody waits for any more is not kept for its next attempt: failed, with that reason."""
    at = world(backoff="2d", max_backoff="2d")
    fail(at)
    at.now += DAY + 1
    at.settle()
    assert story(at) == [("started", 1), ("attempt_failed", 1), ("failed", 2)]
    assert "retrain_timeout" in at.said[-1]["reason"]
    assert len(at.dead_letters) == 1


def test_a_trigger_that_waits_leaves_its_place_to_other_models() -> None:
    """During the wait other models are retrained; a newer trigger of the same model waits for the older one."""
    newer, other = make_trigger(2), make_trigger(1, "other")
    at = world(TRIGGER, models=("m", "other"), max_jobs=2)
    fail(at)
    at.add_trigger(newer)
    at.add_trigger(other)
    at.settle()
    assert [handle.job.trigger for handle in at.executor.running] == [other]
    at.executor.running[0].result = Result(status="rejected", reason="worse")
    at.now += MINUTE
    at.settle()
    assert [handle.job.trigger for handle in at.executor.running] == [TRIGGER]


def test_a_failure_that_another_worker_has_gone_on_from_is_not_said() -> None:
    """The partition was elsewhere, where the next attempt began: this one's failure would close that one."""
    at = world()
    at.task.close()
    there = World(at.config)
    there.logs, there.committed = at.logs, at.committed
    there.restore()
    there.settle()
    at.executor.handles[0].result = failed("too late")
    at.committed = there.committed
    at.restore()
    at.step()
    assert story(at)[:2] == [("started", 1), ("started", 2)]
    assert "attempt_failed" not in [status for status, _ in story(at)]


# -- cut off --


def test_a_job_that_takes_its_worker_along_is_given_up() -> None:
    """Each time the worker dies with it: repeated at once, then after waits, and after `cut_offs` runs no more."""
    at = world(cut_offs=3, backoff="10s")
    at.boot()
    at.settle()
    assert story(at) == [("started", 1), ("started", 2)]
    at.boot()
    at.settle()
    assert not at.executor.handles
    at.now += 10 * SECOND
    at.settle()
    assert len(at.executor.handles) == 1
    at.boot()
    at.settle()
    assert story(at) == [("started", 1), ("started", 2), ("started", 3), ("failed", 3)]
    assert "cut_offs" in at.said[-1]["reason"]
    assert not at.executor.handles
    assert len(at.dead_letters) == 1


def test_letting_go_of_an_old_run_does_not_begin_one_too_many() -> None:
    """The partition comes back with a run that was cut off elsewhere: what is hopeless is given up, not started."""
    at = world(cut_offs=2)
    at.task.close()
    there = World(at.config)
    there.logs, there.committed = at.logs, at.committed
    there.restore()
    there.settle()
    at.executor.handles[0].result = failed("too late")
    at.committed, at.now = there.committed, at.now + DAY // 2
    at.restore()
    at.settle()
    assert story(at) == [("started", 1), ("started", 2), ("failed", 2)]


def test_cut_off_runs_are_no_failures() -> None:
    """Two kills and one failure leave two of three attempts."""
    at = world(attempts=3, backoff=0)
    for _ in range(2):
        at.boot()
        at.settle()
    fail(at)
    fail(at)
    assert not at.finals()
    fail(at)
    assert [event["attempt"] for event in at.finals()] == [5]


# -- stops --


def stop(at: World, limit: int = 100, **how: Any) -> bool:
    """Go on until the engine may stop; whether it may."""
    for _ in range(limit):
        if at.stage.may_stop(at.now, **how):
            return True
        at.step()
    return False


def test_a_stop_gives_a_running_job_back() -> None:
    """It is told to end; when it has, `given_back` is in the log, and the next worker runs it at once."""
    at = world(attempts=1)
    assert not at.stage.may_stop(at.now)
    (handle,) = at.executor.handles
    assert handle.told_to_end
    at.settle()
    assert story(at) == [("started", 1)]  # not before its process is gone
    handle.result = failed("ended because its worker stopped")
    assert stop(at)
    assert story(at) == [("started", 1), ("given_back", 1)]
    assert at.places[DEPLOYS] == len(at.logs[DEPLOYS])
    at.boot()
    at.settle()
    assert story(at)[2:] == [("started", 2)]
    fail(at)
    assert [e["status"] for e in at.finals()] == ["failed"]  # its one attempt; the other was none


def test_any_number_of_stops_uses_up_nothing() -> None:
    """A worker that is restarted more often than runs may fail or be cut off still runs the trigger."""
    at = world(attempts=1, cut_offs=1)
    for number in range(1, 9):
        at.stage.may_stop(at.now)
        at.executor.running[0].result = failed("told to end")
        assert stop(at)
        at.boot()
        at.settle()
        assert story(at)[-1] == ("started", number + 1)


def test_a_job_that_ends_by_itself_during_the_stop_has_ended() -> None:
    """What it has given is kept: its final event is said, not `given_back`."""
    at = world()
    at.stage.may_stop(at.now)
    at.executor.handles[0].result = deployed_result("r-1")
    assert stop(at)
    assert story(at) == [("started", 1), ("deployed", 1)]


def test_a_start_that_was_said_is_given_back() -> None:
    """A stop between `started` and the job: no job, and the log says that there is none."""
    at = World(configure())
    at.add_trigger(TRIGGER)
    at.step()
    assert story(at) == [("started", 1)]
    assert stop(at)
    assert story(at) == [("started", 1), ("given_back", 1)]
    assert not at.executor.handles


def test_a_stop_waits_no_longer_than_its_limit() -> None:
    """A job that does not end, or a Kafka that does not answer, holds a stop up for seconds; then it is cut off."""
    at = world()
    assert not at.stage.may_stop(at.now)
    at.now += 7 * SECOND - 1
    assert not at.stage.may_stop(at.now)
    at.now += 1
    assert at.stage.may_stop(at.now)


def test_without_jobs_a_stop_is_immediate() -> None:
    """Open triggers hold nothing up, whether they wait for their next attempt or for a place."""
    at = world(TRIGGER)
    fail(at)
    at.add_trigger(make_trigger(2))
    at.read(TRIGGERS)
    assert at.stage.may_stop(at.now)


def finishing(*triggers: Trigger) -> World:
    config = configure(("m", "n")).model_copy(update={"worker": FINISH})
    at = World(config, max_jobs=2)
    for trigger in triggers:
        at.add_trigger(trigger)
    at.settle()
    return at


FINISH = configure().worker.model_copy(update={"on_stop": "finish"})


@pytest.mark.parametrize("status", ["deployed", "failed"])
def test_a_stop_may_wait_for_running_jobs(status: str) -> None:
    """With `finish` they go on, no other is started, and the stop is over when their end has been read back."""
    at = finishing(TRIGGER)
    assert not stop(at, limit=5)
    at.add_trigger(make_trigger(1, "n"))
    at.now += MINUTE
    assert not stop(at, limit=5)
    (handle,) = at.executor.handles
    assert not handle.told_to_end
    handle.result = deployed_result("r-1") if status == "deployed" else failed("no")
    assert stop(at)
    assert story(at) == [("started", 1), ("deployed" if status == "deployed" else "attempt_failed", 1)]
    assert not at.directories.held


def test_a_stop_waits_for_a_job_as_long_as_it_may_take() -> None:
    """`time_limit`, and a minute for its end to get into the log."""
    at = finishing(TRIGGER)
    limit = at.executor.handles[0].job.time_limit + MINUTE
    assert not at.stage.may_stop(at.now)
    at.now += limit - 1
    assert not at.stage.may_stop(at.now)
    at.now += 1
    assert at.stage.may_stop(at.now)


def test_an_error_does_not_wait_for_jobs() -> None:
    """A process that ends because something is wrong gives its jobs back whatever was set."""
    at = finishing(TRIGGER)
    assert not at.stage.may_stop(at.now)
    assert not at.stage.may_stop(at.now, at_once=True)
    assert at.executor.handles[0].told_to_end
    at.now += 7 * SECOND
    assert at.stage.may_stop(at.now, at_once=True)
