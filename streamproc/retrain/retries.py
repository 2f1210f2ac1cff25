"""When a trigger is run again, and when no more. Pure: everything follows from the log and the configuration.

Four ways in which a run can end without a result:

- it fails (an exception, a crash, the time limit): said by `attempt_failed`, with the time of the next attempt;
- its worker stops and gives it back: said by `given_back`; it is run again at once, and uses up nothing;
- it finds too few rows for the gate: said by `waiting`, with the time of the next look; it uses up nothing;
- its worker dies: nobody says anything. Whoever sees the trigger next finds a `started` without an end, and runs it
  again, the first time at once: a killed worker is not the job's fault. But a job that takes its worker along each time
  must not do so for ever, nor as fast as a supervisor can start workers: these runs are counted apart, and wait too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from streamproc.config.retrain import Retries
from streamproc.config.units import doubled

LOOKS = 10
"""How often rows are counted while a retrain waits for them: each time a process starts, and two events are written."""


@dataclass(frozen=True, slots=True)
class Runs:
    """What the log says of the runs of a trigger that is not finished."""

    attempt: int = 0
    """Runs that were ever started: the number of the newest."""
    failed: int = 0
    cut_off: int = 0
    """Runs that were followed by another without a word of their end."""
    began: int | None = None
    """When the newest was started, epoch ms; None once the log has its end."""
    retry_at: int = 0
    """The next one does not start before, epoch ms."""
    waits: str | None = None
    """What the newest run is waiting for, if it ended with that."""

    @property
    def is_queued(self) -> bool:
        """Whether no run has begun, or the newest has only found that it must wait for rows."""
        return self.attempt == 0 or self.waits is not None

    def is_open(self, attempt: int | None) -> bool:
        """Whether this attempt is the newest, and the log has no end of it."""
        return self.began is not None and attempt == self.attempt


NO_RUNS = Runs()


def after(event: Mapping[str, Any], runs: Runs) -> Runs:
    """What is known after a deploy event that is not final. One that is not the next step of ours changes nothing.

    Anybody may write such events. A worker's carry the number of their attempt.
    """
    status, attempt = event["status"], event.get("attempt")
    if status == "started" and attempt == runs.attempt + 1:
        cut_off = runs.cut_off + (runs.began is not None)
        return replace(runs, attempt=attempt, cut_off=cut_off, began=event["time"], retry_at=0, waits=None)
    if status == "attempt_failed" and runs.is_open(attempt):
        return replace(runs, began=None, failed=runs.failed + 1, retry_at=event.get("retry_at", 0))
    if status == "given_back" and runs.is_open(attempt):
        return replace(runs, began=None)
    if status == "waiting" and runs.is_open(attempt):
        return replace(runs, began=None, retry_at=event.get("retry_at", 0), waits=event.get("reason", ""))
    return runs


def wait_after(count: int, retries: Retries) -> int:
    """The wait after so many failures, in ms."""
    return doubled(retries.backoff, count - 1, retries.max_backoff)


def next_look(now: int, until: int, limit: int) -> int:
    """When rows are counted again, epoch ms: ten times within the limit (ms), and at its end."""
    return min(now + max(limit // LOOKS, 1000), until)


def is_last(runs: Runs, retries: Retries) -> bool:
    """Whether the failure of the run that goes on now is final."""
    return runs.failed + 1 >= retries.attempts


def not_before(runs: Runs, retries: Retries) -> int:
    """When the next run may start, epoch ms, for a trigger that nobody runs."""
    if runs.began is None:
        return runs.retry_at
    return runs.began + wait_after(runs.cut_off, retries) if runs.cut_off else 0


def is_hopeless(runs: Runs, retries: Retries) -> bool:
    """Whether so many runs were cut off that no more are started, for a trigger that nobody runs."""
    return runs.began is not None and runs.cut_off + 1 >= retries.cut_offs
