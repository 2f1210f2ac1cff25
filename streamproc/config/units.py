"""Durations as people write them (`90s`, `10m`, `24h`, `7d`), held as whole milliseconds."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
LONGEST_MS = 36_500 * UNITS_MS["d"]
"""A hundred years: longer ones are typing errors, and would lead out of the calendar."""
_PATTERN = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,20})?)(ms|s|m|h|d|w)")
_ADVICE = "write a duration with its unit, such as 30s, 10m, 24h or 7d"


class DurationError(ValueError):
    """Text that is no duration. `advice` is the message without that text, for where it must not be shown."""

    def __init__(self, advice: str, value: object) -> None:
        self.advice = advice
        super().__init__(f"{advice} (not {value!r})")


def parse_duration(value: object) -> int:
    """`"1.5h"` -> 5_400_000. A bare `0` is allowed; any other number needs its unit.

    Raises DurationError, a ValueError, as pydantic's validators expect.
    """
    if value in (0, "0") and not isinstance(value, bool):
        return 0
    match = _PATTERN.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise DurationError(_ADVICE, value)
    ms = round(float(match[1]) * UNITS_MS[match[2]])
    if ms > LONGEST_MS:
        raise DurationError("write a duration of at most 36500d, a hundred years", value)
    return ms


def format_duration(ms: int) -> str:
    """The shortest exact way to write a duration: 5_400_000 -> `90m`."""
    for unit, size in sorted(UNITS_MS.items(), key=lambda item: -item[1]):
        if ms and ms % size == 0:
            return f"{ms // size}{unit}"
    return "0"


_MOST_DOUBLINGS = 40
"""More make no difference to any wait that has a limit, only larger numbers."""


def doubled(ms: int, times: int, most: int) -> int:
    """A wait that is doubled so often, but no longer than `most`."""
    return min(ms << min(times, _MOST_DOUBLINGS), most)


_WRITTEN = {"type": "string", "pattern": r"^\d+(\.\d+)?(ms|s|m|h|d|w)$"}
_EXAMPLES = ["30s", "10m", "7d"]
Duration = Annotated[
    int,
    BeforeValidator(parse_duration),
    WithJsonSchema({"anyOf": [_WRITTEN, {"const": 0}], "examples": _EXAMPLES}),
]
PositiveDuration = Annotated[
    int,
    Field(gt=0),
    BeforeValidator(parse_duration),
    WithJsonSchema({**_WRITTEN, "examples": _EXAMPLES}),
]

MINUTE, HOUR, DAY = (parse_duration(text) for text in ("1m", "1h", "1d"))
