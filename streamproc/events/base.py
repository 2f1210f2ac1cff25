"""The types that the fields of events are made of, with their limits.

Limits are part of the contract: they are checked before anything reaches a state or a detector.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

MAX_EVENT_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_ID_CHARACTERS = 256
MAX_TEXT_CHARACTERS = 1024
MAX_FEATURES = 2000

# Whole numbers below this are taken for seconds by mistake: as milliseconds they would lie before March 1973.
EARLIEST_MS = 100_000_000_000
LATEST_MS = 253_402_300_799_999  # the last millisecond of the year 9999
# Python reads much more of ISO 8601, and each version more than the last: what a log means must not depend on that.
# Beyond RFC 3339: seconds may be left out, and the colon in the offset.
_RFC_3339 = r"\d{4}-\d\d-\d\d[Tt ](?:[01]\d|2[0-3]):\d\d(?::\d\d(?:\.\d+)?)?(?:[Zz]|[+-]\d\d:?\d\d)"
_rfc_3339 = re.compile(_RFC_3339, re.ASCII).fullmatch


_KINDS = {
    dict: "an object",
    list: "an array",
    str: "text",
    int: "a number",
    float: "a number with a fraction",
    bool: "true or false",
    type(None): "null",
}


def json_kind(value: object) -> str:
    """What a parsed JSON value is, in words for error messages."""
    return _KINDS.get(type(value), type(value).__name__)


def parse_time(value: object) -> int:
    """An RFC 3339 string with a zone, or whole epoch milliseconds -> epoch milliseconds, the nearest.

    Raises ValueError, as pydantic's validators expect.
    """
    if type(value) is int:
        ms = value
        if 0 < ms < EARLIEST_MS:
            raise ValueError(f"{ms} looks like seconds; times are RFC 3339 strings or epoch milliseconds")
        if ms > LATEST_MS:
            raise ValueError(f"{ms} is beyond the year 9999; times are RFC 3339 strings or epoch milliseconds")
    elif type(value) is str:
        ms = _from_text(value)
    else:
        raise ValueError(f"times are RFC 3339 strings or epoch milliseconds, this is {json_kind(value)}")
    if not EARLIEST_MS <= ms <= LATEST_MS:
        raise ValueError(f"{str(value)[:40]!r} is out of range: times lie between March 1973 and the year 9999")
    return ms


def _from_text(text: str) -> int:
    if _rfc_3339(text) is None:
        if _rfc_3339(text + "Z"):
            raise ValueError(f"{text[:40]!r} has no zone; end it with Z or an offset such as +02:00")
        raise ValueError(f"{text[:40]!r} is not an RFC 3339 time such as 2026-01-01T12:00:00Z")
    try:
        moment = datetime.fromisoformat(text if text[-1] != "z" else text[:-1] + "Z")
    except ValueError as exc:
        why = "leap seconds have no epoch milliseconds" if text[16:19] == ":60" else "no such day or hour"
        raise ValueError(f"{text[:40]!r} is not a time: {why}") from exc
    return int(moment.timestamp() * 1000 + 0.5)


def format_time(ms: int) -> str:
    """Epoch milliseconds -> RFC 3339 in UTC, to the millisecond."""
    # Whole numbers all the way: as a float of seconds, times from the year 2243 on would lose their last digit.
    moment = datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _scalar(value: Any) -> Any:
    if type(value) is bool or value is None or (type(value) is str and len(value) <= MAX_TEXT_CHARACTERS):
        return value
    if type(value) is int and -(2**63) <= value < 2**63:
        return value
    # JSON integers of 2^64 and more arrive as floats: two different ids would become one number.
    if type(value) is float and math.isfinite(value) and not (value.is_integer() and abs(value) >= 2**63):
        return value
    raise ValueError("must be a finite number within 64 bits, text of at most 1024 characters, true or false")


def _answer(value: Any) -> Any:
    if value is None or value == "":
        raise ValueError("must be a number, text, true or false")
    return _scalar(value)


_SCALAR = {"maxLength": MAX_TEXT_CHARACTERS, "minimum": -(2**63), "maximum": 2**63 - 1}
_TIME_TEXT = {"type": "string", "format": "date-time", "pattern": f"^{_RFC_3339}$"}
_EPOCH_MS = {"type": "integer", "minimum": EARLIEST_MS, "maximum": LATEST_MS}

Id = Annotated[
    str, StringConstraints(strict=True, min_length=1, max_length=MAX_ID_CHARACTERS, pattern=r"^[^\x00-\x1f\x7f]*$")
]
Text = Annotated[str, StringConstraints(strict=True, max_length=MAX_TEXT_CHARACTERS)]
Time = Annotated[
    int,
    BeforeValidator(parse_time),
    WithJsonSchema({"anyOf": [_TIME_TEXT, _EPOCH_MS]}, mode="validation"),
    WithJsonSchema(_EPOCH_MS, mode="serialization"),
]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Answer = Annotated[
    Any,
    AfterValidator(_answer),
    WithJsonSchema({"type": ["number", "string", "boolean"], "minLength": 1, **_SCALAR}),
]
FeatureValue = Annotated[
    Any, AfterValidator(_scalar), WithJsonSchema({"type": ["number", "string", "boolean", "null"], **_SCALAR})
]
Probability = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
Weight = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Features = Annotated[dict[str, FeatureValue], Field(max_length=MAX_FEATURES)]


class Event(BaseModel):
    """The base of all events: frozen; what it does not know is ignored, so that producers may send more."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, protected_namespaces=())

    def wire(self) -> dict[str, Any]:
        """The event as it is written: absent fields left out."""
        return self.model_dump(mode="json", exclude_none=True)
