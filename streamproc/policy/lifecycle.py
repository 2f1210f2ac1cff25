"""What a model is going through, as a table. Policies fire only while it is `watching`.

Rules:
- one retrain per model at a time: between `fired` and its end, everything else that would fire is suppressed;
- whoever deploys, streamproc's worker or the user's own pipeline, starts a new watch;
- a version that turns out worse is rolled back whatever else goes on; until that is in the journal, nothing fires;
- a retrain goes on through failed attempts, waits and changes of worker, to its final event or the monitor's timeout;
- an event that the table does not have for the state changes nothing.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a model is in the loop."""

    WATCHING = "watching"
    TRIGGERED = "triggered"
    RETRAINING = "retraining"
    DEPLOYED = "deployed"
    WARMING_UP = "warming_up"
    ROLLING_BACK = "rolling_back"


class Happening(StrEnum):
    """What moves it on."""

    FIRED = "fired"
    STARTED = "started"
    ATTEMPT_FAILED = "attempt_failed"
    """There will be another."""
    GIVEN_BACK = "given_back"
    """The worker stops in the midst of it; another one starts it again."""
    WAITING = "waiting"
    """Too few rows to judge by; it is looked at again."""
    REJECTED = "rejected"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    """Another trigger is answered in its place."""
    TIMED_OUT = "timed_out"
    DEPLOYED = "deployed"
    ROLLED_BACK = "rolled_back"
    ACKNOWLEDGED = "acknowledged"
    """The first outcome of the new version."""
    WARMED_UP = "warmed_up"
    """Enough outcomes of the new version to judge it."""
    WORSE = "worse"
    """The version on probation: a rollback is on its way through the deploys topic."""


S, H = State, Happening
TRANSITIONS: dict[tuple[State, Happening], State] = {
    (S.WATCHING, H.FIRED): S.TRIGGERED,
    (S.WATCHING, H.STARTED): S.RETRAINING,
    (S.TRIGGERED, H.STARTED): S.RETRAINING,
    (S.RETRAINING, H.STARTED): S.RETRAINING,
    (S.RETRAINING, H.ATTEMPT_FAILED): S.RETRAINING,
    (S.RETRAINING, H.GIVEN_BACK): S.RETRAINING,
    (S.RETRAINING, H.WAITING): S.RETRAINING,
    (S.TRIGGERED, H.REJECTED): S.WATCHING,
    (S.RETRAINING, H.REJECTED): S.WATCHING,
    (S.TRIGGERED, H.FAILED): S.WATCHING,
    (S.RETRAINING, H.FAILED): S.WATCHING,
    (S.TRIGGERED, H.SUPERSEDED): S.WATCHING,
    (S.RETRAINING, H.SUPERSEDED): S.WATCHING,
    (S.TRIGGERED, H.TIMED_OUT): S.WATCHING,
    (S.RETRAINING, H.TIMED_OUT): S.WATCHING,
    **{(state, happening): S.DEPLOYED for state in S for happening in (H.DEPLOYED, H.ROLLED_BACK)},
    (S.DEPLOYED, H.ACKNOWLEDGED): S.WARMING_UP,
    (S.DEPLOYED, H.WARMED_UP): S.WATCHING,
    (S.WARMING_UP, H.WARMED_UP): S.WATCHING,
    **{(state, H.WORSE): S.ROLLING_BACK for state in S if state is not S.ROLLING_BACK},
    (S.ROLLING_BACK, H.TIMED_OUT): S.WATCHING,
}


CAME_TO_NOTHING = frozenset({H.REJECTED, H.FAILED, H.TIMED_OUT})
"""Ends of a retrain that leave the old version in service, and the evidence against it unanswered."""


def step(state: State, happening: Happening) -> State | None:
    """The next state, or None where the happening means nothing in this state."""
    return TRANSITIONS.get((state, happening))


def mermaid() -> str:
    """The table as a Mermaid state diagram, for the documentation."""
    merged: dict[tuple[State, State], list[str]] = {}
    for (state, happening), target in TRANSITIONS.items():
        merged.setdefault((state, target), []).append(happening.value)
    arrows = [f"    {a} --> {b}: {', '.join(names)}" for (a, b), names in merged.items()]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {S.WATCHING}", *arrows])
