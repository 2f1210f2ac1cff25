"""Where one model is in its lifecycle, and the times and ids that go with it: from a trigger to the next watch."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from streamproc.config.model import Model
from streamproc.monitor.notes import Note
from streamproc.policy.guards import SITUATION, Situation
from streamproc.policy.lifecycle import Happening, State, step
from streamproc.stateful import INTEGER, TEXT, Stateful, fields, optional

# Made once: they are asked for with every outcome, and an enumeration takes its time to name a member.
_WAITS = (State.TRIGGERED, State.RETRAINING)
_WARMS_UP = (State.DEPLOYED, State.WARMING_UP)


class Course(Stateful):
    """The table is in `policy/lifecycle.py`; this walks it. Times are epoch ms of the journal."""

    FIELDS = fields(situation=SITUATION, trigger_id=optional(TEXT), triggered_at=INTEGER, deployed_at=INTEGER)

    def __init__(self, model: Model) -> None:
        self._model = model
        self.reset()

    def reset(self) -> None:
        """Forget everything: the same as new."""
        budget = self._model.budget
        firings: deque[int] = deque(maxlen=budget.triggers if budget is not None else 0)
        self.situation = Situation(now=0, state=State.WATCHING, firings=firings)
        self.trigger_id: str | None = None
        self.triggered_at = 0
        self.deployed_at = 0

    @property
    def waits_for_a_retrain(self) -> bool:
        return self.situation.state in _WAITS

    @property
    def warms_up(self) -> bool:
        return self.situation.state in _WARMS_UP

    def fire(self) -> None:
        """A trigger is raised; the caller sets its id."""
        # A person may fire a model that is still warming up; the table knows policies only.
        at = self.situation
        at.state = step(at.state, Happening.FIRED) or State.TRIGGERED
        at.firings.append(at.now)
        self.triggered_at = at.now

    def move(self, happening: Happening, reason: str) -> Note:
        """What happens to the model, if the table has it."""
        state = step(self.situation.state, happening)
        if state is None:
            return Note("ignored", "lifecycle", f"{happening} means nothing while {self.situation.state}: {reason}")
        self.situation.state = state
        return Note("lifecycle", happening.value, f"{reason}; now {state.value.replace('_', ' ')}")

    def go_back(self, reason: str) -> Note:
        """A rollback is on its way: until it is read back, or given up, nothing else begins."""
        self.triggered_at = self.situation.now
        return self.move(Happening.WORSE, reason)

    def overdue(self, outcomes: int) -> list[Note]:
        """What has taken longer than `retrain_timeout`: an answer to the trigger, or a warm-up."""
        now, patience = self.situation.now, self._model.retrain_timeout
        notes = []
        if self.waits_for_a_retrain and now > self.triggered_at + patience:
            notes.append(self.move(Happening.TIMED_OUT, f"{self.trigger_id} had no answer in time"))
        if self.situation.state is State.ROLLING_BACK and now > self.triggered_at + patience:
            notes.append(self.move(Happening.TIMED_OUT, "the rollback has not come back through the deploys topic"))
        if self.warms_up and now > self.deployed_at + patience:
            notes.append(self.move(Happening.WARMED_UP, f"only {outcomes} outcomes of the new version in time"))
        return notes

    def warm_up(self, outcomes: int, version: str | None) -> list[Note]:
        """So many outcomes of the new version have come."""
        notes = []
        if self.situation.state is State.DEPLOYED:
            notes.append(self.move(Happening.ACKNOWLEDGED, f"first outcome of version {version}"))
        if outcomes >= self._model.warm_up:
            notes.append(self.move(Happening.WARMED_UP, f"{outcomes} outcomes of version {version}"))
        return notes

    def deployed(self, version: str, happening: Happening) -> list[Note]:
        """A version is in service."""
        self.deployed_at = self.situation.now
        notes = [self.move(happening, f"version {version} is in service")]
        if self._model.warm_up == 0:
            notes.append(self.move(Happening.WARMED_UP, "no warm-up is asked for"))
        return notes

    def retrain(self, record: Mapping[str, Any]) -> Note:
        """A step of a retrain that puts no version in service."""
        status, trigger_id = record["status"], record.get("trigger_id")
        if status == "started" and self.situation.state is State.WATCHING:
            # Raised under an earlier configuration, or by the user's own pipeline: a retrain is under way all the same.
            self.trigger_id, self.triggered_at = trigger_id, self.situation.now
        elif trigger_id is not None and trigger_id != self.trigger_id:
            return Note("ignored", "lifecycle", f"{status}: {trigger_id} is not the open trigger")
        return self.move(Happening(status), record.get("reason") or status)
