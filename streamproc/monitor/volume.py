"""How many outcomes come in a period, and by how much that grew over the period before."""

from __future__ import annotations

from streamproc.errors import ConfigError
from streamproc.stateful import COUNT, INTEGER, Stateful, fields, listed, optional, require

BUCKETS = 60
"""Buckets a period: the granularity of its sliding, one minute for an hour."""


class Volume(Stateful):
    """Counts of the present and the preceding sliding period, by event time, in a ring of 120 buckets.

    The clock is the largest time seen, so it never goes back; late events count in the bucket of their own time, if
    that is still held. The bucket that is filling counts as a whole one: the present period is the newest 59 to 60
    sixtieths of a period, the preceding one the full period before, so a steady stream reads an increase of up to
    1/60 below 0. Event times are epoch ms.
    """

    __slots__ = ("_bucket", "_first", "_now", "_period", "_preceding", "_present", "_ring")

    FIELDS = fields(_ring=listed(COUNT), _first=optional(INTEGER), _now=INTEGER)

    def __init__(self, period_ms: int) -> None:
        """Raises ConfigError for a period of no length."""
        if period_ms <= 0:
            raise ConfigError("volume_period must be longer than 0; write a duration such as 1h")
        self._period = period_ms
        self.reset()

    def reset(self) -> None:
        """Forget everything: the same as new."""
        self._ring = [0] * (2 * BUCKETS)
        self._first: int | None = None  # the first time seen
        self._now, self._bucket = -1, 0
        self._present = self._preceding = 0

    def _settle(self) -> None:
        require(len(self._ring) == 2 * BUCKETS, "not two periods")
        require(self._now == -1 if self._first is None else self._first <= self._now, "a clock that has gone back")
        self._bucket = 0 if self._first is None else self._now * BUCKETS // self._period
        newest = self._bucket + 1
        self._present = sum(self._ring[b % (2 * BUCKETS)] for b in range(newest - BUCKETS, newest))
        self._preceding = sum(self._ring) - self._present

    def update(self, time_ms: int) -> None:
        """Count one outcome of that time."""
        bucket = time_ms * BUCKETS // self._period
        if time_ms > self._now:
            self._set_clock(time_ms, bucket)
        age = self._bucket - bucket
        if age < BUCKETS:
            self._present += 1
        elif age < 2 * BUCKETS:
            self._preceding += 1
        else:
            return
        self._ring[bucket % (2 * BUCKETS)] += 1

    def advance(self, time_ms: int) -> None:
        """It is that time now, though no outcome came: volume falls while nothing comes. At most O(buckets)."""
        if time_ms > self._now:
            self._set_clock(time_ms, time_ms * BUCKETS // self._period)

    def _set_clock(self, time_ms: int, bucket: int) -> None:
        if self._first is None:
            self._first, self._bucket = time_ms, bucket
        self._now = time_ms
        if bucket - self._bucket >= 2 * BUCKETS:
            self._ring = [0] * (2 * BUCKETS)
            self._present = self._preceding = 0
            self._bucket = bucket
        while self._bucket < bucket:
            self._step()

    def _step(self) -> None:
        """Begin the next bucket: one leaves the present period, and one the preceding."""
        self._bucket += 1
        oldest, aged = self._bucket % (2 * BUCKETS), (self._bucket - BUCKETS) % (2 * BUCKETS)
        moved = self._ring[aged]
        self._preceding += moved - self._ring[oldest]
        self._present -= moved
        self._ring[oldest] = 0

    def volume(self) -> float | None:
        """Outcomes in the present period; None until a whole period was seen."""
        return self._present if self._seen(1) else None

    def increase(self) -> float | None:
        """Present / preceding volume - 1; None until two whole periods were seen, and after an empty one."""
        if not self._preceding or not self._seen(2):
            return None
        return self._present / self._preceding - 1.0

    def _seen(self, periods: int) -> bool:
        return self._first is not None and self._now - self._first >= periods * self._period
