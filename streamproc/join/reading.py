"""Records of the two big topics -> what the join keeps of them.

The usual ones are parsed and checked in one go, and the bytes of a prediction go on as they came: nothing is written
anew that was read. All others take the way of the models, with the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

import orjson
from msgspec import UNSET, Struct, json, to_builtins

from streamproc.config.base import Scalar
from streamproc.errors import BadRecord
from streamproc.events.base import MAX_EVENT_BYTES
from streamproc.events.codec import decoder
from streamproc.events.label import Label
from streamproc.events.prediction import Prediction
from streamproc.events.shapes import REFUSED, LabelShape, PredictionShape
from streamproc.join.store.entries import Waiting
from streamproc.stage import Record


class Truth(Struct, frozen=True, gc=False):
    """A label, without the id that it is of."""

    time: int
    label: Scalar


T = TypeVar("T", Waiting, Truth)
Read = Callable[[Record, int], tuple[str, T]]
"""(record, its timestamp) -> the prediction id, and what was read. Raises BadRecord."""


def prediction_reader(fields: Mapping[str, str] | None, models: Collection[str]) -> Read[Waiting]:
    """`fields` as of `decoder`; predictions of other models than these are refused."""
    usual, decode = _usual(PredictionShape, fields), decoder(Prediction, fields)

    def read(record: Record, timestamp: int) -> tuple[str, Waiting]:
        value = record.value() or b""
        found = usual(value, timestamp)
        if found is not None:
            seen, time = found
            prediction_id = seen.prediction_id
            waiting = Waiting(time, seen.model_id, seen.prediction, _body(value, seen, time))
        else:
            event = decode(value, record.key(), timestamp)
            body = orjson.dumps(event)[1:-1]
            prediction_id = event["prediction_id"]
            waiting = Waiting(event["time"], event["model_id"], event["prediction"], body)
        if waiting.model_id not in models:
            raise BadRecord("unknown_model", f"{waiting.model_id!r} is not among the configured models")
        return prediction_id, waiting

    return read


def label_reader(fields: Mapping[str, str] | None) -> Read[Truth]:
    """`fields` as of `decoder`."""
    usual, decode = _usual(LabelShape, fields), decoder(Label, fields)

    def read(record: Record, timestamp: int) -> tuple[str, Truth]:
        value = record.value() or b""
        found = usual(value, timestamp)
        if found is not None:
            seen, time = found
            return seen.prediction_id, Truth(time, seen.label)
        event = decode(value, record.key(), timestamp)
        return event["prediction_id"], Truth(event["time"], event["label"])

    return read


Shape = TypeVar("Shape", PredictionShape, LabelShape)


def _usual(shape: type[Shape], fields: Mapping[str, str] | None) -> Callable[[bytes, int], tuple[Shape, int] | None]:
    """(JSON, its record's timestamp) -> what is valid for certain, and its time in epoch ms."""
    parse = json.Decoder(shape).decode

    def usual(value: bytes, timestamp: int) -> tuple[Shape, int] | None:
        if len(value) > MAX_EVENT_BYTES:
            return None
        try:
            seen = parse(value)
        except REFUSED:
            return None
        time = seen.event_time(timestamp)
        return None if time is None else (seen, time)

    return usual if not fields else lambda *_: None


def _body(value: bytes, seen: PredictionShape, time: int) -> bytes:
    """The prediction's fields as JSON, without the braces, `time` in epoch ms."""
    # An id that is written twice, or with an escape: readers may look for it without parsing the record.
    plain = value.count(b'"prediction_id"') == 1 and (_BACKSLASH not in value or b"\\u" not in value)
    if plain and type(seen.time) is int:
        return value[1:-1] if value[0] == _OPENS and value[-1] == _CLOSES else value.strip()[1:-1]
    if plain and seen.time is UNSET:
        return b'%b,"time":%d' % (value.strip()[1:-1], time)
    return orjson.dumps({**to_builtins(seen), "time": time})[1:-1]


_OPENS, _CLOSES, _BACKSLASH = b"{}\\"
