"""How far event time has come in one partition."""

from __future__ import annotations


class Watermark:
    """The event time up to which predictions and labels have been read, in epoch ms; it never goes back.

    It follows the slower of the two topics: while labels lag behind, because somebody reads a backlog, the
    predictions that they belong to must not expire.
    """

    def __init__(self, idle_ms: int = 300_000) -> None:
        self._idle_ms = idle_ms
        self._event_time = {"predictions": 0, "labels": 0}
        self._heard_at: dict[str, int | None] = {"predictions": None, "labels": None}
        """The wall clock when each side was last heard of; None: since the last look."""
        self.time = 0

    @property
    def place(self) -> tuple[int, int, int]:
        """(event time of the predictions, of the labels, the watermark): what has to be kept of it."""
        return self._event_time["predictions"], self._event_time["labels"], self.time

    def go_on(self, place: tuple[int, int, int]) -> None:
        """Be where another one was."""
        self._event_time["predictions"], self._event_time["labels"], self.time = place

    def advance(self, side: str, event_time: int) -> None:
        """One side has been read up to this time, the largest of a batch."""
        self._heard_at[side] = None
        self._event_time[side] = max(self._event_time[side], event_time)
        self.time = max(self.time, min(self._event_time.values()))

    def pass_over_idle(self, now: int) -> None:
        """Let a topic that has been silent for `idle_ms` hold nothing back. `now`: the wall clock, epoch ms.

        Only for who has caught up with both topics: one that is still to be read is silent too.
        """
        live = [self._event_time[side] for side in self._heard_at if now - self._heard(side, now) < self._idle_ms]
        if live:
            self.time = max(self.time, min(live))

    def _heard(self, side: str, now: int) -> int:
        at = self._heard_at[side]
        if at is None or at > now:  # since the last look, or the clock was put back
            at = self._heard_at[side] = now
        return at
