"""What the join reads is what the models say, whichever way it takes, and the journal gets the same fields."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamproc.errors import BadRecord
from streamproc.events.codec import decoder
from streamproc.events.label import Label
from streamproc.events.prediction import Prediction
from streamproc.join.reading import label_reader, prediction_reader
from streamproc.replay.memory import MemoryRecord
from tests.unit.events.test_codec_properties import labels, predictions, typed

NOW = 1_767_225_600_000
SPACES = st.sampled_from([b"", b" ", b"\n", b"\t\r\n "])


class Anything(frozenset[str]):
    """All models are known."""

    def __contains__(self, _: object) -> bool:
        return True


def read(reader: Any, value: bytes | None, key: bytes | None) -> Any:
    """What the reader gives, or its complaint."""
    try:
        return reader(MemoryRecord("t", 0, 0, value, key, NOW), NOW)
    except BadRecord as error:
        return str(error)


def decoded(decode: Any, value: bytes | None, key: bytes | None) -> Any:
    """What the decoder gives, or its complaint."""
    try:
        return decode(value, key, NOW)
    except BadRecord as error:
        return str(error)


values = st.tuples(SPACES, predictions | labels, SPACES, st.booleans()).map(
    lambda t: t[0] + json.dumps(t[1], ensure_ascii=t[3]).encode("utf-8", "replace") + t[2]
)
keys = st.sampled_from([None, b"k", b"\xff", b""])
fields = st.sampled_from([None, {"prediction_id": "$.prediction_id", "time": "$.time"}])


@settings(max_examples=1500, deadline=None)
@given(value=values | st.none(), key=keys, mapped=fields)
@example(b'{"prediction_id":"p","model_id":"m","prediction":1,"time":"2026-01-01T00:00:00Z"}', None, None)
@example(b'{"prediction_id":"p","model_id":"m","prediction":1,"time":1767225600001,"time":1767225600002}', None, None)
@example(b'{"prediction_id":"p","model_id":"m","prediction":1,"score":1,"features":{}}', None, None)
@example(b' {"model_id":"m","prediction":1.50} ', b"k", None)
@example(b'{"prediction_id":"p","model_id":"m","prediction":1,"label":2,"kind":"tick","revises":1}', None, None)
def test_a_prediction_is_read_as_the_model_says(
    value: bytes | None, key: bytes | None, mapped: dict[str, str] | None
) -> None:
    """Numbers are equal, and text is the same; a whole number of a field for numbers may stay written as one."""
    found = read(prediction_reader(mapped, Anything()), value, key)
    wanted = decoded(decoder(Prediction, mapped), value, key)
    if isinstance(wanted, str):
        assert found == wanted
        return
    prediction_id, waiting = found
    assert prediction_id == wanted["prediction_id"]
    assert typed([waiting.time, waiting.model_id, waiting.prediction]) == typed(
        [wanted["time"], wanted["model_id"], wanted["prediction"]]
    )
    assert orjson.loads(b"{%b}" % waiting.body) == wanted


@settings(max_examples=800, deadline=None)
@given(value=values | st.none(), key=keys, mapped=fields)
@example(b'{"prediction_id":"p","label":1,"time":"2026-01-01T00:00:00Z"}', None, None)
@example(b'{"label":true}', b"k", None)
def test_a_label_is_read_as_the_model_says(
    value: bytes | None, key: bytes | None, mapped: dict[str, str] | None
) -> None:
    """Id, time and truth, or the same complaint."""
    found, wanted = read(label_reader(mapped), value, key), decoded(decoder(Label, mapped), value, key)
    if isinstance(wanted, str):
        assert found == wanted
    else:
        prediction_id, truth = found
        assert prediction_id == wanted["prediction_id"]
        assert typed([truth.time, truth.label]) == typed([wanted["time"], wanted["label"]])


def test_the_usual_prediction_goes_on_as_it_came() -> None:
    """The bytes are not written anew: that is what makes it fast."""
    value = b'{"model_id":"m", "prediction_id":"p", "prediction":1.50, "time":1767225600000}'
    _, waiting = prediction_reader(None, {"m"})(MemoryRecord("t", 0, 0, value, None, NOW), NOW)
    assert waiting.body == value[1:-1]


def test_a_model_that_is_not_configured_is_refused() -> None:
    """By its name."""
    value = b'{"prediction_id":"p","model_id":"n","prediction":1}'
    with pytest.raises(BadRecord, match="'n' is not among"):
        prediction_reader(None, {"m"})(MemoryRecord("t", 0, 0, value, None, NOW), NOW)
