from __future__ import annotations

from typing import Any

import pytest

from streamproc.errors import TopicError
from streamproc.events.codec import DEPLOY
from streamproc.events.partitioner import partition_of
from streamproc.events.trigger import Trigger
from streamproc.retrain.job import Result, failed, version_of
from streamproc.retrain.stage import RetrainStage
from tests.unit.retrain.support import (
    DEPLOYS,
    NOW,
    TRIGGERS,
    FakeHandle,
    configure,
    deployed_result,
    make_trigger,
    record,
)
from tests.unit.retrain.world import World

TRIGGER = make_trigger()
DAY = 86_400_000


def world(*triggers: Trigger, models: tuple[str, ...] = ("m",), max_jobs: int = 1) -> World:
    made = World(configure(models, retries={"attempts": 1}), max_jobs)
    for trigger in triggers:
        made.add_trigger(trigger)
    return made


def finish(handle: FakeHandle, status: str = "deployed") -> None:
    handle.result = (
        deployed_result(handle.job.version) if status == "deployed" else Result(status="rejected", reason="worse")
    )


def statuses(at: World) -> list[str]:
    return [event["status"] for event in at.said]


def test_a_trigger_is_started_run_and_ended_by_one_event() -> None:
    """started, then the job, then exactly one final event with all that the job found."""
    at = world(TRIGGER)
    at.settle()
    assert statuses(at) == ["started"]
    (handle,) = at.executor.handles
    assert handle.job.trigger == TRIGGER
    assert handle.job.version == version_of(TRIGGER.trigger_id, 1)
    finish(handle)
    at.settle()
    assert statuses(at) == ["started", "deployed"]
    event = at.said[1]
    assert event["model_version"] == event["artifact"]["uri"].split("/")[1] == handle.job.version
    assert event["previous_version"] == "v1"
    assert event["attempt"] == 1
    assert event["rows"] == {"training": 75, "holdout": 25}
    assert event["metrics"]["challenger"] == {"accuracy": 0.9}


def test_the_job_waits_until_its_start_is_in_the_log() -> None:
    """No process runs for an attempt that the log does not know."""
    at = world(TRIGGER)
    at.read(TRIGGERS)
    at.wake()
    assert not at.executor.handles
    at.commit()
    at.wake()
    assert not at.executor.handles
    at.read(DEPLOYS)
    at.wake()
    assert len(at.executor.handles) == 1


def test_deploy_events_are_keyed_by_model_and_carry_cloud_events_headers() -> None:
    """The key is the model id; ce_id is the deploy id, ce_subject the model; the join's decoder takes the event."""
    at = world(TRIGGER)
    at.step()
    record = at.logs[DEPLOYS][0]
    headers = dict(record.headers())
    event = DEPLOY(record.value(), record.key(), 0)
    assert record.key() == b"m"
    assert headers["ce_type"] == b"dev.streamproc.deploy"
    assert headers["ce_id"].decode() == event["deploy_id"]
    assert headers["ce_subject"] == b"m"


@pytest.mark.parametrize("other", [{"pipeline": "another"}, {"model_id": "unknown"}, {"model_id": "watched"}], ids=str)
def test_triggers_of_others_are_left_alone(other: dict[str, Any]) -> None:
    """Another pipeline's trigger, an unknown model's, and that of a model without a retrain section do nothing."""
    at = world(make_trigger(**other))
    at.settle()
    assert at.said == []
    assert not at.dead_letters


def test_an_unusable_trigger_is_a_dead_letter() -> None:
    """Bytes that are no trigger are rejected once; unusable deploy events are the join's to reject."""
    at = world()
    at.append(TRIGGERS, b"{")
    at.append(DEPLOYS, b"{")
    at.settle()
    assert [error.code for error in at.dead_letters] == ["not_json"]


@pytest.mark.parametrize("order", [(TRIGGERS, DEPLOYS), (DEPLOYS, TRIGGERS)])
@pytest.mark.parametrize("status", ["deployed", "rejected", "failed"])
def test_a_trigger_that_the_log_has_ended_is_not_run(order: tuple[str, str], status: str) -> None:
    """In whatever order the two topics are read, a finished trigger stays finished."""
    at = world(TRIGGER)
    at.append(DEPLOYS, final(TRIGGER, status))
    for topic in order:
        at.read(topic)
    for _ in range(3):
        at.wake()
        at.commit()
        at.read(DEPLOYS)
    assert len(at.said) == 1
    assert not at.executor.handles


