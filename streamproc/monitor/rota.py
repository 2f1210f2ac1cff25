"""Whose turn it is to be written down: each comes up once in an interval, a few of them at a time."""

from __future__ import annotations

from collections.abc import Iterator

MOST = 500
"""At one time: 25 ms or more, which the commit waits for."""


class Rota:
    """Goes round and round through numbered places.

    Everybody at once, every ten seconds, would stop the stream for a second with 10,000 models. So at each call it is
    the turn of as many places as the time since the last call is worth.
    """

    def __init__(self, interval_ms: int) -> None:
        self._interval = interval_ms
        self._asked_at: int | None = None
        self._owed = 0.0
        """Places whose time has come."""
        self._next = 0

    def turn(self, now: int, places: int) -> Iterator[int]:
        """The places whose turn it is at `now` (epoch ms), out of so many; none at the first call."""
        before, self._asked_at = self._asked_at, now
        if before is None or not places:
            return
        elapsed = max(0, now - before)  # the clock may be put back
        self._owed = min(self._owed + places * elapsed / self._interval, 2 * places)  # what was long ago is forgotten
        count = min(int(self._owed), places, MOST)
        self._owed -= count
        for _ in range(count):
            self._next = self._next + 1 if self._next + 1 < places else 0
            yield self._next
