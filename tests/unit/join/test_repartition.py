"""Copies by prediction id, for topics whose ids would not meet."""

from __future__ import annotations

import orjson
import pytest

from streamproc.config.pipeline import Config
from streamproc.join.inputs import source_topics
from streamproc.join.repartition import RepartitionStage
from streamproc.join.stage import JoinStage
from streamproc.replay.memory import MemoryOutputs
from streamproc.stage import Task
from tests.unit.join.events import START, configuration, label, prediction, record


@pytest.fixture
def config() -> Config:
    return configuration(co_partitioning="repartition")


@pytest.fixture
def task(config: Config) -> Task:
    return RepartitionStage(config).task(0)


def test_events_are_copied_under_their_id(task: Task) -> None:
    """Whatever key they had, the copy's key is the id, so that equal ids meet."""
    out = MemoryOutputs()
    task.process("predictions", [record("predictions", prediction("x"), key=b"user-7")], out)
    task.process("labels", [record("labels", label("y"), key=None)], out)
    assert [(topic, orjson.loads(value), key) for topic, value, key in out.sent] == [
        ("predictions-by-id", prediction("x"), b"x"),
        ("labels-by-id", label("y"), b"y"),
    ]


def test_copies_hold_what_the_record_knew(task: Task) -> None:
    """Key and timestamp of the record are lost with it: an event that relies on them gets them as fields."""
    out = MemoryOutputs()
    bare = {"model_id": "clicks", "prediction": 1}
    task.process("predictions", [record("predictions", bare, time=7, key=b"x")], out)
    assert orjson.loads(out.sent[0][1]) == {**bare, "prediction_id": "x", "time": START + 7}


def test_mapped_names_are_ours_in_the_copy() -> None:
    """The join reads the copies without any mapping."""
    config = Config.model_validate(
        {
            "pipeline": "p",
            "models": {"clicks": {}},
            "join": {"co_partitioning": "repartition"},
            "inputs": {"predictions": {"fields": {"prediction_id": "$.request.id", "prediction": "$.answer"}}},
        }
    )
    out, joined = MemoryOutputs(), MemoryOutputs()
    theirs = {"request": {"id": "x"}, "answer": 1, "model_id": "clicks", "time": START}
    RepartitionStage(config).task(0).process("predictions", [record("predictions", theirs)], out)
    join = JoinStage(config, 1).task(0)
    topic, copy, key = out.sent[0]
    join.process(topic, [record(topic, copy, key=key)], joined)
    join.process("labels-by-id", [record("labels-by-id", label("x"))], joined)
    assert [orjson.loads(value)["prediction_id"] for _, value, _ in joined.sent] == ["x"]


def test_what_cannot_be_decoded_is_rejected_here(task: Task) -> None:
    """It has no id to go by."""
    out = MemoryOutputs()
    task.process("labels", [record("labels", b"{"), record("labels", label("x"))], out)
    assert [error.code for _, error in out.rejected] == ["not_json"]
    assert len(out.sent) == 1


def test_it_keeps_no_state(config: Config, task: Task) -> None:
    """There is nothing to read again."""
    stage = RepartitionStage(config)
    assert stage.folded == ()
    assert stage.inputs == ("predictions", "labels")
    assert stage.gauges() == {}
    out = MemoryOutputs()
    task.wake(START, out)
    task.close()
    assert (out.sent, task.bookmark("labels")) == ([], None)


@pytest.mark.parametrize(
    ("how", "topics"),
    [
        ("check", ("predictions", "labels")),
        ("trust", ("predictions", "labels")),
        ("repartition", ("predictions-by-id", "labels-by-id")),
    ],
)
def test_the_join_reads_the_copies(how: str, topics: tuple[str, str]) -> None:
    """Only where there are any."""
    assert source_topics(configuration(co_partitioning=how)) == topics
    assert JoinStage(configuration(co_partitioning=how), 1).folded == topics
