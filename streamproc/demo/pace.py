"""How fast the rows come."""

from __future__ import annotations

LATE_SECONDS = 0.1
"""What was missed for longer is not made up for: rows come at their pace, not in bursts."""


class Pace:
    """So many rows a second, and none while the feed is held. Knows no clock: `now` is in seconds."""

    def __init__(self, rows_per_second: float) -> None:
        self._pause = 1 / rows_per_second
        self._next = 0.0

    def take(self, now: float) -> bool:
        """Whether the next row is due; if so, it is taken."""
        if now < self._next:
            return False
        self._next = max(self._next + self._pause, now - LATE_SECONDS)
        return True
