"""Every cell of the table of the join, and what lies beside it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from streamproc.errors import BadRecord
from streamproc.join.joiner import Counts, Joiner
from streamproc.join.store.entries import Early, Joined, Waiting
from tests.unit.join.events import START, TTL, joiner, journal, label, predict, prediction, tell


def said(join: Joiner, event: dict[str, Any]) -> list[dict[str, Any]]:
    """What the join writes for this event."""
    if "label" not in event:
        return journal(predict(join, event))
    answer = tell(join, event)
    return [] if answer is None else journal([answer[1]])


def counts(join: Joiner) -> dict[str, int]:
    """Those that are not 0."""
    return {name: getattr(join.counts, name) for name in Counts.__slots__ if getattr(join.counts, name)}


def outcome(event: dict[str, Any], truth: Any, time: int, **more: Any) -> dict[str, Any]:
    return {"kind": "outcome", **event, "label": truth, "label_time": START + time, **more}


# -- the table, row by row --


def test_a_prediction_waits_where_there_is_nothing() -> None:
    """It says nothing and is held."""
    join = joiner()
    assert said(join, prediction()) == []
    assert isinstance(join.store.get("x"), Waiting)


def test_a_prediction_on_a_waiting_one_is_a_duplicate() -> None:
    """The first one stays, whatever the second one says."""
    join = joiner()
    said(join, prediction(answer=1))
    assert said(join, prediction(answer=0, time=5)) == []
    assert said(join, label(truth=1)) == [outcome(prediction(answer=1), 1, 10)]
    assert counts(join) == {"duplicates": 1, "outcomes": 1}


def test_a_prediction_on_an_early_label_makes_the_outcome() -> None:
    """It is the very outcome that the other order gives."""
    join = joiner()
    assert said(join, label(truth=0)) == []
    event = prediction(score=0.5, features={"a": 1.5, "b": None})
    assert said(join, event) == [outcome(event, 0, 10)]
    assert isinstance(join.store.get("x"), Joined)
    assert counts(join) == {"outcomes": 1}


def test_a_prediction_on_a_joined_one_is_a_duplicate() -> None:
    """A producer that sends again makes no second outcome."""
    join = joiner()
    said(join, prediction())
    said(join, label())
    assert said(join, prediction()) == []
    assert counts(join) == {"duplicates": 1, "outcomes": 1}


def test_a_label_waits_where_there_is_nothing() -> None:
    """It is early."""
    join = joiner()
    assert said(join, label()) == []
    assert isinstance(join.store.get("x"), Early)


def test_a_label_on_a_waiting_prediction_makes_the_outcome() -> None:
    """With all the prediction's fields, keyed by its model."""
    join = joiner()
    event = prediction(model_version="v1", weight=2.0, segments={"country": "de"})
    said(join, event)
    answer = tell(join, label(truth=False, time=-5))
    assert answer is not None
    assert (answer[0], orjson.loads(answer[1])) == ("clicks", outcome(event, False, -5))


@pytest.mark.parametrize(("second", "final"), [(11, 0), (10, 0), (9, 1)])
def test_of_early_labels_the_newest_stays(second: int, final: int) -> None:
    """By its own time; of two with one time, the one that came later."""
    join = joiner()
    said(join, label(truth=1, time=10))
    said(join, label(truth=0, time=second))
    assert [o["label"] for o in said(join, prediction())] == [final]
    assert counts(join) == {"duplicates": 1, "outcomes": 1}


def test_the_same_label_again_is_a_duplicate() -> None:
    """No revision, no outcome."""
    join = joiner()
    said(join, prediction())
    said(join, label(time=10))
    assert said(join, label(time=20)) == []
    assert counts(join) == {"duplicates": 1, "outcomes": 1}


def test_an_older_label_on_a_joined_one_is_ignored() -> None:
    """What was known before does not replace what is known now."""
    join = joiner()
    said(join, prediction())
    said(join, label(truth=1, time=10))
    assert said(join, label(truth=0, time=9)) == []
    assert counts(join) == {"duplicates": 1, "outcomes": 1}


@pytest.mark.parametrize("time", [10, 11])
def test_a_newer_label_on_a_joined_one_is_a_revision(time: int) -> None:
    """It tells what it revises; one more of the same time counts as newer."""
    join = joiner()
    said(join, prediction())
    said(join, label(truth=1, time=10))
    assert said(join, label(truth=0, time=time)) == [outcome(prediction(), 0, time, revises=1)]
    assert said(join, label(truth=1, time=12)) == [outcome(prediction(), 1, 12, revises=0)]
    assert counts(join) == {"outcomes": 1, "revisions": 2}


# -- beside the table --


def test_a_label_said_again_is_as_new_as_it_was_said_last() -> None:
    """A different one from in between is no revision: in the other order it would not have been the newest."""
    join = joiner()
    said(join, prediction())
    said(join, label(truth=1, time=10))
    said(join, label(truth=1, time=30))
    assert said(join, label(truth=0, time=20)) == []


