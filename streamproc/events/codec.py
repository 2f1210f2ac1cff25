"""Bytes -> checked plain dicts, for everything that comes from outside.

The pydantic models decide what is valid. For the two big topics, shapes accept what is obviously valid at a third of
the cost (`events.shapes`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson
from msgspec import convert, to_builtins
from pydantic import ValidationError

from streamproc.errors import BadRecord
from streamproc.events.base import (
    MAX_DEPTH,
    MAX_EVENT_BYTES,
    Event,
    json_kind,
)
from streamproc.events.command import Command
from streamproc.events.deploy import Deploy
from streamproc.events.label import Label
from streamproc.events.metric import Metric
from streamproc.events.prediction import Prediction
from streamproc.events.shapes import REFUSED, SHAPES

Decode = Callable[[bytes | None, bytes | None, int], dict[str, Any]]
"""(value, key, record timestamp in epoch ms) -> the event's fields, `time` in epoch ms. Raises BadRecord."""

KEYED_BY = {
    Prediction: "prediction_id",
    Label: "prediction_id",
    Metric: "model_id",
    Command: "model_id",
    Deploy: "model_id",
}
_CLEARER = {"string_pattern_mismatch": "must not have control characters in it"}
"""What pydantic's messages say with a regular expression, by its error type; ids are the only fields that have one."""


def decoder(event: type[Event], fields: Mapping[str, str] | None = None) -> Decode:
    """The decoder of one topic; `fields` maps names to paths (`$.a.b`) in the user's own payload."""
    paths = {name: tuple(path.split(".")[1:]) for name, path in (fields or {}).items()}
    unmapped = tuple(name for name in event.model_fields if name not in paths)
    key_field = KEYED_BY.get(event)
    shape = SHAPES.get(event)

    def decode(value: bytes | None, key: bytes | None, timestamp: int) -> dict[str, Any]:
        payload = _object(value)
        if paths:
            _refuse_too_deep(value, payload)
            payload = _mapped(payload, paths, unmapped)
        if payload.get("time") is None:
            payload["time"] = timestamp
        if key_field is not None and key_field not in payload and key is not None:
            payload[key_field] = _id_from(key, key_field)
        if shape is not None:
            try:
                seen = convert(payload, shape)
            except REFUSED:
                pass
            else:
                time = seen.event_time(timestamp)
                if time is not None:
                    return {**to_builtins(seen), "time": time}
        _refuse_too_deep(value, payload)
        return validate(event, payload)

    return decode


def parse(value: bytes | None) -> dict[str, Any]:
    """Bytes within the limits -> a JSON object; of equal names in it, the last one counts. Raises BadRecord."""
    payload = _object(value)
    _refuse_too_deep(value, payload)
    return payload


def _object(value: bytes | None) -> dict[str, Any]:
    if not value:
        raise BadRecord("empty", "the record has no value")
    if len(value) > MAX_EVENT_BYTES:
        raise BadRecord("too_large", f"{len(value)} bytes; the limit is {MAX_EVENT_BYTES}")
    try:
        payload = orjson.loads(value)  # it goes down 1024 levels, not further
    except orjson.JSONDecodeError as exc:
        raise BadRecord("not_json", str(exc)[:200]) from exc
    if type(payload) is not dict:
        raise BadRecord("not_an_object", f"a JSON object is needed, this is {json_kind(payload)}")
    return payload


def _refuse_too_deep(value: bytes | None, payload: dict[str, Any]) -> None:
    if value and value.count(b"{") + value.count(b"[") > MAX_DEPTH and _too_deep(payload):
        raise BadRecord("too_deep", f"nested deeper than {MAX_DEPTH} levels")


def _too_deep(payload: dict[str, Any]) -> bool:
    level: list[Any] = [payload]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return False
    return True


def validate(event: type[Event], payload: dict[str, Any]) -> dict[str, Any]:
    """Check by the model. Raises BadRecord that names the field."""
    try:
        return event.model_validate(payload).wire()
    except ValidationError as exc:
        bad = _told(exc)
    # Not from within: pydantic's error holds frames where the garbage collector does not see them, and whoever keeps
    # the BadRecord would keep them, and all that they hold, for ever.
    raise bad


def _told(exc: ValidationError) -> BadRecord:
    first = exc.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return BadRecord("missing_field", where)
    what = _CLEARER.get(first["type"], first["msg"].removeprefix("Value error, "))
    return BadRecord("invalid_field", (f"{where}: {what}" if where else what)[:500])


def _id_from(key: bytes, field: str) -> str:
    try:
        return key.decode()
    except UnicodeDecodeError as exc:  # replacing what is wrong would make one id of many keys
        raise BadRecord("invalid_field", f"{field}: is not in the payload, and the record's key is not UTF-8") from exc


def _mapped(payload: dict[str, Any], paths: Mapping[str, tuple[str, ...]], unmapped: Iterable[str]) -> dict[str, Any]:
    """The event's fields, each mapped one taken from its path; a path that leads nowhere leaves the name out."""
    mapped = {name: payload[name] for name in unmapped if name in payload}
    for name, path in paths.items():
        value: Any = payload
        for part in path:
            if type(value) is not dict or part not in value:
                break
            value = value[part]
        else:
            mapped[name] = value
    return mapped


DEPLOY: Decode = decoder(Deploy)
"""Deploy events are never mapped: a pipeline of the user's writes them in this form."""
