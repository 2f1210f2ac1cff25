"""The codec: what comes from outside is either a checked plain dict, or one clear BadRecord."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from streamproc.errors import BadRecord
from streamproc.events.base import Event
from streamproc.events.codec import Decode, decoder, parse
from streamproc.events.command import Command
from streamproc.events.dead_letter import REASONS
from streamproc.events.deploy import Deploy
from streamproc.events.label import Label
from streamproc.events.metric import Metric
from streamproc.events.prediction import Prediction

NOW = 1_767_225_600_000
KEY = b"the-key"
decode: Decode = decoder(Prediction)


def prediction(**fields: Any) -> bytes:
    """A prediction as JSON, with these fields set or replaced."""
    return orjson.dumps({"prediction_id": "p1", "model_id": "m", "prediction": 1, "time": NOW, **fields})


def raw(members: str) -> bytes:
    """A prediction whose last members are given as JSON text."""
    return b'{"prediction_id":"p1","model_id":"m","prediction":1,"time":1767225600000,%b}' % members.encode()


def refused(value: bytes | None, key: bytes | None = KEY, decode: Decode = decode) -> BadRecord:
    """How a record is refused."""
    with pytest.raises(BadRecord) as caught:
        decode(value, key, NOW)
    assert caught.value.code in REASONS
    return caught.value


@pytest.mark.parametrize(
    ("value", "code", "detail"),
    [
        (None, "empty", "the record has no value"),
        (b"", "empty", "the record has no value"),
        (b"null", "not_an_object", "a JSON object is needed, this is null"),
        (b"[1]", "not_an_object", "a JSON object is needed, this is an array"),
        (b'"x"', "not_an_object", "a JSON object is needed, this is text"),
        (b"7", "not_an_object", "a JSON object is needed, this is a number"),
        (b"true", "not_an_object", "a JSON object is needed, this is true or false"),
        (b" " * (256 * 1024 + 1), "too_large", "262145 bytes; the limit is 262144"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "too_deep", "nested deeper than 32 levels"),
        (b'{"a":' + b"[" * 32 + b"]" * 32 + b"}", "too_deep", "nested deeper than 32 levels"),
    ],
)
def test_a_record_that_is_no_usable_json_object_says_so(value: bytes | None, code: str, detail: str) -> None:
    """Empty, another JSON type, too large, too deep: each has its code and one plain sentence."""
    error = refused(value)
    assert (error.code, error.detail) == (code, detail)


@pytest.mark.parametrize(
    "value",
    [
        b"nope",
        b"{",
        b"{}{}",
        b"{'a':1}",
        b'{"a":1,}',
        b"\xef\xbb\xbf{}",
        raw('"score":NaN'),
        raw('"score":Infinity'),
        raw('"score":-Infinity'),
        raw('"score":1e999'),
        raw('"features":{"a":-1e400}'),
        raw('"score":01'),
        raw('"model_version":"x"').replace(b'"x"', b'"\xed\xa0\x80"'),
        raw('"model_version":"x"').replace(b'"x"', b'"\xff"'),
        raw('"model_version":"x"').replace(b'"x"', b'"\xc0\xaf"'),
        raw('"model_version":"\\ud800"'),
        raw('"model_version":"a\tb"'),
        b"[" * 2000,
        b'{"a":' * 2000,
    ],
    ids=lambda value: repr(value[-24:]),
)
def test_what_is_not_json_is_refused_with_the_place(value: bytes) -> None:
    """Broken syntax, non-finite numbers, numbers that overflow, bad UTF-8, lone surrogates, abysses: `not_json`."""
    error = refused(value)
    assert error.code == "not_json"
    assert "line 1 column" in error.detail


def test_the_largest_and_the_deepest_record_are_still_taken() -> None:
    """Limits are inclusive: 256 KiB and 32 levels go through."""
    padded = prediction()[:-1] + b" " * (256 * 1024 - len(prediction())) + b"}"
    assert decode(padded, KEY, NOW)["prediction_id"] == "p1"
    deep = b'{"a":' * 31 + b"{}" + b',"b":7}' * 31
    assert parse(deep)["a"]["a"]
    with_more_beside = b'{"a":' * 31 + b"{}" + b',"b":{}}' * 31
    assert parse(with_more_beside)["a"]["b"] == {}
    assert parse(b'{"a":"' + b"[" * 100 + b'","b":[[],[],{}]}'), "brackets in text and side by side are not depth"
    assert parse(b'{"a":[' + b",".join([b"[[]]"] * 1000) + b"]}")


@pytest.mark.parametrize(
    ("members", "detail"),
    [
        ('"prediction_id":""', "prediction_id: String should have at least 1 character"),
        ('"prediction_id":7', "prediction_id: Input should be a valid string"),
        ('"prediction_id":null', "prediction_id: Input should be a valid string"),
        ('"prediction_id":"a\\u0000b"', "prediction_id: must not have control characters in it"),
        ('"model_id":"a\\nb"', "model_id: must not have control characters in it"),
        ('"model_id":"a\\u007f"', "model_id: must not have control characters in it"),
        ('"segments":{"country":"\\u001b[31m"}', "segments.country: must not have control characters in it"),
        (f'"prediction_id":"{"x" * 257}"', "prediction_id: String should have at most 256 characters"),
        ('"model_version":""', "model_version: String should have at least 1 character"),
        ('"prediction":null', "prediction: must be a number, text, true or false"),
        ('"prediction":""', "prediction: must be a number, text, true or false"),
        ('"score":true', "score: Input should be a valid number"),
        ('"score":"0.5"', "score: Input should be a valid number"),
        ('"scores":{"a":1.5}', "scores.a: Input should be less than or equal to 1"),
        ('"weight":-1', "weight: Input should be greater than or equal to 0"),
        ('"features":[1]', "features: Input should be a valid dictionary"),
        ('"features":7', "features: Input should be a valid dictionary"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(members: str, detail: str) -> None:
    """The detail is the path of the field, and what it should be, without the value."""
    error = refused(raw(members))
    assert (error.code, error.detail) == ("invalid_field", detail)


NOT_A_VALUE = "must be a finite number within 64 bits, text of at most 1024 characters, true or false"


@pytest.mark.parametrize(
    "value",
    [
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775809",
        "1e300",
        "[1]",
        "{}",
        f'"{"x" * 1025}"',
    ],
)
@pytest.mark.parametrize("name", ["prediction", "features.a"])
def test_a_value_beyond_64_bits_or_not_a_scalar_is_refused(name: str, value: str) -> None:
    """Larger whole numbers become floats, and two ids one: from 2^63 on they are refused."""
    members = f'"features":{{"a":{value}}}' if name == "features.a" else f'"{name}":{value}'
    error = refused(raw(members))
    assert (error.code, error.detail) == ("invalid_field", f"{name}: {NOT_A_VALUE}")


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), 10**15, 2**53 + 1, 1e18, -1e-320, 0.1, True, False, "x" * 1024])
def test_a_value_within_64_bits_is_kept_as_it_is(value: object) -> None:
    """Whole numbers keep every digit, and their type."""
    event = decode(prediction(prediction=value, features={"a": value}), KEY, NOW)
    assert event["prediction"] == event["features"]["a"] == value
    assert type(event["prediction"]) is type(event["features"]["a"]) is type(value)


@pytest.mark.parametrize(
    ("event", "value", "key", "missing"),
    [
        (Prediction, {"prediction_id": "p", "model_id": "m"}, KEY, "prediction"),
        (Prediction, {"prediction_id": "p", "prediction": 1}, KEY, "model_id"),
        (Prediction, {"model_id": "m", "prediction": 1}, None, "prediction_id"),
        (Label, {"label": 1}, None, "prediction_id"),
        (Label, {"prediction_id": "p"}, KEY, "label"),
        (Metric, {"model_id": "m"}, KEY, "metrics"),
        (Metric, {"metrics": {"a": 1}}, None, "model_id"),
        (Command, {"command_id": "c", "model_id": "m"}, KEY, "command"),
        (Command, {"command": "pause", "model_id": "m"}, KEY, "command_id"),
        (Deploy, {"model_id": "m"}, KEY, "status"),
    ],
)
def test_a_missing_field_is_named(event: type[Event], value: dict[str, Any], key: bytes | None, missing: str) -> None:
    """`missing_field`, and the field is all that the detail says."""
    error = refused(orjson.dumps(value), key, decoder(event))
    assert (error.code, error.detail) == ("missing_field", missing)


@pytest.mark.parametrize(
    ("event", "value", "detail"),
    [
        (Command, {"command": "snooze"}, "snooze needs `until`"),
        (
            Command,
            {"command": "explode"},
            "command: Input should be 'trigger', 'pause', 'resume', 'snooze', 'approve' or 'deny'",
        ),
        (Deploy, {"status": "deployed"}, "a deploy event with status deployed needs model_version"),
        (Deploy, {"status": "rolled_back"}, "a deploy event with status rolled_back needs model_version"),
    ],
)
def test_a_rule_between_fields_is_told_in_words(event: type[Event], value: dict[str, Any], detail: str) -> None:
    """What concerns several fields has no path before it."""
    error = refused(orjson.dumps({"command_id": "c", **value}), KEY, decoder(event))
    assert (error.code, error.detail) == ("invalid_field", detail)


@pytest.mark.parametrize(
    ("event", "value", "field"),
    [
        (Prediction, {"model_id": "m", "prediction": 1}, "prediction_id"),
        (Label, {"label": 1}, "prediction_id"),
        (Metric, {"metrics": {"a": 1}}, "model_id"),
        (Command, {"command_id": "c", "command": "pause"}, "model_id"),
        (Deploy, {"status": "started"}, "model_id"),
    ],
)
def test_the_record_supplies_its_key_and_its_time(event: type[Event], value: dict[str, Any], field: str) -> None:
    """What the payload leaves out is taken from the record; what it says goes first."""
    read = decoder(event)
    assert read(orjson.dumps(value), KEY, NOW) == {**value, field: "the-key", "time": NOW}
    assert read(orjson.dumps({**value, "time": None}), KEY, NOW)["time"] == NOW
    own = {**value, field: "own", "time": NOW - 1}
    assert read(orjson.dumps(own), KEY, NOW) == own


@pytest.mark.parametrize("key", [b"\xff", b"\xfe\x01", b"abc\xc3"])
def test_a_key_that_is_not_utf_8_is_never_guessed_at(key: bytes) -> None:
    """Replacement characters would make one prediction id of many keys."""
    error = refused(b'{"model_id":"m","prediction":1}', key)
    assert error.detail == "prediction_id: is not in the payload, and the record's key is not UTF-8"
    assert decode(prediction(), key, NOW)["prediction_id"] == "p1", "a key that is not needed may be anything"


def test_a_record_without_any_time_is_refused() -> None:
    """Kafka says -1 where a record has no timestamp."""
    with pytest.raises(BadRecord, match="time: '-1' is out of range: times lie between March 1973 and the year 9999"):
        decode(b'{"prediction_id":"p","model_id":"m","prediction":1}', KEY, -1)


def test_of_equal_names_the_last_one_counts() -> None:
    """JSON leaves it open; we do not."""
    assert decode(raw('"prediction":2,"prediction":3'), KEY, NOW)["prediction"] == 3


def test_unknown_fields_are_passed_over() -> None:
    """Producers may send more than we know, also in what is nested."""
    event = decode(prediction(user={"name": "x"}, tags=[1, 2]), KEY, NOW)
    assert event == {"prediction_id": "p1", "model_id": "m", "prediction": 1, "time": NOW}


def test_a_missing_feature_value_stays_known_as_missing() -> None:
    """A null is a value of a feature: the feature was asked for, and was not there."""
    assert decode(prediction(features={"a": None, "b": 1}), KEY, NOW)["features"] == {"a": None, "b": 1}
    assert "features" not in decode(prediction(features=None), KEY, NOW), "null for the whole field is no field"


def test_2000_features_are_taken_and_one_more_is_not() -> None:
    """The limit of features is inclusive, on the short way and on the long one."""
    many = {f"f{i}": 0 for i in range(2000)}
    for more in ({}, {"weight": 1.0}):
        assert len(decode(prediction(features=many, **more), KEY, NOW)["features"]) == 2000
        error = refused(prediction(features={**many, "f": 0}, **more))
        assert error.detail.startswith("features: Dictionary should have at most 2000 items")


class TestFieldMapping:
    """`inputs.predictions.fields`: names of ours, paths in the user's own payload."""

    read = staticmethod(decoder(Prediction, {"prediction_id": "$.request.id", "time": "$.at", "features": "$.in.x"}))

    def test_values_are_taken_from_their_paths(self) -> None:
        """Names that are not mapped are read as they are."""
        value = {
            "request": {"id": "r1"},
            "at": NOW,
            "in": {"x": {"a": 1}},
            "model_id": "m",
            "prediction": 1,
            "extra": [1],
        }
        event = {"prediction_id": "r1", "time": NOW, "features": {"a": 1}, "model_id": "m", "prediction": 1}
        assert self.read(orjson.dumps(value), KEY, 5) == event

    def test_a_mapped_name_is_not_read_from_its_own_place(self) -> None:
        """A payload may have a field of our name that means something else."""
        value = {"prediction_id": "other", "request": {"id": "r1"}, "time": "noon", "model_id": "m", "prediction": 1}
        event = self.read(orjson.dumps(value), KEY, NOW)
        assert (event["prediction_id"], event["time"]) == ("r1", NOW)

    @pytest.mark.parametrize("request_", [None, 7, [], {}, {"ID": "r1"}, "id"])
    def test_a_path_that_leads_nowhere_leaves_the_field_out(self, request_: object) -> None:
        """Then the record's key serves, or the field is missing."""
        value = orjson.dumps({"request": request_, "at": NOW, "model_id": "m", "prediction": 1})
        assert self.read(value, KEY, NOW)["prediction_id"] == "the-key"
        assert refused(value, None, self.read).detail == "prediction_id"

    def test_what_is_found_there_is_checked_like_any_other(self) -> None:
        """A mapped id is an id."""
        value = {"request": {"id": 17}, "model_id": "m", "prediction": 1}
        error = refused(orjson.dumps(value), KEY, self.read)
        assert error.detail == "prediction_id: Input should be a valid string"


def test_a_detail_stays_short() -> None:
    """Details become Kafka headers: half a kilobyte at most, whatever the payload holds."""
    assert len(refused(raw('"time":"2026-' + "x" * 5000 + '"')).detail) <= 500
    assert len(refused(raw('"scores":{"' + "x" * 5000 + '":2}')).detail) <= 500
    assert len(refused(b'{"a":' + b"x" * 5000).detail) <= 500