def final(trigger: Trigger, status: str, **fields: object) -> dict[str, object]:
    base = {"model_id": trigger.model_id, "trigger_id": trigger.trigger_id, "status": status, "time": NOW}
    return {**base, "model_version": "other", **fields}


def test_a_trigger_that_is_in_the_log_twice_is_run_once() -> None:
    """A second record with the same trigger id is passed over, while the first is open and after it."""
    at = world(TRIGGER, TRIGGER)
    at.settle()
    finish(at.executor.handles[0], "rejected")
    at.settle()
    at.add_trigger(TRIGGER)
    at.settle()
    assert statuses(at) == ["started", "rejected"]


def test_an_aborted_start_is_said_again() -> None:
    """When `started` is rolled back, the new task says it again with the same attempt and id, and runs one job."""
    at = world(TRIGGER)
    at.read(TRIGGERS)
    at.wake()
    lost = at.out.sent[0][1]
    at.abort()
    at.settle()
    assert at.logs[DEPLOYS][0].value() == lost
    assert statuses(at) == ["started"]
    assert len(at.executor.handles) == 1


def test_an_aborted_final_event_is_said_again() -> None:
    """When the final event is rolled back, the result is still there and is said again, once."""
    at = world(TRIGGER)
    at.settle()
    finish(at.executor.handles[0])
    at.wake()
    assert at.out.sent
    at.abort()
    at.settle()
    assert statuses(at) == ["started", "deployed"]
    assert len(at.executor.handles) == 1


def test_a_committed_final_event_is_found_by_a_restored_task() -> None:
    """A task that is dropped after the commit, and before it reads its own event back, does not say it twice."""
    at = world(TRIGGER)
    at.settle()
    finish(at.executor.handles[0])
    at.wake()
    at.commit()
    at.abort()
    at.settle()
    assert statuses(at) == ["started", "deployed"]


def test_a_job_survives_its_task() -> None:
    """A task that goes and comes back finds its job still running."""
    at = world(TRIGGER)
    at.settle()
    at.abort()
    at.settle()
    finish(at.executor.handles[0])
    at.settle()
    assert statuses(at) == ["started", "deployed"]
    assert len(at.executor.handles) == 1


def test_after_a_crash_the_retrain_starts_again() -> None:
    """A new process runs the trigger again: attempt 2, a version of its own, the same trigger id, one final event."""
    at = world(TRIGGER)
    at.settle()
    at.boot()
    at.settle()
    assert [(e["status"], e["attempt"]) for e in at.said] == [("started", 1), ("started", 2)]
    (handle,) = at.executor.handles
    assert handle.job.version == version_of(TRIGGER.trigger_id, 1) + "-2"
    finish(handle)
    at.settle()
    assert [(e["status"], e["attempt"]) for e in at.finals()] == [("deployed", 2)]
    assert len({e["deploy_id"] for e in at.said}) == len(at.said)


def test_a_crash_between_start_and_job_counts_as_an_attempt() -> None:
    """A `started` that is in the log and whose job never ran is an attempt like any other."""
    at = world(TRIGGER)
    at.step()
    at.boot()
    at.settle()
    assert [e["attempt"] for e in at.said] == [1, 2]
    assert len(at.executor.handles) == 1


def test_one_retrain_per_model_at_a_time() -> None:
    """A second trigger of the same model waits for the final event of the first, though there is room for two."""
    second = make_trigger(2)
    at = world(TRIGGER, max_jobs=4)
    at.settle()
    at.add_trigger(second)
    at.settle()
    assert len(at.executor.handles) == 1
    finish(at.executor.handles[0])
    at.settle()
    assert statuses(at) == ["started", "deployed", "started"]
    assert at.executor.handles[1].job.trigger == second


def test_no_more_jobs_than_there_is_room_for() -> None:
    """With room for two, three models' triggers run two at a time, the oldest first."""
    models = ("a", "b", "c")
    at = world(*(make_trigger(model_id=name) for name in models), models=models, max_jobs=2)
    at.settle()
    assert [handle.job.model_id for handle in at.executor.running] == ["a", "b"]
    finish(at.executor.handles[1])
    at.settle()
    assert [handle.job.model_id for handle in at.executor.running] == ["a", "c"]