@pytest.mark.parametrize(
    ("model", "answer", "truth"),
    [
        ("clicks", 1, "1"),
        ("clicks", True, "yes"),
        ("words", "a", 1),
        ("words", "a", False),
        ("prices", 1.5, "1.5"),
        ("prices", 1.5, True),
    ],
)
def test_a_label_of_another_kind_is_refused(model: str, answer: Any, truth: Any) -> None:
    """Text never equals a number; a regression has numbers only. The prediction goes on waiting."""
    join = joiner()
    said(join, prediction(answer=answer, model=model))
    with pytest.raises(BadRecord, match=model) as caught:
        tell(join, label(truth=truth))
    assert caught.value.code == "label_mismatch"
    assert len(said(join, label(truth=answer))) == 1


@pytest.mark.parametrize(("model", "answer", "truth"), [("clicks", 1, "1"), ("words", "a", 1), ("prices", 1.5, True)])
def test_an_early_label_of_another_kind_is_unmatched(model: str, answer: Any, truth: Any) -> None:
    """The prediction waits for one that will do."""
    join = joiner()
    said(join, label(truth=truth))
    assert said(join, prediction(answer=answer, model=model)) == []
    assert counts(join) == {"unmatched_labels": 1}
    assert len(said(join, label(truth=answer))) == 1


@pytest.mark.parametrize("bad_time", [9, 10, 11])
def test_an_early_label_of_another_kind_hides_none_that_will_do(bad_time: int) -> None:
    """Before the prediction is there, nobody knows which of the two is meant."""
    join = joiner()
    said(join, label(truth=0, time=10))
    said(join, label(truth="0", time=bad_time))
    said(join, label(truth=1, time=9))
    assert [o["label"] for o in said(join, prediction())] == [0]
    assert counts(join) == {"duplicates": 2, "outcomes": 1, "unmatched_labels": 1}


def test_a_revision_of_another_kind_is_refused() -> None:
    """The outcome that there is stays."""
    join = joiner()
    said(join, prediction())
    said(join, label())
    with pytest.raises(BadRecord, match="two kinds"):
        tell(join, label(truth="no", time=20))
    assert said(join, label(truth=0, time=21)) == [outcome(prediction(), 0, 21, revises=1)]


@pytest.mark.parametrize("answer", ["12", True])
@pytest.mark.parametrize("before", [False, True])
def test_a_regression_predicts_numbers(answer: Any, before: bool) -> None:
    """Anything else is refused, also where it would be a duplicate."""
    join = joiner()
    if before:
        said(join, prediction(answer=1.5, model="prices"))
    with pytest.raises(BadRecord, match="regression") as caught:
        predict(join, prediction(answer=answer, model="prices"))
    assert caught.value.code == "invalid_field"


def test_a_watched_prediction_is_passed_on_before_its_label() -> None:
    """Once, and before the outcome; models that nobody watches so are not."""
    join = joiner()
    event = prediction(model="views", score=0.5)
    assert said(join, event) == [{"kind": "prediction", **event}]
    assert said(join, event) == []
    said(join, label("y"))
    other = prediction("y", model="views")
    assert said(join, other) == [{"kind": "prediction", **other}, outcome(other, 1, 10)]


# -- time --


def test_what_has_no_partner_expires() -> None:
    """Predictions and labels that are older than the watermark less the TTL are dropped, and counted by their kind."""
    join = joiner()
    said(join, prediction("lonely"))
    said(join, label("orphan", time=0))
    said(join, prediction("pair"))
    said(join, label("pair", time=0))
    for side in ("predictions", "labels"):
        join.watermark.advance(side, START + TTL + 999)
        join.expire()
    assert len(join.store) == 3, "a bucket is dropped whole, when all of it has expired"
    for side in ("predictions", "labels"):
        join.watermark.advance(side, START + TTL + 1_000)
        join.expire()
    assert len(join.store) == 0
    assert counts(join) == {"outcomes": 1, "expired_predictions": 1, "unmatched_labels": 1}


def test_late_ones_are_counted_and_not_held() -> None:
    """An expired prediction or label that is sent again makes nothing; one that is just in time does."""
    join = joiner()
    for side in ("predictions", "labels"):
        join.watermark.advance(side, START + TTL)
    join.expire()
    assert said(join, prediction(time=-1)) == []
    assert said(join, label("y", time=-1)) == []
    assert counts(join) == {"late": 2}
    assert len(join.store) == 0
    said(join, prediction(time=0))
    assert len(said(join, label(time=-1))) == 1, "a label's own time may be old where its prediction waits"


def test_nothing_expires_while_one_side_has_not_been_read() -> None:
    """Somebody who reads a backlog may have all predictions before the first label."""
    join = joiner()
    said(join, prediction())
    join.watermark.advance("predictions", START + 100 * TTL)
    join.expire()
    assert len(said(join, label())) == 1
