"""What keeps a policy from firing although its condition holds: an ordered table of rules.

Each rule looks at the situation and answers why not, in a sentence, or None. The first that answers decides.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from streamproc.config.model import Budget, Policy
from streamproc.config.units import format_duration
from streamproc.events.base import LATEST_MS, format_time
from streamproc.policy.calendar import Calendar
from streamproc.policy.lifecycle import State
from streamproc.policy.memory import TIME, Memory
from streamproc.policy.shared import Shared, over_budget
from streamproc.stateful import FLAG, choice, fields, queue

Cause = Literal["condition", "schedule"]
Getter = Callable[[], "float | bool | None"]


@dataclass(slots=True)
class Situation:
    """All of a model that guards look at; times are epoch ms of the journal."""

    now: int
    state: State
    paused: bool = False
    snoozed_until: int = 0
    firings: deque[int] = field(default_factory=lambda: deque(maxlen=0))
    """The model's newest triggers, as many as its budget has, those by hand included."""


SITUATION = fields(now=TIME, state=choice(State), paused=FLAG, snoozed_until=TIME, firings=queue(TIME))
"""How it is written down; it has a `state` of its own."""


class Inquiry(NamedTuple):
    """May this policy fire now?"""

    policy: Policy
    at: Situation
    cause: Cause
    memory: Memory
    outcomes: int
    """Of the version in service since its deploy; of a policy for segments, of the segment."""
    budget: Budget | None
    shared: Shared | None
    calendar: Calendar
    coverage: Getter | None
    vetoes: Getter | None
    vetoed_by: str


def _paused(q: Inquiry) -> str | None:
    return "the model is paused" if q.at.paused else None


def _snoozed(q: Inquiry) -> str | None:
    return f"snoozed until {format_time(q.at.snoozed_until)}" if q.at.now < q.at.snoozed_until else None


def _lifecycle(q: Inquiry) -> str | None:
    return None if q.at.state is State.WATCHING else f"the model is {q.at.state.value.replace('_', ' ')}"


def _excluded(q: Inquiry) -> str | None:
    return q.calendar.excluded(q.at.now)


def _armed(q: Inquiry) -> str | None:
    if q.policy.arm is None or q.cause == "schedule" or q.at.now < q.memory.armed_until:
        return None
    return f"not armed: {q.policy.arm} has not been true in the last {format_duration(q.policy.armed_for)}"


def _hold(q: Inquiry) -> str | None:
    since = q.memory.held_since
    if q.cause == "schedule" or since is None:
        return None
    if q.at.now < since + q.policy.hold_for:
        return f"true since {format_time(since)}, it must hold for {format_duration(q.policy.hold_for)}"
    held = q.outcomes - q.memory.held_from
    if held < q.policy.hold_outcomes:
        return f"true for {held} outcomes, it must hold for {q.policy.hold_outcomes}"
    return None


def _latched(q: Inquiry) -> str | None:
    if not q.memory.latched or q.cause == "schedule":
        return None
    return f"has fired, and not been clear since: {q.policy.clear}"


def _awaiting(q: Inquiry) -> str | None:
    if q.memory.awaiting is not None:
        return f"awaiting approval until {format_time(q.memory.awaiting[1])}"
    if q.memory.spent and q.cause == "condition":
        return "already told: the condition must end first"
    return None


def wait_of(policy: Policy, setbacks: int) -> int:
    """The cooldown after so many triggers in a row that came to nothing: doubled by each but the first."""
    longest = max(policy.cooldown, policy.max_cooldown)
    return min(policy.cooldown << min(max(setbacks - 1, 0), _DOUBLINGS), longest)


_DOUBLINGS = 40
"""More are longer than any time."""


def _cooldown(q: Inquiry) -> str | None:
    memory, cooldown = q.memory, q.policy.cooldown
    last, setbacks = memory.last_fired, memory.setbacks if q.cause == "condition" else 0
    after_setbacks = wait_of(q.policy, setbacks)
    wait = after_setbacks << memory.doublings
    if last is None or q.at.now >= last + wait:
        return None
    why = f" after {setbacks} triggers that came to nothing" if after_setbacks > cooldown else ""
    why += f", doubled after {memory.doublings} rollbacks" if memory.doublings else ""
    return f"cooling down until {format_time(min(last + wait, LATEST_MS))} ({format_duration(wait)}{why})"


def _budget(q: Inquiry) -> str | None:
    return None if q.budget is None else over_budget(q.budget, _firings(q), q.at.now)


def _firings(q: Inquiry) -> Sequence[int]:
    return q.memory.firings if q.policy.dry_run else q.at.firings


def _shared(q: Inquiry) -> str | None:
    return q.shared.refusal(q.at.now) if q.shared is not None and not q.policy.dry_run else None


def _min_outcomes(q: Inquiry) -> str | None:
    if q.outcomes >= q.policy.min_outcomes:
        return None
    return f"{q.outcomes} outcomes since the deploy, {q.policy.min_outcomes} are needed"


def _label_coverage(q: Inquiry) -> str | None:
    least = q.policy.min_label_coverage
    if least is None:
        return None
    share = q.coverage() if q.coverage is not None else None
    if share is None:
        return f"label coverage is not known yet, {least:g} is needed"
    return None if share >= least else f"label coverage is {share:.3g}, {least:g} is needed"


def _veto(q: Inquiry) -> str | None:
    return f"do not retrain: {q.vetoed_by}" if q.vetoes is not None and q.vetoes() is True else None


VETO = "veto"
"""The last rule: what it stops would have fired, and is told as an incident."""
Rule = Callable[[Inquiry], str | None]
RULES: tuple[tuple[str, Rule], ...] = (
    ("paused", _paused),
    ("snoozed", _snoozed),
    ("lifecycle", _lifecycle),
    ("excluded", _excluded),
    ("arm", _armed),
    ("hold", _hold),
    ("latched", _latched),
    ("awaiting", _awaiting),
    ("cooldown", _cooldown),
    ("budget", _budget),
    ("min_outcomes", _min_outcomes),
    ("label_coverage", _label_coverage),
    ("shared", _shared),
    (VETO, _veto),
)


def blocked_by(inquiry: Inquiry) -> tuple[str, str] | None:
    """(rule, reason) of the first guard that says no, or None."""
    for name, rule in RULES:
        reason = rule(inquiry)
        if reason is not None:
            return name, reason
    return None
