"""One model's part in what it shares with the others of its partition: the claim it has made, and its copy."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from streamproc.config.policies import Budget, Incidents
from streamproc.monitor.notes import Note
from streamproc.policy.shared import Shared
from streamproc.stateful import COUNT, PART, TEXT, Kind, Stateful, fields, optional, require, row


@dataclass(frozen=True, slots=True)
class SharingRules:
    """What the models of a partition share."""

    budget: Budget | None
    """The partition's share of the budget."""
    incidents: Incidents | None

    def hash_of(self, config_hash: str) -> str:
        """The hash of a model's configuration together with this: it decides about triggers too."""
        parts = [part.model_dump(mode="json") if part is not None else None for part in (self.budget, self.incidents)]
        return hashlib.sha256(config_hash.encode() + orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


_CLAIM = row(TEXT, TEXT, TEXT, TEXT, optional(COUNT), optional(TEXT))
_PENDING = Kind(
    lambda note: _CLAIM.give((note.rule, note.reason, note.policy, note.cause, note.scheduled_time, note.segment)),
    lambda plain, _: Note(
        **dict(
            zip(
                ("rule", "reason", "policy", "cause", "scheduled_time", "segment"),
                _CLAIM.take(plain, None),
                strict=True,
            )
        ),
        verdict="fired",
    ),
)


class Sharing(Stateful):
    """A claim is on its way through the journal, or none; and how many there were."""

    FIELDS = fields(shared=PART, _pending=optional(_PENDING), _number=COUNT)

    def __init__(self, model_id: str, rules: SharingRules) -> None:
        self._model_id = model_id
        self.shared = Shared(rules.budget, rules.incidents)
        self.reset()

    def reset(self) -> None:
        """Forget everything: the same as new."""
        self.shared.reset()
        self._pending: Note | None = None
        self._number = 0

    def _settle(self) -> None:
        require(
            self.shared.claiming is (self._pending is not None), "a claim without a note, or a note without a claim"
        )

    def withdraw(self) -> None:
        """A new version is in service: what was claimed for the old one is of no use."""
        self._pending, self.shared.claiming = None, False

    def claim(self, note: Note) -> Note:
        """Claim the trigger of a note. While a claim is on its way the guard `shared` lets no policy fire."""
        self._pending, self.shared.claiming = note, True
        self._number += 1
        return note._replace(claims=self._number)

    def claimed(self, record: Mapping[str, Any], incident_id: str, now: int) -> tuple[Note | None, Note | None]:
        """Count a claim of any model. For the own one: the note that follows, and that of an incident it begins."""
        refused, incident = self.shared.claim(record["model_id"], now, incident_id)
        pending = self._pending
        if record["model_id"] != self._model_id or record["number"] != self._number or pending is None:
            return None, None
        self._pending, self.shared.claiming = None, False
        if refused is not None:
            return pending._replace(verdict="suppressed", rule="shared", reason=f"{pending.reason}: {refused}"), None
        return pending, Note("incident", "storm", incident) if incident is not None else None
