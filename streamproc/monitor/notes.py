"""What a step of a model gives: something to be written down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from streamproc.events.decision import Verdict as Word
from streamproc.policy.guards import Cause
from streamproc.policy.watch import Verdict
from streamproc.stateful import TEXT, Kind, row

MANUAL = "manual"


class Note(NamedTuple):
    """A decision; with `fires` a trigger too; with `claims` a claim in the journal instead of both."""

    verdict: Word
    rule: str
    reason: str
    policy: str | None = None
    cause: str | None = None
    scheduled_time: int | None = None
    command_id: str | None = None
    segment: str | None = None
    trigger_id: str | None = None
    """The trigger that a decision is about, where it raises none itself."""
    claims: int | None = None
    """The number of the claim."""

    @property
    def fires(self) -> bool:
        return self.verdict == "fired" and self.claims is None


Notes = Sequence[Note]
NOTHING: Notes = ()


def noted(verdict: Verdict, segment: str | None) -> Note:
    """What a policy says, of the whole model or of one of its segments."""
    word, policy, cause, rule, reason, due = verdict
    return Note(word, rule, reason, policy, cause, due, segment=segment)


def asked(reason: str, command_id: str) -> Note:
    """A trigger that a person wants."""
    return Note("fired", MANUAL, reason, MANUAL, MANUAL, command_id=command_id)


_REASON_AND_ID = row(TEXT, TEXT)
ASKED = Kind(
    lambda note: _REASON_AND_ID.give((note.reason, note.command_id)),
    lambda plain, _: asked(*_REASON_AND_ID.take(plain, None)),
)
"""How `asked` is written down."""

__all__ = ["ASKED", "MANUAL", "NOTHING", "Cause", "Note", "Notes", "asked", "noted"]