def test_the_oldest_trigger_of_all_tasks_goes_first() -> None:
    """A task whose trigger is younger leaves the place to another task's older one."""
    at = World(configure(("a", "d")))
    at.stage = RetrainStage(at.config, 2, at.executor, at.directories)
    at.restore_on(0)
    at.now = NOW + 1000
    at.add_trigger(make_trigger(model_id="a"))
    at.read(TRIGGERS)
    other = World(configure(("a", "d")))
    other.stage = at.stage
    other.restore_on(1)
    other.add_trigger(make_trigger(model_id="d"))
    other.read(TRIGGERS)
    at.wake()
    other.wake()
    assert not at.out.sent
    assert b'"model_id":"d"' in other.out.sent[0][1]


def test_the_champion_is_the_newest_version_in_service() -> None:
    """previous_version follows `deployed` and `rolled_back`, also when somebody deployed after the trigger fired."""
    at = world(TRIGGER)
    at.settle()
    at.append(DEPLOYS, {"model_id": "m", "status": "deployed", "model_version": "by-hand", "time": NOW})
    at.settle()
    finish(at.executor.handles[0])
    at.settle()
    assert at.finals()[-1]["previous_version"] == "by-hand"
    at.append(DEPLOYS, {"model_id": "m", "status": "rolled_back", "model_version": "by-hand", "time": NOW})
    at.add_trigger(make_trigger(2))
    at.settle()
    assert at.said[-1]["previous_version"] == "by-hand"


@pytest.mark.parametrize(("back_to", "status"), [("v0", "rejected"), ("v1", "deployed")])
def test_a_challenger_that_has_met_a_version_that_is_gone_is_rejected(back_to: str, status: str) -> None:
    """The version of its gate was rolled back while it was trained: better than that one may be worse than this one."""
    at = world(TRIGGER)
    at.settle()
    back = {"model_id": "m", "status": "rolled_back", "model_version": back_to, "previous_version": "v9", "time": NOW}
    at.append(DEPLOYS, back)
    finish(at.executor.handles[0])
    at.settle()
    (final,) = at.finals()
    assert final["status"] == status
    assert final["metrics"]["champion"] == {"accuracy": 0.5}
    told = "it has only met version v1, and by now v0 is in service; passed the gate"
    assert final["reason"] == ("passed the gate" if status == "deployed" else told)


def test_a_version_that_is_in_service_already_has_failed() -> None:
    """A challenger under the champion's name could not be told from it: failed, with the reason."""
    at = world(TRIGGER)
    at.append(DEPLOYS, {"model_id": "m", "status": "deployed", "model_version": "v7", "time": NOW})
    at.settle()
    at.executor.handles[0].result = deployed_result("v7")
    at.settle()
    assert at.finals()[-1]["status"] == "failed"
    assert "v7 is in service already" in at.finals()[-1]["reason"]


def test_a_trigger_that_the_monitor_has_given_up_is_not_run() -> None:
    """After retrain_timeout a trigger that never started ends as failed, without a job."""
    at = world(TRIGGER)
    at.now += DAY + 1
    at.settle()
    assert statuses(at) == ["failed"]
    assert "retrain_timeout" in at.said[0]["reason"]
    assert not at.executor.handles


def test_a_running_job_is_not_given_up() -> None:
    """retrain_timeout is about the wait for a start; the run has its own limit."""
    at = world(TRIGGER)
    at.settle()
    at.now += DAY + 1
    at.settle()
    assert statuses(at) == ["started"]


def test_a_trigger_that_somebody_else_ends_ends_its_job() -> None:
    """A final event by another hand ends the running job, and nothing more is said."""
    at = world(TRIGGER)
    at.settle()
    at.append(DEPLOYS, final(TRIGGER, "deployed"))
    at.settle()
    (handle,) = at.executor.handles
    assert handle.told_to_end
    handle.result = failed("ended")
    at.settle()
    assert len(at.finals()) == 1
    assert not at.directories.held


