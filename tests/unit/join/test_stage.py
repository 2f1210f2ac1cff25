"""The join stage: bytes in, journal and dead letters out, and what has to be read again."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import orjson
import pytest

from streamproc.errors import TopicError
from streamproc.join.stage import JoinStage, JoinTask
from streamproc.replay.memory import MemoryOutputs, MemoryRecord
from tests.unit.join.events import START, TTL, configuration, journal, label, prediction, record

MAX_FUTURE = 5_000


def task(partitions: int = 1, **join: Any) -> JoinTask:
    made = JoinStage(configuration(**join), partitions).task(0)
    assert isinstance(made, JoinTask)
    return made


def feed(join: JoinTask, topic: str, *records: MemoryRecord) -> MemoryOutputs:
    out = MemoryOutputs()
    join.process(topic, list(records), out)
    return out


def test_outcomes_go_to_their_model_in_the_journal() -> None:
    """Keyed by the model, so that one partition of the journal has all of it."""
    join = task()
    assert feed(join, "predictions", record("predictions", prediction())).sent == []
    out = feed(join, "labels", record("labels", label()))
    assert [(topic, key) for topic, _, key in out.sent] == [("journal", b"clicks")]
    assert journal([out.sent[0][1]])[0]["kind"] == "outcome"


@pytest.mark.parametrize(
    ("topic", "event", "code"),
    [
        ("predictions", b"", "empty"),
        ("predictions", b"{", "not_json"),
        ("labels", b"[]", "not_an_object"),
        ("labels", b'{"prediction_id":"x","label":NaN}', "not_json"),
        ("labels", b'{"a":' * 50 + b"1" + b"}" * 50, "too_deep"),
        ("labels", b'"' + b"x" * 300_000 + b'"', "too_large"),
        ("predictions", {"prediction_id": "x", "prediction": 1}, "missing_field"),
        ("predictions", {**prediction(), "score": "high"}, "invalid_field"),
        ("predictions", prediction(model="nobody"), "unknown_model"),
        ("predictions", prediction(answer="1", model="prices"), "invalid_field"),
        ("predictions", prediction(time=MAX_FUTURE + 1), "time_out_of_range"),
        ("labels", label(time=MAX_FUTURE + 1), "time_out_of_range"),
        ("metrics", {"model_id": "nobody", "metrics": {"a": 1.0}}, "unknown_model"),
        ("metrics", {"model_id": "clicks", "metrics": {}}, "invalid_field"),
        ("commands", {"model_id": "clicks", "command_id": "c", "command": "dance", "time": START}, "invalid_field"),
        ("deploys", {"model_id": "clicks", "status": "deployed", "time": START}, "invalid_field"),
    ],
)
def test_what_cannot_be_used_is_rejected_and_the_rest_goes_on(topic: str, event: Any, code: str) -> None:
    """One bad record among good ones: it alone is rejected, with its reason, and nothing of it is written."""
    join = task()
    bad = record(topic, event, offset=1)
    good = {
        "predictions": prediction("good", model="views"),
        "labels": label("good"),
        "metrics": {"model_id": "clicks", "metrics": {"a": 1.0}},
        "commands": {"model_id": "clicks", "command_id": "c", "command": "pause"},
        "deploys": {"model_id": "clicks", "status": "started"},
    }[topic]
    if topic == "labels":
        feed(join, "predictions", record("predictions", prediction("good")))
    out = feed(join, topic, bad, record(topic, good, offset=2))
    assert [(r.offset(), error.code) for r, error in out.rejected] == [(1, code)]
    assert len(out.sent) == 1


def test_a_label_that_does_not_fit_is_rejected() -> None:
    """Its raw bytes go where somebody can look at them."""
    join = task()
    feed(join, "predictions", record("predictions", prediction()))
    out = feed(join, "labels", record("labels", label(truth="yes")))
    assert [error.code for _, error in out.rejected] == ["label_mismatch"]
    assert out.sent == []


@pytest.mark.parametrize("topic", ["metrics", "commands", "deploys"])
def test_other_events_are_passed_on_with_their_kind(topic: str) -> None:
    """Flat, as they came, each time they come: who reads the journal knows repeats by their ids."""
    events = {
        "metrics": {"model_id": "clicks", "time": START, "metrics": {"drift": 0.5}},
        "commands": {"command_id": "c", "model_id": "clicks", "command": "pause", "time": START},
        "deploys": {"model_id": "clicks", "status": "deployed", "time": START, "model_version": "v2"},
    }
    out = feed(task(), topic, *[record(topic, events[topic])] * 2)
    assert [(orjson.loads(value), key) for _, value, key in out.sent] == [
        ({"kind": topic[:-1], **events[topic]}, b"clicks")
    ] * 2


@pytest.mark.parametrize("side", ["predictions", "labels"])
def test_an_event_from_the_future_expires_nothing(side: str) -> None:
    """One that is too far ahead of its record is refused; one within the bound takes the watermark to its record."""
    join = task()
    feed(join, "predictions", record("predictions", prediction()))
    other, event = ("labels", prediction) if side == "predictions" else ("predictions", label)
    ahead = [event("f", time=10 * TTL), event("g", time=20 + MAX_FUTURE)]
    out = feed(join, side, *[record(side, each, time=20) for each in ahead])
    assert [error.code for _, error in out.rejected] == ["time_out_of_range"]
    join.joiner.watermark.advance(other, START + 10 * TTL)
    assert join.joiner.watermark.time == START + 20
    assert len(feed(join, "labels", record("labels", label())).sent) == 1


def test_the_watermark_does_not_depend_on_the_batches() -> None:
    """The same records one by one or all at once: the same horizon, and so the same state after a restart."""
    rows = [(0, 3_000), (4_000, 2_000), (1_000, 9_000), (9_500, 9_000), (200, 9_500)]
    whole, single = task(), task()
    for side, event in (("predictions", prediction), ("labels", label)):
        records = [record(side, event(f"{n}", time=time), time=arrived) for n, (time, arrived) in enumerate(rows)]
        feed(whole, side, *records)
        for each in records:
            feed(single, side, each)
    assert whole.joiner.horizon == single.joiner.horizon == START + 9_000 - TTL


def advance(join: JoinTask, time: int) -> None:
    """Both sides have been read up to there."""
    feed(join, "predictions", record("predictions", prediction(f"p{time}", time=time), time=time))
    feed(join, "labels", record("labels", label(f"l{time}", time=time), time=time))


def test_the_bookmark_reaches_back_to_all_that_is_held() -> None:
    """An event may be ahead of its record by max_future, and a label may have waited for its prediction for a TTL."""
    join = task()
    assert join.bookmark("predictions") == join.bookmark("labels") == 0
    advance(join, 10 * TTL)
    horizon = START + 9 * TTL
    assert join.bookmark("predictions") == horizon - MAX_FUTURE
    assert join.bookmark("labels") == horizon - MAX_FUTURE - TTL


@pytest.mark.parametrize(
    ("prediction_at", "label_at"),
    [((9 * TTL, 9 * TTL - MAX_FUTURE), (8 * TTL, 8 * TTL)), ((9 * TTL, 9 * TTL), (8 * TTL + 1, 8 * TTL + 1))],
)
def test_a_join_that_is_read_again_from_the_bookmark_knows_its_pairs(
    prediction_at: tuple[int, int], label_at: tuple[int, int]
) -> None:
    """(event time, record time) at the very bounds: what was joined is known, and a label sent again makes nothing."""
    join = task()
    pair = {
        "labels": record("labels", label("x", time=label_at[0]), time=label_at[1]),
        "predictions": record("predictions", prediction("x", time=prediction_at[0]), time=prediction_at[1]),
    }
    written = [value for topic, each in pair.items() for _, value, _ in feed(join, topic, each).sent]
    assert len(written) == 1
    advance(join, 10 * TTL)
    again = task()
    for topic, each in pair.items():
        if each.time >= (join.bookmark(topic) or 0):
            feed(again, topic, each)
    advance(again, 10 * TTL)
    for one in (join, again):
        assert feed(one, "labels", record("labels", label("x", time=10 * TTL), time=10 * TTL)).sent == []


def test_silence_expires_only_where_somebody_is_awake() -> None:
    """Predictions without any labels would be held for ever; while a backlog is read they must be."""
    join, out = task(), MemoryOutputs()
    feed(join, "predictions", record("predictions", prediction()))
    for minute in range(100):
        late = prediction(f"{minute}", time=minute * 60_000)
        feed(join, "predictions", record("predictions", late, time=minute * 60_000))
    assert len(join.joiner.store) == 101
    join.wake(START, out)
    feed(join, "predictions", record("predictions", prediction("new", time=100 * 60_000), time=100 * 60_000))
    join.wake(START + 300_000, out)
    assert len(join.joiner.store) <= 3
    assert out.sent == []


def test_topics_that_cannot_meet_stop_the_stage() -> None:
    """No dead letter: it is not the record that is wrong, and somebody must mend it."""
    join = task(partitions=16)
    records = [record("predictions", prediction(f"id-{n}")) for n in range(64)]
    with pytest.raises(TopicError):
        join.process("predictions", records, MemoryOutputs())
    feed(task(partitions=16, co_partitioning="trust"), "predictions", *records)


def test_gauges_are_sums_over_the_tasks_that_are_open() -> None:
    """What a partition had goes with it."""
    stage = JoinStage(configuration(), 2)
    tasks = [stage.task(0), stage.task(1)]
    for each in tasks:
        each.process("predictions", [record("predictions", prediction())] * 2, MemoryOutputs())
    assert (stage.gauges()["join_waiting"], stage.gauges()["join_duplicates"]) == (2, 2)
    tasks[0].close()
    assert stage.gauges()["join_waiting"] == 1


def test_a_rejection_that_is_kept_keeps_nothing_else_alive() -> None:
    """Frames in an error's causes would hold the task and all its state, where no garbage collector sees it."""
    join = task()
    out = feed(join, "labels", record("labels", {"prediction_id": "x", "label": []}))
    assert len(out.rejected) == 1
    gone = weakref.ref(join)
    del join, out
    gc.collect()
    assert gone() is None
