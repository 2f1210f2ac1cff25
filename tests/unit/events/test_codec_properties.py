"""What holds for any input: the shapes agree with the models, and nothing wild gets through."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from streamproc.errors import BadRecord
from streamproc.events.base import EARLIEST_MS, LATEST_MS, MAX_FEATURES, Event
from streamproc.events.codec import decoder, validate
from streamproc.events.command import Command
from streamproc.events.dead_letter import REASONS
from streamproc.events.deploy import Deploy
from streamproc.events.label import Label
from streamproc.events.metric import Metric
from streamproc.events.prediction import Prediction
from streamproc.events.shapes import REFUSED, SHAPES

NOW = 1_767_225_600_000

texts = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["", " ", "p-1", "\x00", "\x1f", "\x7f", "\x85", "\u2028", "\U0001f600", "ä"]),
    st.sampled_from([255, 256, 257, 1023, 1024, 1025]).map(lambda n: "x" * n),
)
numbers = st.one_of(
    st.integers(-3, 3),
    st.integers(-(2**63) - 2, 2**64 - 1),
    st.sampled_from([10**15, 10**15 - 1, -(10**15), 2**53, 2**63 - 1, 2**63, -(2**63)]),
    st.floats(),
    st.sampled_from([1e15, -1e15, 0.0, -0.0, 1e308, 2.0**63, 5e-324, math.nan, math.inf]),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
values = st.one_of(scalars, st.lists(scalars, max_size=2), st.dictionaries(texts, scalars, max_size=2))
times = st.one_of(
    st.integers(EARLIEST_MS - 2, EARLIEST_MS + 2),
    st.integers(LATEST_MS - 2, LATEST_MS + 2),
    st.sampled_from([NOW, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.1234567+02:00", "2026-01-01", 17, -1]),
    scalars,
)


def likely(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly what the field is for, sometimes anything."""
    return st.integers(0, 9).flatmap(lambda n: values if n == 0 else usual)


IDS = likely(st.integers(0, 4).flatmap(lambda n: texts if n == 0 else st.sampled_from(["p-1", "ä", "x" * 256])))
predictions = st.fixed_dictionaries(
    {"prediction_id": IDS, "model_id": IDS, "prediction": likely(scalars), "time": likely(times)},
    optional={
        "model_version": IDS,
        "score": likely(numbers),
        "features": likely(st.dictionaries(texts, likely(scalars), max_size=4)),
        "weight": numbers,
        "scores": values,
        "segments": values,
        "user": values,
    },
)
labels = st.fixed_dictionaries(
    {"prediction_id": IDS, "label": likely(scalars), "time": likely(times)}, optional={"user": values}
)


def typed(value: Any) -> Any:
    """The value with the type of everything in it: 1, 1.0 and True are equal, and are not the same."""
    if isinstance(value, dict):
        return {name: typed(inner) for name, inner in value.items()}
    return type(value), repr(value)


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(payload=predictions | labels)
@example(payload={"prediction_id": "p", "model_id": "m", "prediction": True, "time": NOW, "score": 0.5})
@example(payload={"prediction_id": "p", "model_id": "m", "prediction": 1, "time": "2026-01-01T00:00:00Z"})
@example(payload={"prediction_id": "p", "model_id": "m", "prediction": 1, "time": NOW, "score": 1})
@example(payload={"prediction_id": "p", "label": "yes", "time": NOW})
def test_what_a_shape_accepts_the_model_accepts_with_the_very_same_result(payload: dict[str, Any]) -> None:
    """A shape is allowed to be unsure, never to differ: not in a value, not in a type."""
    for event in SHAPES:
        assert_the_shape_agrees(event, payload)


def assert_the_shape_agrees(event: type[Event], payload: dict[str, Any]) -> None:
    """What it accepts is valid, and the same."""
    try:
        seen = msgspec.json.decode(json.dumps(payload).encode(), type=SHAPES[event])
    except REFUSED:
        return
    time = seen.event_time(NOW)
    if time is not None:
        assert typed(validate(event, {"time": NOW, **payload})) == typed({**msgspec.to_builtins(seen), "time": time})


ODD: list[Any] = [
    *(None, True, "", " ", "x", "\x1f", "\x7f", "\x85", "\u2028"),
    *("x" * n for n in (255, 256, 257, 1023, 1024, 1025)),
    *(0, -1, 1, 2, 1.0, 0.5, -0.0, 1.0000001, -0.0000001, 10**15 - 1, 10**15, 1e15, -1e15, 2**63 - 1, 2**63, 2.0**63),
    *(EARLIEST_MS - 1, EARLIEST_MS, LATEST_MS, LATEST_MS + 1, "2026-01-01T00:00:00Z", "2026-01-01"),
]
"""At the limits of some field, and beside them."""


