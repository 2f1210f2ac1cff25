"""The state of the retrain stage: a fold of the triggers topic and the deploys topic.

The two topics have no common order, so whatever either says first is remembered until the other catches up: reading
them in any interleaving gives the same state.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from streamproc.events.deploy import FINAL, IN_SERVICE
from streamproc.events.trigger import Trigger
from streamproc.retrain.retries import NO_RUNS, Runs, after
from streamproc.stage import Record


@dataclass(frozen=True, slots=True)
class OpenTrigger:
    """A trigger that no final deploy event has ended yet."""

    trigger: Trigger
    record: Record = field(compare=False)

    @property
    def arrived(self) -> int:
        """Its record's timestamp, epoch ms."""
        return self.record.timestamp()[1]

    @property
    def age(self) -> tuple[int, int, str]:
        """Sorts the oldest first."""
        return self.arrived, self.record.offset(), self.trigger.trigger_id


@dataclass(frozen=True, slots=True)
class Champion:
    """The version that is in service."""

    version: str
    since: int
    """Epoch ms."""
    artifact: str | None = None


MOST_NAMED = 100
"""Superseded triggers that a newer one names."""


@dataclass(slots=True)
class RetrainState:
    """What the log says, for the models of one partition."""

    open: dict[str, OpenTrigger] = field(default_factory=dict)
    """By trigger id, oldest first."""
    finished: set[str] = field(default_factory=set)
    """Ids of triggers with a final deploy event, read or not read yet: 100 bytes for each retrain there ever was."""
    runs: dict[str, Runs] = field(default_factory=dict)
    """Of triggers that are not finished, by their ids."""
    champions: dict[str, Champion] = field(default_factory=dict)
    """By model id."""
    begun: deque[int] = field(default_factory=lambda: deque(maxlen=0))
    """When the newest retrains began, epoch ms: as many as the budget has to know of."""
    supersedes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Trigger id, not finished -> the triggers that it has superseded."""

    def trigger(self, trigger: Trigger, record: Record) -> None:
        """A trigger that is ours to answer, and its record; one that was seen before changes nothing."""
        if trigger.trigger_id not in self.finished and trigger.trigger_id not in self.open:
            self.open[trigger.trigger_id] = OpenTrigger(trigger, record)

    def runs_of(self, trigger_id: str) -> Runs:
        """What is known of an open trigger's runs."""
        return self.runs.get(trigger_id, NO_RUNS)

    def deploy(self, event: Mapping[str, Any]) -> None:
        """A decoded deploy event, ours or anybody's."""
        status, trigger_id = event["status"], event.get("trigger_id")
        if status in IN_SERVICE:
            artifact = (event.get("artifact") or {}).get("uri")
            self.champions[event["model_id"]] = Champion(event["model_version"], event["time"], artifact)
        if trigger_id is None or trigger_id in self.finished:
            return
        if status in FINAL:
            self.finished.add(trigger_id)
            self.open.pop(trigger_id, None)
            self.runs.pop(trigger_id, None)
            self.supersedes.pop(trigger_id, None)
            if status == "superseded":
                self._superseded(trigger_id, event.get("superseded_by"))
        else:
            before = self.runs_of(trigger_id)
            self.runs[trigger_id] = runs = after(event, before)
            if runs.attempt and not before.attempt:
                self.begun.append(event["time"])

    def _superseded(self, trigger_id: str, by: str | None) -> None:
        if by is not None and by not in self.finished:
            self.supersedes[by] = (*self.supersedes.get(by, ()), trigger_id)[-MOST_NAMED:]
