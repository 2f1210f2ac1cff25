"""What the models of one journal partition share: a part of the budget over all models, and incidents.

A model that would fire writes a claim into the journal. Every model of the partition counts each claim where it is
read back, and so holds the same copy of what is shared: a fold of the log, that a model which is rebuilt alone has too.
Granted or not follows from the copy alone, in one order for all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from streamproc.config.policies import Budget, Incidents
from streamproc.config.units import format_duration
from streamproc.events.base import format_time
from streamproc.policy.memory import TIME
from streamproc.stateful import FLAG, TEXT, Stateful, fields, mapping, optional, queue, row


class Shared(Stateful):
    """The copy that one model holds. Times are epoch ms of the journal."""

    FIELDS = fields(
        claiming=FLAG, _granted=queue(TIME), _recent=mapping(TEXT, TIME), _incident=optional(row(TEXT, TIME))
    )

    def __init__(self, budget: Budget | None, incidents: Incidents | None) -> None:
        """`budget`: this partition's share of it."""
        self._budget, self._incidents = budget, incidents
        self.reset()

    def reset(self) -> None:
        """Forget everything: the same as new."""
        self.claiming = False
        """A claim of this model is on its way through the journal."""
        self._granted: deque[int] = deque(maxlen=self._budget.triggers if self._budget is not None else 0)
        self._recent: dict[str, int] = {}
        """Model -> its newest claim, of those within the time that makes an incident."""
        self._incident: tuple[str, int] | None = None
        """Its id, and when it ends."""

    def refusal(self, now: int) -> str | None:
        """Why a claim cannot be made now, or would be refused."""
        if self.claiming:
            return "another trigger of this model is on its way"
        return self._refused(now)

    def _refused(self, now: int) -> str | None:
        if self._incident is not None and now < self._incident[1]:
            name, ends = self._incident
            return f"a storm of triggers, all part of incident {name} until {format_time(ends)}"
        if self._budget is not None and (reason := over_budget(self._budget, self._granted, now)) is not None:
            return f"of all models of this partition: {reason}"
        return None

    def claim(self, model_id: str, now: int, incident_id: str) -> tuple[str | None, str | None]:
        """Count a claim. Gives why it is refused, if it is; and what to say of an incident that begins with it."""
        refused = self._refused(now)
        if refused is not None:
            return refused, None
        if self._budget is not None:
            self._granted.append(now)
        return None, self._begins(model_id, now, incident_id) if self._incidents is not None else None

    def _begins(self, model_id: str, now: int, incident_id: str) -> str | None:
        """An incident begins with the model that makes them too many."""
        rule = self._incidents
        if rule is None:
            return None
        held = {model: time for model, time in self._recent.items() if time > now - rule.within}
        self._recent.clear()
        self._recent.update({**held, model_id: now})
        if len(self._recent) < rule.models:
            return None
        names = ", ".join(sorted(self._recent))
        self._recent.clear()
        self._incident = (incident_id, now + rule.lasts)
        return (
            f"{incident_id}: {rule.models} models fired within {format_duration(rule.within)} ({names}); "
            f"no other is retrained until {format_time(now + rule.lasts)}"
        )


def over_budget(budget: Budget, firings: Sequence[int], now: int) -> str | None:
    """Why the budget allows no trigger now; `firings`: times of the newest ones."""
    if not budget.triggers:
        return "the share of the budget is 0"
    within = [time for time in firings if time > now - budget.period]
    if len(within) < budget.triggers:
        return None
    again = format_time(within[-budget.triggers] + budget.period)
    return f"{len(within)} triggers in {format_duration(budget.period)}, the budget is {budget.triggers}: until {again}"


def share_of(budget: int, models: Mapping[int, int], partition: int) -> int:
    """How much of a budget a partition may spend; `models`: how many each partition has.

    Divided by largest remainder in proportion to the models, so that the shares add up to the budget: it is never
    exceeded. A partition may be left with none.
    """
    total = sum(models.values())
    exact = {p: budget * count / total for p, count in models.items()} if total else {}
    shares = {p: int(part) for p, part in exact.items()}
    left = budget - sum(shares.values())
    for p in sorted(exact, key=lambda p: (shares[p] - exact[p], p))[:left]:
        shares[p] += 1
    return shares.get(partition, 0)