@pytest.mark.parametrize("event", list(SHAPES))
def test_at_every_limit_of_every_field_a_shape_agrees_with_its_model(event: type[Event]) -> None:
    """Each odd value in each field by itself, plain and in a list or an object; nothing else hides what it is."""
    valid = {"prediction_id": "p", "time": NOW} | (
        {"label": 1} if event is Label else {"model_id": "m", "prediction": 1}
    )
    assert_the_shape_agrees(event, valid)
    for name in [*event.model_fields, "user"]:
        for odd in ODD:
            for value in (odd, [odd], {"a": odd}, {str(odd): 0.5}):
                assert_the_shape_agrees(event, {**valid, name: value})
    for count in (MAX_FEATURES, MAX_FEATURES + 1):
        assert_the_shape_agrees(event, {**valid, "features": {str(n): n for n in range(count)}})


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        (Prediction, {"prediction_id": "p", "model_id": "m", "prediction": 1, "time": NOW}),
        (
            Prediction,
            {
                "prediction_id": "p",
                "model_id": "m",
                "model_version": "v1",
                "prediction": "yes",
                "score": 0.25,
                "features": {"a": 1, "b": 2.5, "c": "x", "d": True},
                "time": "2026-01-01T00:00:00Z",
            },
        ),
        (Label, {"prediction_id": "p", "label": 0, "time": NOW}),
    ],
)
def test_the_usual_events_take_the_short_way(event: type[Event], payload: dict[str, Any]) -> None:
    """The property above says nothing if the shapes accept nothing."""
    assert msgspec.convert(payload, SHAPES[event]).event_time(NOW) is not None


@settings(max_examples=800, deadline=None)
@given(payload=predictions | labels, timestamp=st.integers(-1, 2**62))
def test_decoding_bytes_is_the_same_as_the_model_on_what_they_hold(payload: dict[str, Any], timestamp: int) -> None:
    """Whichever way is taken inside, the answer is the model's."""
    text = json.dumps(payload).encode("utf-8", "replace")
    try:
        expected = orjson.loads(text)
    except orjson.JSONDecodeError:
        expected = None
    for event in (Prediction, Label):
        try:
            found: object = typed(decoder(event)(text, None, timestamp))
        except BadRecord as error:
            found = str(error)
        if expected is None:
            assert str(found).startswith("not_json: ")
            continue
        time = timestamp if expected["time"] is None else expected["time"]
        try:
            wanted: object = typed(validate(event, {**expected, "time": time}))
        except BadRecord as error:
            wanted = str(error)
        assert found == wanted


json_values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=12)
shapes = predictions | labels | json_values | st.dictionaries(st.sampled_from(sorted(Deploy.model_fields)), json_values)
bytes_of_json = shapes.map(lambda value: json.dumps(value).encode())
cut = st.tuples(bytes_of_json, st.integers(0, 400), st.binary(max_size=3)).map(
    lambda t: t[0][: t[1]] + t[2] + t[0][t[1] :]
)


def assert_tame(value: Any) -> None:
    """Only JSON's types, and every number finite."""
    if isinstance(value, dict):
        for name, inner in value.items():
            assert type(name) is str
            assert_tame(inner)
    else:
        assert type(value) in (str, int, float, bool, type(None))
        assert not isinstance(value, float) or math.isfinite(value)


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    value=st.one_of(st.none(), st.binary(max_size=60), bytes_of_json, cut),
    key=st.none() | st.binary(max_size=12),
    timestamp=st.integers(-1, 2**63 - 1),
    fields=st.sampled_from([None, {"prediction_id": "$.user.id", "model_id": "$.features.a", "score": "$.score.x"}]),
)
@example(b'{"prediction_id":"p","model_id":"m","prediction":1,"score":1e999}', None, NOW, None)
@example(b'{"prediction_id":"p","model_id":"m","prediction":1,"time":%d}' % 10**200, None, NOW, None)
@example(b"[" * 100_000, None, NOW, None)
@example(b'{"a":' * 1000 + b"1" + b"}" * 1000, None, NOW, None)
def test_any_bytes_are_a_tame_dict_or_a_bad_record(
    value: bytes | None, key: bytes | None, timestamp: int, fields: dict[str, str] | None
) -> None:
    """No other error, nothing non-finite, a known code, a detail that fits into a header."""
    for event in (Prediction, Label, Metric, Command, Deploy):
        decoded: dict[str, Any] | BadRecord
        try:
            decoded = decoder(event, fields)(value, key, timestamp)
        except BadRecord as error:
            decoded = error
        if isinstance(decoded, BadRecord):
            assert decoded.code in REASONS
            assert len(decoded.detail) <= 500
            assert decoded.detail.encode("utf-8", "replace")
        else:
            assert_tame(decoded)
            assert EARLIEST_MS <= decoded["time"] <= LATEST_MS
            assert orjson.dumps(decoded)
