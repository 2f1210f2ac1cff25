"""The run as plain lines, for logs and pipes."""

from __future__ import annotations

from collections.abc import Callable

from streamproc.demo import words
from streamproc.demo.status import Moment, Status

EVERY_SECONDS = 5.0


class Lines:
    """A line for each event, and one for the progress every few seconds."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._next = EVERY_SECONDS

    def say(self, text: str) -> None:
        self._write(text)

    def tell(self, moment: Moment, status: Status) -> None:
        self._line(moment.seconds, moment.row, moment.kind, moment.text)

    def refresh(self, status: Status) -> None:
        if status.seconds < self._next:
            return
        self._next = status.seconds + EVERY_SECONDS
        tally = status.tally
        self._line(
            status.seconds,
            tally.rows,
            "progress",
            f"{tally.rows / tally.total:.0%}; errors {tally.loop.errors:,} with, {tally.never.errors:,} without it",
        )

    def close(self, status: Status | None = None) -> None:
        if status is not None:
            self._next = 0.0
            self.refresh(status)

    def _line(self, seconds: float, row: int, kind: str, text: str) -> None:
        self._write(f"{words.clock(seconds):>5}  row {row:>6,}  {kind:10} {text}")
