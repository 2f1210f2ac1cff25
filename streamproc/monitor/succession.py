"""From one version to the next: who was before, whether the new one was taken up, and whether it is as good."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from streamproc.config.model import Model
from streamproc.monitor.notes import NOTHING, Artifact, Note, Notes, Placing
from streamproc.monitor.probation import Probation
from streamproc.monitor.uptake import Uptake
from streamproc.policy.memory import TIME
from streamproc.stateful import COUNT, OPTIONAL_PART, PART, TEXT, Kind, Stateful, fields, optional, row


class Served(NamedTuple):
    """A version that a deploy event has put in service."""

    version: str
    since: int
    """Epoch ms, as the event says."""
    artifact: Artifact | None


class Raised(NamedTuple):
    """A trigger, and whose it was."""

    trigger_id: str
    policy: str
    segment: str | None


_ARTIFACT = row(TEXT, optional(TEXT), optional(COUNT))
_SERVED_ROW = row(TEXT, TIME, optional(_ARTIFACT))
_SERVED = Kind(_SERVED_ROW.give, lambda plain, _: Served(*_SERVED_ROW.take(plain, None)))
_RAISED_ROW = row(TEXT, TEXT, optional(TEXT))
_RAISED = Kind(_RAISED_ROW.give, lambda plain, _: Raised(*_RAISED_ROW.take(plain, None)))


class Succession(Stateful):
    """Only a version that a deploy event named can be gone back to: else no server knows where it lies."""

    FIELDS = fields(
        _served=optional(_SERVED),
        _before=optional(_SERVED),
        _number=COUNT,
        _raised=optional(_RAISED),
        brought_by=optional(_RAISED),
        uptake=PART,
        probation=OPTIONAL_PART,
    )

    def __init__(self, model: Model) -> None:
        self.uptake = Uptake(model)
        self.probation = Probation(model, model.probation) if model.probation is not None else None
        self.reset()

    def reset(self) -> None:
        """Forget everything: the same as new."""
        self._served: Served | None = None
        self._before: Served | None = None
        self._number = 0
        """Of the deploy: no two rollbacks of a model have one id."""
        self._raised: Raised | None = None
        """The newest trigger."""
        self.brought_by: Raised | None = None
        """The trigger that the version in service was made for, if it was one of ours."""
        self.uptake.reset()
        if self.probation is not None:
            self.probation.reset()

    @property
    def on_probation(self) -> bool:
        return self.probation is not None and self.probation.on

    def raised(self, trigger_id: str, policy: str | None, segment: str | None) -> None:
        """A trigger of this policy, or by hand."""
        self._raised = Raised(trigger_id, policy or "", segment)

    def deployed(self, record: Mapping[str, Any], before: str | None, changed: int | None, now: int) -> Notes:
        """A deploy event puts a version in service, where `before` was. `changed` as of Probation.

        One that went back is not on probation: it would be judged by what the worse one did.
        """
        version, trigger_id = record["model_version"], record.get("trigger_id")
        new = Served(version, record["time"], _artifact(record))
        if version == before:
            self._served = new
            return NOTHING
        left, self._number = self._served, self._number + 1
        if record["status"] == "rolled_back":
            if new.artifact is None and self._before is not None and self._before.version == version:
                new = new._replace(artifact=self._before.artifact)
            self._served, self._before, self.brought_by = new, None, None
        else:
            mine = self._raised is not None and trigger_id == self._raised.trigger_id
            self._served, self._before, self.brought_by = new, left, self._raised if mine else None
        self.uptake.deployed(record["time"], now)
        return NOTHING if self.probation is None else self._begin(self.probation, record, before, changed, now)

    def _begin(
        self, probation: Probation, record: Mapping[str, Any], before: str | None, changed: int | None, now: int
    ) -> Notes:
        begins = record["status"] == "deployed"
        why_not = probation.deployed(changed, now, begins=begins)
        if not begins:
            return NOTHING
        version = record["model_version"]
        if why_not is not None:
            reason = f"version {version} is not on probation after {before or 'no version'}: {why_not}"
            return [Note("probation", "reference", reason)]
        reason = f"version {version} is compared with {before or 'the version before'} on its {probation.plan()}"
        if self._before is None:
            reason += f"; no deploy event has named {before}, so there would be no way back"
        return [Note("probation", "begun", reason)]

    def outcome(self, record: Mapping[str, Any], version: str | None) -> Notes:
        """An outcome of the version in service."""
        if self.probation is not None:
            self.probation.outcome(record)
        return self.uptake.seen(version)

    def look(self, version: str | None, now: int, *, decides: bool, halted: bool) -> Note | None:
        """How the probation ends, if it does: silently where another configuration decides; a halt lets it wait."""
        probation = self.probation
        if probation is None or not probation.on or (decides and halted):
            return None
        if probation.is_worse:
            note = self._back(probation, version)
        elif probation.is_over(now):
            reason = f"version {version} was not shown to be worse: {probation}"
            note = Note("confirmed", "probation", reason, puts=self._placing("confirmed", probation))
        else:
            return None
        probation.end()
        return note if decides else None

    def _back(self, probation: Probation, version: str | None) -> Note:
        reason = f"version {version} is worse than the one before: {probation}"
        if self._before is None:
            reason += "; it stays: no deploy event has named the one before, so nobody knows where it lies"
            return Note("worse", "no_way_back", reason)
        reason += f"; back to {self._before.version}"
        return Note("worse", "rollback", reason, puts=self._placing("rolled_back", probation))

    def _placing(self, status: Literal["confirmed", "rolled_back"], probation: Probation) -> Placing | None:
        served, before = self._served, self._before
        if served is None:
            return None
        to = before if status == "rolled_back" else served
        return Placing(
            status=status,
            version=to.version if to is not None else served.version,
            previous=served.version if status == "rolled_back" else None,
            artifact=to.artifact if to is not None and status == "rolled_back" else None,
            of=(served.version, served.since, self._number),
            trigger_id=self.brought_by.trigger_id if self.brought_by is not None else None,
            figures=probation.figures(),
        )


def _artifact(record: Mapping[str, Any]) -> Artifact | None:
    artifact = record.get("artifact")
    return None if artifact is None else (artifact["uri"], artifact.get("sha256"), artifact.get("bytes"))
