"""What the run comes to: right and wrong answers with and without the loop, and what became of each trigger.

Knows no clock and no Kafka: whoever feeds it says which row it is and what time (epoch ms).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Literal

from streamproc.demo.feed import DELAY
from streamproc.events.deploy import FINAL, Status
from streamproc.policy.lifecycle import Happening, State, step

RECENT = 500
"""Rows in the accuracy that is shown as the present one."""
BUCKETS = 240
"""Pieces that a run's history is kept in: more than any terminal's chart has columns."""


@dataclass(slots=True)
class Side:
    """One of the two models: the one in the loop, or the one that is never retrained."""

    rows: int = 0
    errors: int = 0
    recent: deque[bool] = field(default_factory=lambda: deque(maxlen=RECENT))

    def answered(self, *, right: bool) -> None:
        """One more row."""
        self.rows += 1
        self.errors += not right
        self.recent.append(right)

    @property
    def error_rate(self) -> float:
        """Errors / rows so far."""
        return self.errors / self.rows if self.rows else 0.0

    @property
    def accuracy(self) -> float | None:
        """Over the newest rows; None before the first."""
        return sum(self.recent) / len(self.recent) if self.recent else None


@dataclass(slots=True)
class Retrain:
    """One trigger, and what became of it."""

    trigger_id: str
    row: int
    """The row that was being answered when the trigger was raised."""
    time: int
    """When that was, epoch ms."""
    change: int | None
    """Labelled rows since the change, as the detector estimates it."""
    status: Literal["triggered"] | Status = "triggered"
    version: str | None = None
    ended_row: int = 0
    seconds: float = 0.0
    """From the trigger to its end; to the moment that the server had the new model, if it was deployed."""
    outcome: str = ""

    @property
    def is_open(self) -> bool:
        """Whether an answer is still to come."""
        return self.status not in FINAL

    @property
    def rows_to_deploy(self) -> int | None:
        """Rows from the estimated change to the new model in service.

        From the change to the label that raised the trigger, while that label was on its way, and from then on.
        """
        if self.change is None or self.status != "deployed":
            return None
        return self.change + DELAY + self.ended_row - self.row


class Tally:
    """A run's figures so far."""

    def __init__(self, rows: int) -> None:
        """`rows`: how many will be answered."""
        self.total = max(1, rows)
        self.loop, self.never = Side(), Side()
        self.state = State.WATCHING
        self.retrains: dict[str, Retrain] = {}
        self._times: list[int] = []
        """When each row was answered."""
        self.history: list[list[int]] = []
        """For each piece of the run so far: rows, right answers with the loop, right answers without."""

    @property
    def rows(self) -> int:
        """Rows answered."""
        return self.loop.rows

    @property
    def avoided(self) -> int:
        """Errors that the loop has spared; negative if it made more."""
        return self.never.errors - self.loop.errors

    def answered(self, now: int, *, right: bool, right_never: bool) -> None:
        """Both models have answered a row; `now` in epoch ms."""
        self._times.append(now)
        if self.rows * BUCKETS // self.total >= len(self.history):
            self.history.append([0, 0, 0])
        piece = self.history[-1]
        piece[0] += 1
        piece[1] += right
        piece[2] += right_never
        self.loop.answered(right=right)
        self.never.answered(right=right_never)

    def trigger(self, event: Mapping[str, Any]) -> Retrain:
        """A trigger arrived."""
        change = (event["data"].get("change_point") or {}).get("outcomes")
        row = bisect_right(self._times, event["time"])
        retrain = Retrain(event["trigger_id"], row, event["time"], change)
        return self.retrains.setdefault(event["trigger_id"], retrain)

    def deploy(self, event: Mapping[str, Any], now: int) -> Retrain | None:
        """A deploy event arrived; None if it belongs to no trigger of this run."""
        retrain = self.retrains.get(event.get("trigger_id") or "")
        if retrain is None or not retrain.is_open:
            return None
        retrain.status, retrain.version = event["status"], event.get("model_version")
        retrain.ended_row, retrain.seconds = self.rows, (now - retrain.time) / 1000
        retrain.outcome = _compared(event) or event.get("reason") or event["status"]
        return retrain

    def decision(self, event: Mapping[str, Any]) -> None:
        """The monitor decided something: follow the model through its lifecycle."""
        if event["verdict"] == "fired":
            self.state = step(self.state, Happening.FIRED) or State.TRIGGERED
        elif event["verdict"] == "lifecycle" and event["rule"] in set(Happening):
            self.state = step(self.state, Happening(event["rule"])) or self.state

    def count(self, status: str) -> int:
        """Retrains that ended (or stand) like this."""
        return sum(retrain.status == status for retrain in self.retrains.values())

    @property
    def waiting(self) -> Retrain | None:
        """The retrain that goes on, if one does."""
        return next((r for r in self.retrains.values() if r.is_open), None)

    @property
    def seconds_to_deploy(self) -> float | None:
        """Median time from trigger to deploy."""
        return _median([r.seconds for r in self.retrains.values() if r.status == "deployed"])

    @property
    def rows_to_deploy(self) -> float | None:
        """Median rows from the estimated change to the deploy."""
        return _median([n for r in self.retrains.values() if (n := r.rows_to_deploy) is not None])


def _median(values: list[float] | list[int]) -> float | None:
    return float(median(values)) if values else None


def _compared(event: Mapping[str, Any]) -> str | None:
    """`79.0% right, champion 71.3%, 300 rows`: both on the same rows."""
    metrics = event.get("metrics") or {}
    champion = (metrics.get("champion") or {}).get("accuracy")
    challenger = (metrics.get("challenger") or {}).get("accuracy")
    if champion is None or challenger is None:
        return None
    rows = (event.get("rows") or {}).get("compared", 0)
    return f"{challenger:.1%} right, champion {champion:.1%}, {rows} rows"
