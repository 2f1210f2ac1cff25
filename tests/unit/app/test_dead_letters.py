"""Which dead letters are found, and what a retry makes of one."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from streamproc.app.commands import command_record
from streamproc.app.dead_letters import Letter, Wanted, letter_of, newest
from streamproc.app.retry import Parcel, Refusal, parcel_of
from streamproc.config.model import Model
from streamproc.config.pipeline import Config
from streamproc.engine.dead_letters import MAX_KEY_BYTES, MAX_VALUE_BYTES, dead_letter
from streamproc.errors import BadRecord, UserError
from streamproc.replay.memory import MemoryRecord

NOW = 1_767_225_600_000
CONFIG = Config(pipeline="shop", models={"m": Model()})
PARTITIONS = dict.fromkeys(("predictions", "labels", "commands", "triggers", "dead-letters"), 4)


def letter(
    value: bytes | None = b"{",
    key: bytes | None = b"k",
    reason: str = "not_json",
    topic: str = "predictions",
    *,
    stage: str = "join",
    number: int = 1,
    place: int = 7,
    time: int = NOW,
) -> Letter:
    """What the engine makes of such a record, as it is read from the dead letters' topic."""
    source = MemoryRecord(topic, 3, 42, value, key, NOW - 5000)
    kept, kept_key, headers = dead_letter(source, BadRecord(reason, "why"), stage)
    return letter_of(MemoryRecord("dead-letters", number, place, kept, kept_key, time, tuple(headers)))


def parcel(one: Letter, partitions: dict[str, int] = PARTITIONS) -> Parcel | Refusal:
    return parcel_of(one, CONFIG, partitions, NOW)


def test_a_letter_says_what_the_engine_wrote() -> None:
    """Its own place and that of its source, both as people write them."""
    one = letter()
    assert (one.id, one.source, one.time) == ("1:7", "predictions/3/42", NOW)
    assert (one.header("reason"), one.header("detail"), one.number("source_timestamp")) == (
        "not_json",
        "why",
        NOW - 5000,
    )


def test_a_record_that_is_no_letter_is_told_all_the_same() -> None:
    """Anybody may write to the topic."""
    one = letter_of(
        MemoryRecord("dead-letters", 0, 0, b"?", None, NOW, (("source_partition", b"x"), ("stage", b"\xff")))
    )
    assert (one.source, one.number("source_partition"), one.header("reason")) == ("?/x/?", None, "")
    assert isinstance(parcel(one), Refusal)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), True),
        (Wanted(reasons=frozenset({"not_json", "empty"})), True),
        (Wanted(reasons=frozenset({"empty"})), False),
        (Wanted(topics=frozenset({"predictions"}), stages=frozenset({"join"})), True),
        (Wanted(topics=frozenset({"predictions"}), stages=frozenset({"monitor"})), False),
        (Wanted(since=NOW), True),
        (Wanted(since=NOW + 1), False),
    ],
)
def test_filters(wanted: Wanted, found: bool) -> None:
    """Values of one filter are alternatives; all filters must agree."""
    assert (letter() in wanted) is found


def test_the_newest_are_found_among_millions_without_their_bytes() -> None:
    """The partitions come one after the other, each in its order; nothing but what is shown is held."""

    def letters() -> Iterator[Letter]:
        for number, place in itertools.product(range(2), range(500)):
            yield letter(reason="empty" if place % 5 else "not_json", number=number, place=place, time=NOW + place)

    found, counts = newest(letters(), 3)
    assert [one.id for one in found] == ["1:499", "0:499", "1:498"]
    assert counts == {"empty": 800, "not_json": 200}
    assert all(one.value is None and one.size == 1 for one in found)


@pytest.mark.parametrize("value", [b"{", b"\xff\x00", None])
def test_a_retry_is_the_record_as_it_was(value: bytes | None) -> None:
    """To the byte, in the partition that its writer chose, with its time; a header names the letter."""
    assert parcel(letter(value)) == Parcel("predictions", 3, b"k", value, NOW - 5000, [("dead_letter", b"1:7")])


def test_a_partition_that_is_no_more_is_chosen_by_the_key() -> None:
    """The topic was made anew with fewer."""
    found = parcel(letter(), {"predictions": 2})
    assert isinstance(found, Parcel)
    assert found.partition is None


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (letter(b"x" * (MAX_VALUE_BYTES + 1)), "only its first 900,000 bytes were kept .*SHA-256.*predictions/3/42"),
        (letter(key=b"x" * (MAX_KEY_BYTES + 1)), "its key was cut, it had 50001 bytes"),
        (letter(topic="payments"), "'payments' is not a topic that this pipeline reads"),
        (letter(topic="dead-letters"), "'dead-letters' is not a topic that this pipeline reads"),
        (letter(topic="metrics"), "the topic metrics is missing"),
        (letter(reason="retrain_failed", topic="triggers"), "does not hold the trigger"),
    ],
)
def test_what_cannot_be_retried_is_refused_with_the_reason(one: Letter, why: str) -> None:
    """Half a record is not written, nor anything to a topic that is none of ours."""
    found = parcel(one)
    assert isinstance(found, Refusal)
    assert found.letter_id == "1:7"
    assert re.search(why, found.why)


TRIGGER = {
    "trigger_id": "trg_1",
    "pipeline": "shop",
    "model_id": "m",
    "policy": "worse",
    "cause": "condition",
    "reason": "accuracy < 0.9",
    "time": NOW,
    "data": {"topic": "journal", "partition": 0, "from_offset": 0, "to_offset": 9, "outcomes": 9},
    "config_hash": "0",
    "journal": {"partition": 0, "offset": 9},
}


def failed(**more: Any) -> Letter:
    place = {name: more.pop(name) for name in ("number", "place") if name in more}
    return letter(orjson.dumps(TRIGGER | more), b"m", "retrain_failed", "triggers", stage="retrain", **place)


def test_a_retrain_that_failed_for_good_becomes_a_manual_trigger_once() -> None:
    """Its own id is finished. The command's id follows from it: however often it is retried, it is carried out once."""
    one, again = parcel(failed()), parcel(failed(number=0, place=9))
    assert isinstance(one, Parcel)
    assert isinstance(again, Parcel)
    assert (one.topic, one.partition, one.key, one.timestamp, one.command) == ("commands", None, b"m", 0, True)
    command = orjson.loads(one.value or b"")
    assert (command["command"], command["model_id"]) == ("trigger", "m")
    assert command["reason"] == "retry of trg_1: accuracy < 0.9"
    assert command["command_id"] == orjson.loads(again.value or b"")["command_id"]
    other = parcel(failed(trigger_id="trg_2"))
    assert isinstance(other, Parcel)
    assert orjson.loads(other.value or b"")["command_id"] != command["command_id"]


@pytest.mark.parametrize(
    ("more", "why"),
    [({"pipeline": "other"}, "of the pipeline other"), ({"model_id": "gone"}, "no model 'gone' in the configuration")],
)
def test_a_retrain_of_somebody_else_is_refused(more: dict[str, str], why: str) -> None:
    """A command for it would be carried out by nobody, or by the wrong one."""
    found = parcel(failed(**more))
    assert isinstance(found, Refusal)
    assert why in found.why


def test_a_command_to_a_model_that_is_not_there_is_refused() -> None:
    """With the names of those that are."""
    with pytest.raises(UserError, match="there are: m"):
        command_record(CONFIG, "n", "trigger", command_id="c", now=NOW)
