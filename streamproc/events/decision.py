"""Why a policy fired or did not, keyed by model_id: the append-only record of what was decided."""

from __future__ import annotations

from typing import Literal

from streamproc.events.base import Event, Id, Text, Time
from streamproc.events.trigger import Evidence, JournalPosition

Verdict = Literal[
    "fired",
    "suppressed",
    "would_fire",
    "vetoed",
    "armed",
    "disarmed",
    "cleared",
    "awaiting_approval",
    "denied",
    "expired",
    "incident",
    "judged",
    "revised",
    "lifecycle",
    "probation",
    "confirmed",
    "worse",
    "unacknowledged",
    "acknowledged",
    "paused",
    "resumed",
    "snoozed",
    "ignored",
]


class Decision(Event):
    """One decision, with the values it was made on."""

    decision_id: Id
    pipeline: str
    model_id: Id
    segment: str | None = None
    policy: str | None = None
    verdict: Verdict
    rule: str
    """The rule that decided: `condition`, `cooldown`, `min_outcomes`, `veto`, `paused`, ..."""
    reason: Text
    time: Time
    trigger_id: Id | None = None
    evidence: Evidence = Evidence()
    config_hash: str
    journal: JournalPosition
