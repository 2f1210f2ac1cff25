"""What people ask of one model: to retrain it now, to halt its policies, to release what a policy asks approval for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from streamproc.monitor.course import Course
from streamproc.monitor.notes import MANUAL, Note, Notes, noted
from streamproc.monitor.scope import Scope
from streamproc.policy.guards import Situation


def halted(at: Situation, record: Mapping[str, Any], reason: str) -> Note:
    """Pause, resume or snooze."""
    match record["command"]:
        case "pause":
            at.paused = True
            return Note("paused", "command", reason)
        case "resume":
            at.paused, at.snoozed_until = False, 0
            return Note("resumed", "command", reason)
        case "snooze":
            at.snoozed_until = record["until"]
            return Note("snoozed", "command", reason)
        case other:
            return Note("ignored", "command", f"{other}: this version of streamproc does not know what it means")


def manually(course: Course, manual: Note) -> Note:
    """A trigger by hand: only a retrain that is under way stops it."""
    if course.waits_for_a_retrain:
        reason = f"{manual.reason}: the model is already {course.situation.state}"
        return Note("suppressed", "lifecycle", reason, MANUAL)
    course.fire()
    return manual


def answered(course: Course, scopes: Iterator[Scope], record: Mapping[str, Any]) -> Notes:
    """Approve or deny what one of the policies awaits; a yes stays open while a retrain is under way."""
    request, command_id, approved = record["request"], record["command_id"], record["command"] == "approve"
    word = "approved" if approved else "denied"
    for scope in scopes:
        for watch in scope.policies.values():
            if watch.memory.awaiting is None or watch.memory.awaiting[0] != request:
                continue
            if approved and course.waits_for_a_retrain:
                reason = f"{word} by {command_id}, but the model is already {course.situation.state}"
                return [Note("suppressed", "lifecycle", reason, watch.policy.name, segment=scope.segment)]
            why = f"{word} by {command_id}" + (f" ({record['reason']})" if record.get("reason") else "")
            verdicts = watch.answered(course.situation, request, why, approved=approved)
            if approved and verdicts:
                course.fire()
            return [noted(verdict, scope.segment)._replace(command_id=command_id) for verdict in verdicts]
    return [Note("ignored", "approval", f"{word} by {command_id}: nothing awaits approval under {request}")]
