"""A task's snapshots: which it writes when, and where it goes on from when it has read them.

Every model's snapshot has its own place in the journal. What is to be read again begins at the oldest of them, and each
model takes only what comes after its own. A model without a usable one is rebuilt from the whole journal.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from streamproc.errors import JournalTruncated
from streamproc.monitor.model import ModelMonitor
from streamproc.monitor.rota import Rota
from streamproc.monitor.snapshot import Mark, Refusal, Saved, encode, encode_task
from streamproc.stage import Past

EXCUSED = frozenset({None, Refusal.OTHER_CONFIGURATION})
"""A model that is new, or is watched in another way from now on, may begin with what is left of a journal."""
NAMED = 5
"""Models that a message names."""


@dataclass(slots=True)
class Start:
    """Where a task goes on from."""

    mark: Mark
    """The place, and the clocks there."""
    upto: dict[bytes, int] = field(default_factory=dict)
    """Key of the model's records -> the first offset that is not in its state yet."""
    rebuilt: int = 0
    """Models that begin with an empty state."""


class Cache:
    """Of one partition of the journal."""

    def __init__(
        self, origin: str, interval_ms: int, monitors: Mapping[str, ModelMonitor], *, rebuild_from_rest: bool
    ) -> None:
        """`origin` names the journal's partition. `rebuild_from_rest`: a journal without a beginning will do."""
        self._origin, self._monitors, self._rebuild_from_rest = origin, monitors, rebuild_from_rest
        self._saved = Saved(origin)
        self._rota = Rota(interval_ms)
        self._names = tuple(monitors)
        self._task_upto = 0

    def load(self, key: bytes, value: bytes) -> None:
        """Take a record of the snapshots topic."""
        self._saved.add(key, value)

    def start(self, journal: Past) -> Start:
        """Restore the monitors from what was loaded. Raises JournalTruncated."""
        task, refusals, marks = self._saved.task(), dict[str, Refusal | None](), dict[str, Mark]()
        for model_id, monitor in self._monitors.items():
            mark = self._saved.restore(monitor)
            if isinstance(mark, Mark):
                if journal.first <= mark.upto <= journal.committed:
                    marks[model_id] = mark
                    continue
                monitor.reset()  # of a journal that was cut since, or of offsets that were set back
                mark = Refusal.OTHER_JOURNAL
            refusals[model_id] = mark
        self._saved = Saved(self._origin)
        if isinstance(task, Mark) and journal.first <= task.upto <= journal.committed and not self._monitors:
            return Start(task)
        if journal.first and not self._rebuild_from_rest:
            excused = EXCUSED if task is not None else EXCUSED - {None}
            self._refuse([m for m, refusal in refusals.items() if refusal not in excused], journal.first)
        upto = {model_id.encode(): mark.upto for model_id, mark in marks.items()}
        if refusals or not marks:
            return Start(Mark(journal.first, 0, 0), upto, len(refusals))
        return Start(min(marks.values()), upto)

    def _refuse(self, lost: Collection[str], first: int) -> None:
        if lost:
            names = ", ".join(sorted(lost)[:NAMED]) + (f" and {len(lost) - NAMED} more" if len(lost) > NAMED else "")
            raise JournalTruncated(
                f"{self._origin} begins at offset {first}: what came before is gone, and there is no usable snapshot "
                f"of {names}. Their state cannot be what it was.\n  Keep the journal for ever (retention.ms=-1). To go "
                "on with what is left of it, set engine.truncated_journal to `rebuild`."
            )

    def write(self, now: int, mark: Mark, changed: set[str], put: Callable[[bytes, bytes], None]) -> None:
        """Snapshots of those whose turn it is, if they have `changed`; these are taken out of it. `now`: wall clock."""
        for place in self._rota.turn(now, len(self._names) + 1):
            if place == len(self._names):
                if mark.upto > self._task_upto:
                    self._task_upto = mark.upto
                    put(*encode_task(mark, self._origin))
            elif (model_id := self._names[place]) in changed:
                changed.discard(model_id)
                for key, value in encode(self._monitors[model_id], mark, self._origin):
                    put(key, value)
