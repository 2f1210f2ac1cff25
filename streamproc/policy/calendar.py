"""Times in which a policy does not fire, such as the week of a sale; no clock is read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from streamproc.config.policies import Exclusion
from streamproc.config.units import format_duration
from streamproc.events.base import format_time
from streamproc.policy.schedule import Schedule

_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Calendar:
    """The exclusions of one policy."""

    once: tuple[tuple[int, int], ...]
    """(begins, ends), epoch ms."""
    repeated: tuple[tuple[Schedule, int], ...]
    """(when it begins, how long it lasts in ms)"""

    @classmethod
    def of(cls, exclusions: tuple[Exclusion, ...]) -> Calendar:
        """Raises ScheduleError."""
        once = tuple((e.begins, e.ends) for e in exclusions if e.begins is not None and e.ends is not None)
        repeated = tuple(
            (Schedule.parse(e.cron, e.time_zone), e.duration)
            for e in exclusions
            if e.cron is not None and e.duration is not None
        )
        return cls(once, repeated)

    def excluded(self, now: int) -> str | None:
        """Why `now` (epoch ms) is excluded, in words; None if it is not. The end of an exclusion is not part of it."""
        for begins, ends in self.once:
            if begins <= now < ends:
                return f"excluded until {format_time(ends)}"
        for schedule, duration in self.repeated:
            latest = _latest(schedule, duration, now // _MINUTE_MS)
            if latest is not None and now < latest + duration:
                return (
                    f"excluded until {format_time(latest + duration)} "
                    f"({format_duration(duration)} from {schedule.cron}, {schedule.time_zone})"
                )
        return None


@lru_cache(maxsize=256)
def _latest(schedule: Schedule, duration: int, minute: int) -> int | None:
    """The latest beginning that may reach into this minute; asked at every outcome, hence the cache."""
    upto = minute * _MINUTE_MS
    return schedule.latest_in(upto - duration - 1, upto)
