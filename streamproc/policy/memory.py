"""What a policy remembers of what it has done and seen."""

from __future__ import annotations

from collections import deque

from streamproc.config.policies import Budget, Policy
from streamproc.events.base import LATEST_MS
from streamproc.stateful import COUNT, FLAG, TEXT, Stateful, fields, optional, queue, row, whole

TIME = whole(0, LATEST_MS)
MOST_DOUBLINGS = 6
"""Of a cooldown: 64 times as long."""


class Memory(Stateful):
    """Times are epoch ms of the journal."""

    FIELDS = fields(
        last_fired=optional(TIME),
        doublings=whole(0, MOST_DOUBLINGS),
        told=optional(TEXT),
        held_since=optional(TIME),
        held_from=COUNT,
        armed_until=TIME,
        latched=FLAG,
        spent=FLAG,
        open_trigger=optional(TEXT),
        setbacks=COUNT,
        awaiting=optional(row(TEXT, TIME, TEXT)),
        firings=queue(TIME),
    )

    def __init__(self, policy: Policy, budget: Budget | None) -> None:
        self._size = budget.triggers if budget is not None and policy.dry_run else 0
        self.reset()

    def reset(self) -> None:
        """Forget what happened: the same as new."""
        self.last_fired: int | None = None
        """This policy's last trigger, dry ones and requests for approval included; or the rollback that followed it."""
        self.doublings = 0
        """Of the cooldown: rollbacks in a row of what its triggers led to."""
        self.firings: deque[int] = deque(maxlen=self._size)
        """The newest triggers of a dry run, as many as the budget has."""
        self.forget()

    def in_vain(self, now: int) -> None:
        """What its trigger led to was rolled back at `now`: the cooldown begins anew, twice as long."""
        self.last_fired, self.doublings = now, min(self.doublings + 1, MOST_DOUBLINGS)

    def forget(self) -> None:
        """A new version is in service: what was seen of the old one counts no more."""
        self.told: str | None = None
        """The rule that last blocked it: each blocking is told once, until it changes."""
        self.held_since: int | None = None
        """Since when the condition has been true."""
        self.held_from = 0
        """Outcomes at that moment."""
        self.armed_until = 0
        self.latched = False
        """It has fired, and `clear` has not been true since."""
        self.spent = False
        """A dry run or a refused request has used this spell of a true condition."""
        self.open_trigger: str | None = None
        """The id of the trigger that its condition raised, until that has come to an end."""
        self.setbacks = 0
        """How many of its triggers came to nothing, one after another."""
        self.awaiting: tuple[str, int, str] | None = None
        """The id of the request for approval, when it expires, and what caused it."""
