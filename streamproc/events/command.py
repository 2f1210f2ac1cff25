"""What a person or a CI job asks for, keyed by model_id."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from streamproc.events.base import Event, Id, Text, Time


class Command(Event):
    """Trigger now, pause, resume, or snooze one model; or answer what one of its policies asks approval for."""

    command_id: Id
    """Sent twice with one id, it is carried out once."""
    model_id: Id
    command: Literal["trigger", "pause", "resume", "snooze", "approve", "deny"]
    time: Time
    reason: Text | None = None
    until: Time | None = None
    """Snooze: no trigger before this time."""
    request: Id | None = None
    """Approve and deny: the id of the decision `awaiting_approval`."""

    @model_validator(mode="after")
    def _snooze_has_an_end(self) -> Command:
        if self.command == "snooze" and self.until is None:
            raise ValueError("snooze needs `until`")
        return self

    @model_validator(mode="after")
    def _answer_has_a_request(self) -> Command:
        if self.command in ("approve", "deny") and self.request is None:
            raise ValueError(f"{self.command} needs `request`, the id of the decision that asks for approval")
        return self
