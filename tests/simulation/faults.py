"""What may befall a process, and at which points of the loop."""

from __future__ import annotations

import random
from enum import StrEnum
from typing import Protocol


class Crash(BaseException):
    """The process is killed here. No StreamprocError: nothing may catch it."""


class Fault(StrEnum):
    """What happens at a point."""

    CRASH = "crash"
    """Killed; a successor starts with the same slot."""
    FREEZE = "freeze"
    """Stopped for longer than the session, heartbeats too, then going on as if nothing had been: a zombie."""
    HANG = "hang"
    """The loop stands still for longer than max.poll.interval.ms, heartbeats go on."""
    REPLACE = "replace"
    """Frozen, and a successor with the same slot starts meanwhile."""
    STRAY = "stray"
    """A request to join that the process sent long ago arrives only now: its member takes the place of the slot's."""
    OUTAGE = "outage"
    """No broker answers for a while."""
    CLOCK = "clock"
    """The machine's clock is set."""


class Answer(StrEnum):
    """What becomes of an EndTxn request."""

    GIVEN = "given"
    LOST = "lost"
    """Carried out, but the client never hears of it."""
    UNHEARD = "unheard"
    """It never arrives."""
    LATE = "late"
    """It arrives when the client has long given up."""


POINTS: tuple[str, ...] = (
    "init",
    "consume",
    "consumed",
    "assign",
    "revoke",
    "lost",
    "committed",
    "history",
    "begin",
    "send",
    "commit",
    "offsets",
    "end",
    "ended",
    "abort",
    "settle",
    "settled",
)
"""Where the model asks what befalls the process; `commit`, `offsets`, `end`, `ended` are the steps of one commit.

Before and after what was committed is written to the process's own disk: `settle`, `settled`.
"""


class Faults(Protocol):
    """Decides."""

    def at(self, point: str) -> Fault | None:
        """What befalls the process that has come to this point."""
        ...

    def answer(self) -> Answer:
        """What becomes of the EndTxn that is sent now."""
        ...


class NoFaults:
    """Fair weather."""

    def at(self, point: str) -> Fault | None:
        return None

    def answer(self) -> Answer:
        return Answer.GIVEN


WEIGHTS = {
    Fault.CRASH: 8,
    Fault.FREEZE: 4,
    Fault.HANG: 2,
    Fault.REPLACE: 3,
    Fault.STRAY: 2,
    Fault.OUTAGE: 2,
    Fault.CLOCK: 3,
}
DENSITY = {
    "consume": 0.3,
    "consumed": 0.3,
    "send": 0.1,
    "history": 2,
    "committed": 2,
    "offsets": 2,
    "end": 2,
    "ended": 2,
    "assign": 4,
    "revoke": 4,
    "lost": 4,
    "abort": 4,
}
"""How much likelier than elsewhere a fault is at a point."""


class RandomFaults:
    """Anything, anywhere."""

    def __init__(self, rng: random.Random, rate: float) -> None:
        self._rng, self._rate = rng, rate
        self._faults, self._shares = list(WEIGHTS), list(WEIGHTS.values())

    def at(self, point: str) -> Fault | None:
        if self._rng.random() >= self._rate * DENSITY.get(point, 1):
            return None
        return self._rng.choices(self._faults, self._shares)[0]

    def answer(self) -> Answer:
        if self._rng.random() >= self._rate:
            return Answer.GIVEN
        return self._rng.choice((Answer.LOST, Answer.UNHEARD, Answer.LATE))


class PlannedFaults:
    """Each fault once, in their order: at the given visit to its point, counted from the fault before."""

    def __init__(self, *plan: tuple[str, int, Fault | Answer]) -> None:
        self._plan = list(plan)
        self._visits = 0

    @property
    def is_done(self) -> bool:
        """Whether all of them have happened."""
        return not self._plan

    def at(self, point: str) -> Fault | None:
        fault = self._next(point, Fault)
        return fault if isinstance(fault, Fault) else None

    def answer(self) -> Answer:
        answer = self._next("end", Answer)
        return answer if isinstance(answer, Answer) else Answer.GIVEN

    def _next(self, point: str, kind: type) -> Fault | Answer | None:
        if not self._plan or self._plan[0][0] != point or not isinstance(self._plan[0][2], kind):
            return None
        self._visits += 1
        if self._visits < self._plan[0][1]:
            return None
        self._visits = 0
        return self._plan.pop(0)[2]
