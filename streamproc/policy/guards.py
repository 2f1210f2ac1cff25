"""What keeps a policy from firing although its condition holds: an ordered table of rules.

Each rule looks at the situation and answers why not, or None. The first that answers decides. An answer is a sentence
that is put together when somebody asks for it: a policy that is blocked is so at many outcomes, and says it once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from streamproc.config.policies import Budget, Policy
from streamproc.config.units import doubled, format_duration
from streamproc.events.base import LATEST_MS, format_time
from streamproc.policy.calendar import Calendar
from streamproc.policy.lifecycle import State
from streamproc.policy.memory import TIME, Memory
from streamproc.policy.shared import Shared, over_budget
from streamproc.stateful import FLAG, choice, fields, queue

Cause = Literal["condition", "schedule"]
Getter = Callable[[], "float | bool | None"]
Why = Callable[[], str]
_WATCHING = State.WATCHING  # an enumeration takes its time to name a member


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


@dataclass(slots=True)
class Inquiry:
    """May this policy fire now? Made once for each policy; `at` and `cause` are of the moment."""

    policy: Policy
    at: Situation
    cause: Cause
    memory: Memory
    outcomes: Callable[[], int]
    """Of the version in service since its deploy; of a policy for segments, of the segment."""
    budget: Budget | None
    shared: Shared | None
    calendar: Calendar
    coverage: Getter | None
    vetoes: Getter | None
    vetoed_by: str


def _paused(q: Inquiry) -> Why | None:
    return (lambda: "the model is paused") if q.at.paused else None


def _snoozed(q: Inquiry) -> Why | None:
    until = q.at.snoozed_until
    return (lambda: f"snoozed until {format_time(until)}") if q.at.now < until else None


def _lifecycle(q: Inquiry) -> Why | None:
    state = q.at.state
    return None if state is _WATCHING else lambda: f"the model is {state.value.replace('_', ' ')}"


def _excluded(q: Inquiry) -> Why | None:
    return _as_told(q.calendar.excluded(q.at.now))


def _armed(q: Inquiry) -> Why | None:
    policy = q.policy
    if policy.arm is None or q.cause == "schedule" or q.at.now < q.memory.armed_until:
        return None
    return lambda: f"not armed: {policy.arm} has not been true in the last {format_duration(policy.armed_for)}"


def _hold(q: Inquiry) -> Why | None:
    since, policy = q.memory.held_since, q.policy
    if q.cause == "schedule" or since is None:
        return None
    if q.at.now < since + policy.hold_for:
        return lambda: f"true since {format_time(since)}, it must hold for {format_duration(policy.hold_for)}"
    held = q.outcomes() - q.memory.held_from
    if held < policy.hold_outcomes:
        return lambda: f"true for {held} outcomes, it must hold for {policy.hold_outcomes}"
    return None


def _latched(q: Inquiry) -> Why | None:
    policy = q.policy
    if not q.memory.latched or q.cause == "schedule":
        return None
    return lambda: f"has fired, and not been clear since: {policy.clear}"


def _awaiting(q: Inquiry) -> Why | None:
    awaiting = q.memory.awaiting
    if awaiting is not None:
        return lambda: f"awaiting approval until {format_time(awaiting[1])}"
    if q.memory.spent and q.cause == "condition":
        return lambda: "already told: the condition must end first"
    return None


def wait_of(policy: Policy, setbacks: int) -> int:
    """The cooldown after so many triggers in a row that came to nothing: doubled by each but the first."""
    longest = max(policy.cooldown, policy.max_cooldown)
    return doubled(policy.cooldown, max(setbacks - 1, 0), longest)


def _cooldown(q: Inquiry) -> Why | None:
    memory, cooldown = q.memory, q.policy.cooldown
    last, doublings = memory.last_fired, memory.doublings
    if last is None:
        return None
    setbacks = memory.setbacks if q.cause == "condition" else 0
    after_setbacks = wait_of(q.policy, setbacks)
    wait = after_setbacks << doublings
    if q.at.now >= last + wait:
        return None

    def why() -> str:
        reasons = f" after {setbacks} triggers that came to nothing" if after_setbacks > cooldown else ""
        reasons += f", doubled after {doublings} rollbacks" if doublings else ""
        return f"cooling down until {format_time(min(last + wait, LATEST_MS))} ({format_duration(wait)}{reasons})"

    return why


def _budget(q: Inquiry) -> Why | None:
    return None if q.budget is None else _as_told(over_budget(q.budget, _firings(q), q.at.now))


def _firings(q: Inquiry) -> Sequence[int]:
    return q.memory.firings if q.policy.dry_run else q.at.firings


def _shared(q: Inquiry) -> Why | None:
    return None if q.shared is None or q.policy.dry_run else _as_told(q.shared.refusal(q.at.now))


def _min_outcomes(q: Inquiry) -> Why | None:
    outcomes, least = q.outcomes(), q.policy.min_outcomes
    return None if outcomes >= least else lambda: f"{outcomes} outcomes since the deploy, {least} are needed"


def _label_coverage(q: Inquiry) -> Why | None:
    least = q.policy.min_label_coverage
    if least is None:
        return None
    share = q.coverage() if q.coverage is not None else None
    if share is None:
        return lambda: f"label coverage is not known yet, {least:g} is needed"
    return None if share >= least else lambda: f"label coverage is {share:.3g}, {least:g} is needed"


def _veto(q: Inquiry) -> Why | None:
    vetoed_by = q.vetoed_by
    return (lambda: f"do not retrain: {vetoed_by}") if q.vetoes is not None and q.vetoes() is True else None


def _as_told(reason: str | None) -> Why | None:
    return None if reason is None else lambda: reason


VETO = "veto"
"""The last rule: what it stops would have fired, and is told as an incident."""
Rule = Callable[[Inquiry], Why | None]
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


def blocked_by(inquiry: Inquiry) -> tuple[str, Why] | None:
    """(rule, why) of the first guard that says no, or None."""
    for name, rule in RULES:
        why = rule(inquiry)
        if why is not None:
            return name, why
    return None
