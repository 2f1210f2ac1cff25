"""Cron schedules in a time zone, as epoch milliseconds; no clock is read.

cronsim (see `cron`) knows the grammar and the days; which instants belong to a day is worked out here, because a
schedule must give the same answers forwards and backwards and from any starting point. cronsim's own iteration does not
beside a change of clocks: begun within an hour that comes twice, for one, its next time may lie in the past.

**When clocks change**, the rule of Debian's cron:

- A job with fixed times (neither minute nor hour begins with `*`) runs once a day for each of its times: at the first
  moment at which the local clock shows that time *or a later one*. So a time that is skipped runs at the end of the
  gap (02:30 at 03:00, as one with a time of 03:00), and a time that comes twice runs the first time only.
- A job that repeats (minute or hour begins with `*`) runs whenever the local clock shows one of its times: not at all
  in a gap, and twice where an hour comes twice.
"""

from __future__ import annotations

import difflib
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from streamproc.errors import ScheduleError
from streamproc.policy.cron import Cron, parse_cron

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_MS = timedelta(milliseconds=1)
_MINUTE_MS = 60_000
_EARLIEST_MS = (datetime(1, 1, 3, tzinfo=UTC) - _EPOCH) // _MS
_MACHINE_DEPENDENT = {"localtime", "posixrules", "Factory"}


@dataclass(frozen=True, slots=True)
class Schedule:
    """A cron expression in a time zone; made by `parse`, equal by its text."""

    cron: str
    time_zone: str
    parsed: Cron = field(repr=False, compare=False)
    _zone: ZoneInfo = field(repr=False, compare=False)
    _offsets: tuple[int, ...] = field(repr=False, compare=False)  # ms after midnight, on a day without a change

    @classmethod
    def parse(cls, cron: str, time_zone: str = "UTC") -> Schedule:
        """Make a schedule of a cron expression (five fields or a macro) and the name of an IANA time zone.

        Raises ScheduleError, with what to write instead.
        """
        parsed, zone = parse_cron(cron), _zone(time_zone)
        return cls(cron.strip(), time_zone, parsed, zone, tuple(m * _MINUTE_MS for m in parsed.minutes))

    def next_after(self, time_ms: int) -> int:
        """Give the first scheduled time after `time_ms`, both epoch ms.

        Raises ScheduleError if there is none before the calendar ends, with the year 9999.
        """
        try:
            today = self.local(time_ms).date()
            for day in self.parsed.days(today - _DAY, date.max - 2 * _DAY):
                found = self._first_after(day, time_ms)
                if found is not None:
                    # A clock put back over midnight goes on with the day before: the days overlap.
                    following = self._first_after(day + _DAY, time_ms) if self.parsed.on(day + _DAY) else None
                    return found if following is None else min(found, following)
        except OverflowError:
            pass
        raise ScheduleError(f"`{self.cron}` has no time after {time_ms} ms: the calendar ends")

    def latest_in(self, after_ms: int, upto_ms: int) -> int | None:
        """Give the last scheduled time in (after_ms, upto_ms], all epoch ms, or None.

        A process that was down for three midnights so fires once, and not three times. The work does not grow with the
        number of times missed: the search goes backwards.
        """
        if upto_ms <= after_ms:
            return None
        first = self.local(max(after_ms, _EARLIEST_MS)).date() - _DAY
        for day in self.parsed.days(self.local(upto_ms).date() + _DAY, first):
            found = self._last_upto(day, upto_ms)
            if found is not None:
                previous = self._last_upto(day - _DAY, upto_ms) if self.parsed.on(day - _DAY) else None
                found = found if previous is None else max(found, previous)
                return found if found > after_ms else None
        return None

    def _first_after(self, day: date, time_ms: int) -> int | None:
        base, offsets = self._times(day)
        place = bisect_right(offsets, time_ms - base)
        return base + offsets[place] if place < len(offsets) else None

    def _last_upto(self, day: date, time_ms: int) -> int | None:
        base, offsets = self._times(day)
        place = bisect_right(offsets, time_ms - base)
        return base + offsets[place - 1] if place else None

    def _times(self, day: date) -> tuple[int, Sequence[int]]:
        """Give the times of a matching day, ascending, as ms after a base."""
        midnight = datetime.combine(day, time())
        offset = self.instant(midnight, fold=0)
        if self.instant(midnight + _DAY, fold=1) - offset == _DAY // _MS:
            return offset, self._offsets
        return 0, _times_of_change(self, midnight)

    def instant(self, wall: datetime, *, fold: int) -> int:
        """Give the epoch ms at which local clocks show `wall`, the first or second time (PEP 495)."""
        return (wall.replace(tzinfo=self._zone, fold=fold) - _EPOCH) // _MS

    def local(self, time_ms: int) -> datetime:
        """Give what local clocks show, without a zone."""
        return (_EPOCH + time_ms * _MS).astimezone(self._zone).replace(tzinfo=None, fold=0)


@lru_cache(maxsize=32)
def _times_of_change(schedule: Schedule, midnight: datetime) -> tuple[int, ...]:
    """Give the times, in epoch ms, of a day in or beside which clocks change; 10 ms of work, hence the cache."""
    times = set()
    for minute in schedule.parsed.minutes:
        wall = midnight + timedelta(minutes=minute)
        first, second = schedule.instant(wall, fold=0), schedule.instant(wall, fold=1)
        real = {instant for instant in (first, second) if schedule.local(instant) == wall}
        if schedule.parsed.follows_clock:
            times |= real
        elif real:
            times.add(first)
        else:  # in the gap: `second` is before it, `first` after it, and from there on clocks show `wall` or later
            times.add(second + bisect_left(range(second, first), wall, key=schedule.local))
    return tuple(sorted(times))


def _zone(name: str) -> ZoneInfo:
    try:
        if name not in _MACHINE_DEPENDENT:
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder of zones, such as `Europe`
        pass
    known = {zone.casefold(): zone for zone in available_timezones() - _MACHINE_DEPENDENT}
    cities = {zone.rpartition("/")[2]: zone for zone in sorted(known)}
    wanted = name.strip().casefold().replace(" ", "_")
    close = [wanted] if wanted in known else difflib.get_close_matches(wanted, known, n=2, cutoff=0.7)
    close += [cities[city] for city in difflib.get_close_matches(wanted.rpartition("/")[2], cities, n=1, cutoff=0.8)]
    meant = " or ".join(f"`{known[zone]}`" for zone in dict.fromkeys(close))
    advice = f"did you mean {meant}?" if meant else "write an IANA name, such as `Europe/Berlin` or `UTC`"
    raise ScheduleError(f"unknown time zone `{name[:80]}`: {advice}")
