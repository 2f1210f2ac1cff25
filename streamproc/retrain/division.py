"""The rows of a job, divided: what each challenger is trained on, what chooses among them, what the gate judges by.

With one window the newest share of it is the holdout, and all of the holdout is for the gate.

With several, all challengers are trained on what is older than one common holdout, and the holdout has two parts: the
older one chooses the best challenger, the newer one is for the gate. Whoever is the best of several on some rows owes a
part of that to luck, so those rows would flatter it against the champion; on rows that nobody has looked at, the gate
and its paired test are as sure as for a single challenger, however many there were. (To correct the test for their
number instead would keep the rows, but the condition compares plain metrics, which no correction reaches.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from streamproc.errors import RetrainError
from streamproc.retrain.api import Row
from streamproc.retrain.job import Job, Span
from streamproc.retrain.window import Window, answered_by


class Lesson(NamedTuple):
    """The rows of one window that are older than the holdout."""

    words: str
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Division:
    """`compared` are the rows of the gate's part of the holdout that the champion answered."""

    lessons: list[Lesson]
    choosing: list[Row]
    holdout: int
    compared: list[Row]
    left_out: tuple[str, ...] = ()
    """Windows that nobody can be trained on, and why."""
    holdout_to: int | None = None
    """The offset where the holdout ends, if that is behind the trigger's range."""

    def counts(self, training: int) -> dict[str, int]:
        """For the deploy event."""
        counts = {"training": training, "holdout": self.holdout, "compared": len(self.compared)}
        return {**counts, "choosing": len(self.choosing)} if self.choosing else counts


def divide(job: Job, window: Window) -> Division:
    """Raises RetrainError when there is nothing to train on."""
    rows = window.rows
    held = _held_out(job, rows)
    lessons = [Lesson(span.words, _older(span, rows, held)) for span in job.spans]
    left_out = tuple(f"{words}: no rows before the holdout" for words, found in lessons if not found)
    lessons = [lesson for lesson in lessons if lesson.rows]
    if not lessons:
        raise RetrainError(f"there is nothing to train on: {_why(window)}")
    holdout = rows[len(rows) - held :]
    chooses = held // 2 if len(lessons) > 1 else 0
    compared = answered_by(holdout[chooses:], job.trigger.model_version, job.champion_since)
    return Division(lessons, holdout[:chooses], held, compared, left_out if len(job.spans) > 1 else ())


def with_later(job: Job, division: Division, rows: Sequence[Row], end: int) -> Division:
    """Judged by also what has come behind the trigger's range, up to the offset `end`; nobody has trained on that."""
    newer = answered_by(rows, job.trigger.model_version, job.champion_since)
    compared = [*division.compared, *newer]
    return replace(division, holdout=division.holdout + len(rows), compared=compared, holdout_to=end)


def lacks_rows(job: Job, division: Division) -> bool:
    """Whether the gate could not pass whatever is trained. Looked at before the training, to spare it."""
    return job.gate is not None and len(division.compared) < job.gate.min_rows


def _held_out(job: Job, rows: Sequence[Row]) -> int:
    """A share of the window; of several, of the shortest, unless its parts would then be too small for the gate."""
    if job.gate is None:
        return 0
    most = round(len(rows) * job.gate.holdout)
    sizes = [size for span in job.spans if (size := len(_older(span, rows, 0)))]
    if len(job.spans) == 1 or not sizes:
        return most
    return min(max(round(min(sizes) * job.gate.holdout), 2 * job.gate.min_rows), most)


def _older(span: Span, rows: Sequence[Row], held: int) -> list[Row]:
    first = max(0, len(rows) - span.newest)
    return [row for row in rows[first : max(first, len(rows) - held)] if row["label_time"] >= span.since]


def _why(window: Window) -> str:
    if window.missing:
        return f"the journal no longer holds the {window.expected} labelled rows that the trigger names (retention)"
    if window.rows:
        return f"the window holds {len(window.rows)} labelled rows only"
    return "the model has no labelled rows yet"
