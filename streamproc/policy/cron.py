"""Cron text -> the minutes of a day and the days; every mistake is named, with what to write instead.

The grammar is that of cronsim, which follows Debian's cron: five fields, `*`, lists, ranges, steps, JAN-DEC, SUN-SAT,
`L` and `LW` for the last day and the last weekday of a month, `5#2` for the second Friday and `5L` for the last. A day
must match both of its fields if one of the two begins with `*`, and either of them otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from cronsim import CronSim, CronSimError

from streamproc.errors import ScheduleError

_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MAX_LENGTH = 200
_WITH_SECONDS = 6
_SOME_DAY = datetime(2000, 1, 1)  # noqa: DTZ001 - a place on the wall calendar
_CALENDAR = date(2000, 1, 1), date(2400, 1, 1)  # the Gregorian calendar repeats after 400 years


class _Field(NamedTuple):
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, tuple("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split())),  # noqa: SIM905
    _Field("day of the week", 0, 7, tuple("SUN MON TUE WED THU FRI SAT".split())),  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression, understood.

    `minutes` are minutes of the day, ascending. `follows_clock` is false for an expression with fixed times of the day,
    and true for one that begins its minute or its hour with `*`: such a job repeats, and follows real time.
    """

    minutes: tuple[int, ...]
    follows_clock: bool
    _simulator: CronSim

    def on(self, day: date) -> bool:
        """Say whether `day` is a day of this expression."""
        return day.month in self._simulator.months and self._simulator.match_day(day)

    def days(self, first: date, last: date) -> Iterator[date]:
        """Give the days of this expression from `first` to `last`, both included, backwards if `last` is before."""
        step = timedelta(days=1 if first <= last else -1)
        day = first
        while True:
            if self.on(day):
                yield day
            if day == last:
                return
            day += step


def parse_cron(text: str) -> Cron:
    """Understand a cron expression of five fields, or a macro such as `@daily`.

    Raises ScheduleError, naming the field and what to write instead.
    """
    fields = _split(text)
    for field, written in zip(_FIELDS, fields, strict=True):
        _check_field(field, written, fields)
    try:
        simulator = CronSim(" ".join(fields), _SOME_DAY)
    except CronSimError as error:
        raise _never(text) from error
    minutes = tuple(sorted(hour * 60 + minute for hour in simulator.hours for minute in simulator.minutes))
    cron = Cron(minutes, fields[0].startswith("*") or fields[1].startswith("*"), simulator)
    if next(cron.days(*_CALENDAR), None) is None:
        raise _never(text)
    return cron


def _split(text: str) -> list[str]:
    if not text.strip():
        raise ScheduleError("the schedule is empty: write five fields, such as `0 0 * * *` for every midnight")
    if len(text) > _MAX_LENGTH:
        raise ScheduleError(f"the schedule is {len(text)} characters long, and {_MAX_LENGTH} is the limit")
    fields = text.split()
    if fields[0].startswith("@"):
        if len(fields) > 1 or fields[0].lower() not in _MACROS:
            known = ", ".join(f"`{macro}`" for macro in _MACROS)
            raise ScheduleError(f"`{text.strip()}` is not a schedule: known macros are {known}")
        fields = _MACROS[fields[0].lower()].split()
    if len(fields) == _WITH_SECONDS:
        raise ScheduleError(
            f"`{text.strip()}` has six fields: seconds are not supported, minutes are the finest; "
            f"write five, perhaps `{' '.join(fields[1:])}`"
        )
    if len(fields) != len(_FIELDS):
        raise ScheduleError(
            f"`{text.strip()}` has {len(fields)} field{'s' if len(fields) > 1 else ''}, and five are needed: "
            "minute, hour, day of the month, month, day of the week"
        )
    return fields


def _check_field(field: _Field, written: str, fields: list[str]) -> None:
    place = _FIELDS.index(field)
    try:
        CronSim(" ".join("*" if i != place else written for i in range(len(_FIELDS))), _SOME_DAY)
    except CronSimError as error:
        raise ScheduleError(_explain(field, written, fields)) from error
    for step in re.findall(r"/([0-9]+)", written):
        if int(step) > field.high - field.low + 1:
            raise ScheduleError(
                f"the step {step} in the {field.name} `{written}` is longer than all of {field.low} to {field.high}: "
                "a step starts anew with each field, it cannot reach beyond"
            )


def _explain(field: _Field, written: str, fields: list[str]) -> str:
    """Say what is wrong with a field that cronsim refuses."""
    where = f"`{' '.join(fields)}`: the {field.name} `{written}`"
    if field.name == "hour" and written == "24":
        mended = " ".join([fields[0], "0", *fields[2:]])
        return f"{where} is out of range 0-23; midnight is hour 0: write `{mended}`"
    if reason := _wrong_word(field, written) or _wrong_number(field, written):
        return f"{where} {reason}"
    names = f" or {field.names[0]}-{field.names[-1]}" if field.names else ""
    forms = "lists `1,2`, ranges `1-5`, steps `*/2`"
    return f"{where} is not understood: write `*`, numbers from {field.low} to {field.high}{names}, {forms}"


def _wrong_word(field: _Field, written: str) -> str | None:
    for word in re.findall(r"[A-Za-z]+", written):
        short = word[:3].upper()
        if short in field.names and word.upper() != short:
            return f"has too long a name: write {short} for {word}"
        if word.upper() not in field.names:
            known = f"known names are {', '.join(field.names)}" if field.names else "it takes numbers"
            return f"holds `{word}`: {known}"
    if "?" in written:
        return "holds `?`: write `*` for any"
    return None


def _wrong_number(field: _Field, written: str) -> str | None:
    first = 1 if field.name == "month" else 0
    numbers = re.sub("[A-Za-z]+", lambda name: str(first + field.names.index(name.group().upper())), written)
    low, high = field.low, field.high
    for a, b in re.findall(r"(\d+)-(\d+)", numbers):
        if low <= int(b) < int(a) <= high:
            forwards = f"{a}-7" if (field.name, b) == ("day of the week", "0") else f"{a}-{high},{low}-{b}"
            return f"has a range that runs backwards: write {forwards}"
    for number in re.findall(r"(?<![/#\d])\d+", numbers):
        if not low <= int(number) <= high:
            return f"is out of range {low}-{high}"
    if re.search(r"/0+(?!\d)", numbers):
        return "has a step of 0, which would stand still: write `*` for each"
    return None


def _never(text: str) -> ScheduleError:
    return ScheduleError(f"`{text.strip()}` never comes: no month of it has such a day")