@pytest.mark.parametrize(("model_id", "max_jobs"), [("m", 2), ("other", 1)])
def test_a_job_that_is_being_ended_still_counts(model_id: str, max_jobs: int) -> None:
    """Until its process is gone, it keeps its place in the pool, and its model."""
    at = world(TRIGGER, models=("m", "other"), max_jobs=max_jobs)
    at.settle()
    at.add_trigger(make_trigger(2, model_id))
    at.settle()
    at.append(DEPLOYS, final(TRIGGER, "deployed"))
    at.settle()
    (handle,) = at.executor.handles
    assert handle.told_to_end
    handle.result = failed("ended")
    at.settle()
    assert [each.job.model_id for each in at.executor.running] == [model_id]


def test_several_models_start_in_one_turn() -> None:
    """Where there is room, a trigger does not wait for another model's job to have started."""
    at = world(*(make_trigger(model_id=name) for name in ("a", "b")), models=("a", "b"), max_jobs=2)
    at.step()
    assert statuses(at) == ["started", "started"]


def test_a_job_that_cannot_be_started_has_failed() -> None:
    """An OSError of the executor (no memory, a full disk) is the reason of a `failed` event."""
    at = world(TRIGGER)
    at.executor.refuses = OSError(28, "No space left on device")
    at.settle()
    assert statuses(at) == ["started", "failed"]
    assert "No space left" in at.said[1]["reason"]
    assert not at.directories.held


def test_an_orphaned_job_is_ended_after_half_a_minute() -> None:
    """A job whose partition went elsewhere is ended 30 s later, not before, if another task of the stage goes on."""
    at = world(TRIGGER)
    at.settle()
    (handle,) = at.executor.handles
    at.task.close()
    other = World(at.config)
    other.stage = at.stage
    other.restore_on(1)
    other.wake()
    other.now += 29_999
    other.wake()
    ended_early = handle.told_to_end
    other.now += 1
    other.wake()
    assert (ended_early, handle.told_to_end) == (False, True)
    handle.result = failed("ended")
    other.wake()
    assert not at.directories.held
    assert not other.said


def test_a_job_that_is_owned_again_in_time_goes_on() -> None:
    """The half minute begins anew each time the job loses its task."""
    at = world(TRIGGER)
    at.settle()
    other = World(at.config)
    other.stage = at.stage
    for _ in range(3):
        at.task.close()
        other.restore_on(1)
        other.wake()
        other.now += 20_000
        other.wake()
        other.task.close()
        at.now = other.now
        at.restore()
        at.settle()
    assert not at.executor.handles[0].told_to_end


def test_a_stop_ends_the_jobs_and_leaves_the_triggers_open() -> None:
    """`close` ends what runs; the log says nothing of it, and the next process starts again."""
    at = world(TRIGGER)
    at.settle()
    at.task.close()
    at.stage.close()
    assert at.executor.handles[0].told_to_end
    assert not at.directories.held
    at.boot()
    at.settle()
    assert [(e["status"], e["attempt"]) for e in at.said] == [("started", 1), ("started", 2)]


def test_deploy_events_of_another_partitioner_are_counted() -> None:
    """An event in a partition where its model's triggers are not shows that its writer hashes keys differently."""
    at = world()
    at.stage = RetrainStage(at.config, 4, at.executor, at.directories)
    ours = partition_of("m", 4)
    for number in (ours, (ours + 1) % 4):
        at.restore_on(number)
        at.task.process(DEPLOYS, [record(DEPLOYS, 0, final(TRIGGER, "deployed"))], at.out)
        assert at.task.misplaced == int(number != ours)


def test_a_trigger_where_its_key_does_not_lead_stops_the_stage() -> None:
    """Its topic has grown: the deploy event that ends it would lie elsewhere, and it would be run for ever."""
    at = world()
    at.stage = RetrainStage(at.config, 4, at.executor, at.directories)
    at.restore_on((partition_of("m", 4) + 1) % 4)
    at.add_trigger(TRIGGER)
    with pytest.raises(TopicError, match=r"'m' lies in partition(.|\n)*topics of new names"):
        at.read(TRIGGERS)


def test_gauges_count_what_is_open_running_and_misplaced() -> None:
    """The sizes are those of the state."""
    at = World(configure(("m", "b")))
    at.add_trigger(make_trigger(model_id="m"))
    at.add_trigger(make_trigger(model_id="b"))
    at.settle()
    assert at.stage.gauges() == {
        "retrain_open": 2,
        "retrain_running": 1,
        "retrain_held": 0,
        "retrain_finished": 0,
        "retrain_misplaced_deploys": 0,
        "retrain_registry_behind": 0,
    }
