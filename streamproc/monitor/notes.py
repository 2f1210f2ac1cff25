"""What a step of a model gives: something to be written down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from streamproc.events.decision import Verdict as Word
from streamproc.policy.guards import Cause
from streamproc.policy.watch import Verdict
from streamproc.stateful import TEXT, Kind, row

MANUAL = "manual"


Artifact = tuple[str, str | None, int | None]
"""Where a model lies: uri, sha256, bytes."""


class Placing(NamedTuple):
    """A deploy event that follows from a probation."""

    status: Literal["confirmed", "rolled_back"]
    version: str
    previous: str | None
    artifact: Artifact | None
    of: tuple[str, int, int]
    """What was on probation: version, the time (epoch ms) of its deploy event, and the number of that deploy."""
    trigger_id: str | None
    figures: tuple[tuple[str, float], ...]


class Note(NamedTuple):
    """A decision; with `fires` a trigger too, with `puts` a deploy event; with `claims` only a claim in the journal."""

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
    puts: Placing | None = None

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

__all__ = ["ASKED", "MANUAL", "NOTHING", "Artifact", "Cause", "Note", "Notes", "Placing", "asked", "noted"]
