"""Which frames a proxy holds, drops or resets, and which pass."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from tests.chaos.frames import Request


class Side(StrEnum):
    """Which of the two frames of an exchange."""

    REQUEST = "request"
    """The broker never hears of it, or late."""
    RESPONSE = "response"
    """The broker has done it; the client never hears of it, or late."""


class Action(StrEnum):
    """What becomes of a frame."""

    HOLD = "hold"
    """It comes late, and what follows on the connection after it."""
    DROP = "drop"
    """It never comes; the connection lives."""
    RESET = "reset"
    """It never comes, and the connection breaks."""


@dataclass(eq=False)
class Rule:
    """Catches frames of these requests, until `count` were caught, `seconds` have passed, or it is released."""

    apis: frozenset[int]
    """Empty: of all requests."""
    side: Side
    action: Action
    client: str = ""
    """Only of clients whose id begins so."""
    count: int = 1
    seconds: float = 60.0
    """How long it catches; also how long it holds what it has caught, counted from its beginning."""
    caught: int = 0
    _began: float = field(default_factory=time.monotonic)
    _met: threading.Event = field(default_factory=threading.Event)
    _released: bool = False

    @property
    def is_over(self) -> bool:
        """Whether what it holds may go on."""
        return self._released or time.monotonic() - self._began >= self.seconds

    def release(self) -> None:
        """Catch nothing more, and let go of what is held."""
        self._released = True

    def catches(self, request: Request, side: Side) -> bool:
        """Whether this frame is one; counts it."""
        if (
            side is not self.side
            or self.is_over
            or self.caught >= self.count
            or (self.apis and request.api not in self.apis)
            or not request.client.startswith(self.client)
        ):
            return False
        self.caught += 1
        self._met.set()
        return True

    def wait_until_met(self, seconds: float) -> bool:
        """Wait for the first frame; whether one came."""
        return self._met.wait(seconds)


class Rules:
    """All rules of a cluster's proxies. Changed by the test's thread, read by the proxies'."""

    def __init__(self) -> None:
        self._rules: tuple[Rule, ...] = ()

    def add(self, apis: Iterable[int], side: Side, action: Action, **more: object) -> Rule:
        """A new rule; `more` as in `Rule`."""
        rule = Rule(frozenset(apis), side, action, **more)  # type: ignore[arg-type] # a field's name and value each
        self._rules = (*(r for r in self._rules if not r.is_over), rule)
        return rule

    def clear(self) -> None:
        """Nothing is caught any more, everything held is let go."""
        for rule in self._rules:
            rule.release()
        self._rules = ()

    def of(self, request: Request, side: Side) -> Rule | None:
        """The rule that catches this frame."""
        return next((rule for rule in self._rules if rule.catches(request, side)), None)
