"""One policy at work on one model: conditions or schedule, guards, and the memory that it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from streamproc.config.policies import Budget, Policy
from streamproc.events.base import format_time
from streamproc.events.decision import Verdict as Word
from streamproc.policy.calendar import Calendar
from streamproc.policy.condition import Condition, compile_condition
from streamproc.policy.guards import VETO, Cause, Getter, Inquiry, Situation, blocked_by, wait_of
from streamproc.policy.lifecycle import State
from streamproc.policy.memory import Memory
from streamproc.policy.quantity import Quantity
from streamproc.policy.schedule import Schedule
from streamproc.policy.shared import Shared
from streamproc.stateful import PART, Stateful, fields

COVERAGE = "label_coverage"
"""The quantity that `min_label_coverage` asks for."""


class Verdict(NamedTuple):
    """What a policy says at one record of the journal, with the rule that decided."""

    word: Word
    policy: str
    cause: Cause
    rule: str
    reason: str
    scheduled_time: int | None = None

    @property
    def fires(self) -> bool:
        return self.word == "fired"


Verdicts = Sequence[Verdict]
SILENCE: Verdicts = ()


class PolicyWatch(Stateful):
    """State: what it remembers. `conditions` are all that it looks at, by the setting that holds them."""

    FIELDS = fields(memory=PART)

    def __init__(
        self, policy: Policy, known: Mapping[str, Quantity], budget: Budget | None = None, shared: Shared | None = None
    ) -> None:
        """`budget`: the model's; `shared`: what it shares with others. Raises ConditionError, ScheduleError."""
        self.policy = policy
        self.conditions: dict[str, Condition] = {
            name: compile_condition(text, known, policy.parameters) for name, text in policy.conditions.items()
        }
        self.condition = self.conditions.get("condition")
        named = [name for condition in self.conditions.values() for name in condition.names]
        gated = [COVERAGE] if policy.min_label_coverage is not None else []
        self.names = tuple(dict.fromkeys(named + gated))
        """Every quantity that it looks at, in order of first use."""
        cron = policy.schedule
        self.schedule = Schedule.parse(cron.cron, cron.time_zone) if cron is not None else None
        self._said = {
            "condition": self.condition.text if self.condition is not None else "",
            "schedule": f"scheduled: {cron.cron} ({cron.time_zone})" if cron is not None else "",
        }
        asks_more = policy.hold_for or policy.hold_outcomes or policy.dry_run or policy.approval == "required"
        self._is_plain = not asks_more and self.conditions.keys() <= {"condition"}
        self.memory = Memory(policy, budget)
        self._bound: dict[str, Callable[[], bool | None]] = {}
        self._holds: Callable[[], bool | None] | None = None
        vetoed_by = self.conditions[VETO].text if VETO in self.conditions else ""
        self._inquiry = Inquiry(
            policy, Situation(0, State.WATCHING), "condition", self.memory, int, budget, shared,
            Calendar.of(policy.exclude), None, None, vetoed_by,
        )  # fmt: skip

    def reset(self) -> None:
        """Forget what happened: the same as new."""
        self.memory.reset()

    def bind(self, getters: Mapping[str, Getter], outcomes: Callable[[], int]) -> None:
        """A version is in service: read values from these getters, and forget what was seen of the one before."""
        self.memory.forget()
        self._bound = {name: condition.bind(getters) for name, condition in self.conditions.items()}
        self._holds = self._bound.get("condition")
        asked = self._inquiry
        asked.outcomes, asked.coverage, asked.vetoes = outcomes, getters.get(COVERAGE), self._bound.get(VETO)

    def look(self, at: Situation) -> Verdicts:
        """Called after every record that may change a value. Empty: nothing new to say."""
        if self._is_plain:
            if self._holds is None or self._holds() is not True:
                return SILENCE
            return self._judge(at, "condition")
        said = self._come_and_gone(at)
        memory = self.memory
        if self._holds is None or self._holds() is not True:
            memory.held_since, memory.spent = None, False
            return said
        if memory.held_since is None:
            memory.held_since, memory.held_from = at.now, self._inquiry.outcomes()
        return [*said, *self._judge(at, "condition")]

    def tick(self, after: int, upto: int, at: Situation) -> Verdicts:
        """The clock went from `after` to `upto` (epoch ms): at most one firing, for the latest scheduled time."""
        if self.schedule is None:
            return SILENCE
        due = self.schedule.latest_in(after, upto)
        return SILENCE if due is None else self._judge(at, "schedule", due)

    def answered(self, at: Situation, request: str, reason: str, *, approved: bool) -> Verdicts:
        """A person has answered a request for approval; nothing if it is not this policy's, or has expired."""
        awaiting = self.memory.awaiting
        if awaiting is None or awaiting[0] != request or at.now >= awaiting[1]:
            return SILENCE
        cause: Cause = "schedule" if awaiting[2] == "schedule" else "condition"
        self.memory.awaiting, self.memory.last_fired, self.memory.spent = None, at.now, not approved
        return (self._say("fired" if approved else "denied", cause, "approval", f"{self._said[cause]}: {reason}"),)

    def withdrawn(self, why: str) -> Verdicts:
        """What it awaits is of no use any more."""
        awaiting, self.memory.awaiting = self.memory.awaiting, None
        if awaiting is None:
            return SILENCE
        cause: Cause = "schedule" if awaiting[2] == "schedule" else "condition"
        return (self._say("expired", cause, "approval", f"{self._said[cause]}: {why}"),)

    def raised(self, trigger_id: str, cause: str | None) -> None:
        """Its trigger has this id."""
        self.memory.open_trigger = trigger_id if cause == "condition" else None

    def came_to_nothing(self, trigger_id: str | None) -> None:
        """A retrain has ended without a deploy. If it was for this policy's condition, the next wait is longer."""
        memory = self.memory
        if trigger_id is None or memory.open_trigger != trigger_id:
            return
        memory.open_trigger = None
        memory.setbacks += 1
        if self.policy.cooldown:
            memory.latched = False  # the alarm was not answered: the cooldown keeps it from coming at once

    def _come_and_gone(self, at: Situation) -> list[Verdict]:
        """What has come or ended by itself: clear, arm, a request for approval, a veto."""
        memory, said = self.memory, list[Verdict]()
        if memory.latched and self._true("clear"):
            memory.latched, memory.told = False, None
            said.append(self._say("cleared", "condition", "clear", self.conditions["clear"].text))
        if "arm" in self._bound:
            said += self._arm(at)
        if memory.awaiting is not None and at.now >= memory.awaiting[1]:
            said += self.withdrawn(f"nobody answered until {format_time(memory.awaiting[1])}")
            memory.last_fired = at.now
        if memory.told == VETO and self._bound["veto"]() is False:
            memory.told = None
        return said

    def _arm(self, at: Situation) -> Verdicts:
        memory = self.memory
        if self._true("arm"):
            was, memory.armed_until = memory.armed_until, at.now + self.policy.armed_for
            if was:
                return SILENCE
            until = format_time(memory.armed_until)
            return (self._say("armed", "condition", "arm", f"{self.conditions['arm'].text}: at least until {until}"),)
        if memory.armed_until and at.now >= memory.armed_until:
            memory.armed_until = 0
            return (self._say("disarmed", "condition", "arm", f"{self.conditions['arm'].text}: not confirmed in time"),)
        return SILENCE

    def _judge(self, at: Situation, cause: Cause, due: int | None = None) -> Verdicts:
        inquiry = self._inquiry
        inquiry.at, inquiry.cause = at, cause
        blocked = blocked_by(inquiry)
        if blocked is None:
            return (self._act(at, cause, due),)
        rule, why = blocked
        if rule == self.memory.told:
            return SILENCE
        self.memory.told = rule
        word: Word = "vetoed" if rule == VETO else "suppressed"
        return (self._say(word, cause, rule, f"{self._said[cause]}: {why()}", due),)

    def _act(self, at: Situation, cause: Cause, due: int | None) -> Verdict:
        memory, policy = self.memory, self.policy
        if memory.last_fired is not None and at.now >= memory.last_fired + 2 * wait_of(policy, memory.setbacks):
            memory.setbacks = 0  # it was quiet for so long that this is another matter
        memory.last_fired, memory.told = at.now, None
        memory.latched = policy.clear is not None
        if policy.dry_run:
            memory.firings.append(at.now)
            memory.spent, memory.told = True, "awaiting"
            return self._say("would_fire", cause, "dry_run", self._said[cause], due)
        if policy.approval == "required":
            expires = at.now + policy.approval_expires
            memory.awaiting, memory.spent, memory.told = ("", expires, cause), True, "awaiting"
            reason = f"{self._said[cause]}: until {format_time(expires)}"
            return self._say("awaiting_approval", cause, "approval", reason, due)
        return self._say("fired", cause, cause, self._said[cause], due)

    def _true(self, name: str) -> bool:
        return name in self._bound and self._bound[name]() is True

    def _say(self, word: Word, cause: Cause, rule: str, reason: str, due: int | None = None) -> Verdict:
        return Verdict(word, self.policy.name, cause, rule, reason, due)
