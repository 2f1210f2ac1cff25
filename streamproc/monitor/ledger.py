"""What became of a model's triggers: how often each policy was right, as far as anybody can tell.

A trigger that a condition raised is judged by its end: **true** if a challenger was deployed for it, **false** if the
gate rejected it: the champion was as good on the newest data. One that failed, or had no answer in time, is not judged.

A true one becomes false if revised labels take its ground away. At the firing the window's number of wrong answers is
kept; each later revision of an answer from the window's time, by the same version, corrects it. Once the condition
with the corrected accuracy and error rate (all else as it was) is no longer true, the trigger was false. The window's
time is known to within 64 outcomes, so a revision at its edge may be counted that was not in it. Triggers of single
segments, and conditions on neither of the two, are judged by their end alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from streamproc.config.model import Model
from streamproc.monitor.history import STRIDE
from streamproc.monitor.notes import Note
from streamproc.monitor.scope import Scope
from streamproc.monitor.signals import labelled
from streamproc.policy.closures import Value
from streamproc.policy.memory import TIME
from streamproc.stateful import (
    COUNT,
    FLAG,
    NUMBER,
    TEXT,
    Kind,
    Stateful,
    fields,
    listed,
    mapping,
    optional,
    queue,
    require,
    row,
)

OPEN_CASES = 10
"""Newest triggers of a model that revised labels may prove false."""
CORRECTED = frozenset({"accuracy", "error_rate"})


class Case(NamedTuple):
    """One trigger, and what its condition stood on. Times are epoch ms of predictions."""

    trigger_id: str
    policy: str
    version: str | None
    since: int
    upto: int
    size: int
    """Outcomes in the window."""
    wrong: int
    """Of these, with all revisions so far."""
    values: tuple[tuple[str, float | bool | None], ...]
    """All that the condition looked at."""


_NUMBER_OR_FLAG = Kind(lambda v: v, lambda v, _: FLAG.take(v, None) if type(v) is bool else NUMBER.take(v, None))
_VALUES = listed(row(TEXT, optional(_NUMBER_OR_FLAG)))
_ROW = row(TEXT, TEXT, optional(TEXT), TIME, TIME, COUNT, COUNT, _VALUES)
_CASE = Kind(_ROW.give, lambda plain, _: Case._make([*(taken := _ROW.take(plain, None))[:7], tuple(taken[7])]))


class Ledger(Stateful):
    """Counts by policy; the case of the open trigger; those that revisions may still change."""

    FIELDS = fields(
        right=mapping(TEXT, COUNT),
        wrong=mapping(TEXT, COUNT),
        _policy=optional(TEXT),
        _case=optional(_CASE),
        _cases=queue(_CASE),
        _times=queue(TIME),
        _in_block=COUNT,
    )

    def __init__(self, model: Model) -> None:
        self._error = labelled("error", model) if model.task != "regression" else None
        self._window = model.window
        self.reset()

    def reset(self) -> None:
        """Forget everything: the same as new."""
        self.right: dict[str, int] = {}
        self.wrong: dict[str, int] = {}
        self._policy: str | None = None
        """Whose condition raised the open trigger."""
        self._case: Case | None = None
        self._cases: deque[Case] = deque(maxlen=OPEN_CASES)
        self._times: deque[int] = deque(maxlen=self._window // STRIDE + 2)
        """The earliest prediction time of each block of 64 outcomes, the newest ones."""
        self._in_block = 0

    def _settle(self) -> None:
        require(bool(self._times) is (self._in_block > 0) and self._in_block <= STRIDE, "blocks that do not add up")

    def outcome(self, time: int) -> None:
        """An outcome of the version in service, predicted at that time."""
        if self._in_block % STRIDE == 0:
            self._times.append(time)
            self._in_block = 0
        elif time < self._times[-1]:
            self._times[-1] = time
        self._in_block += 1

    def fired(self, note: Note, trigger_id: str, scope: Scope, version: str | None, now: int) -> None:
        """A trigger was raised."""
        self._policy = note.policy if note.cause == "condition" else None
        self._case = self._case_of(note, trigger_id, scope, version, now) if self._policy is not None else None

    def _case_of(self, note: Note, trigger_id: str, scope: Scope, version: str | None, now: int) -> Case | None:
        watch = scope.policies.get(note.policy or "")
        condition = watch.condition if watch is not None else None
        if condition is None or note.segment is not None or self._error is None or not self._times:
            return None
        values = {name: scope.getters[name]() for name in condition.names}
        share = values.get("error_rate")
        if share is None and (accuracy := values.get("accuracy")) is not None:
            share = 1 - accuracy
        if share is None or "accuracy" in scope.gauges.external or "error_rate" in scope.gauges.external:
            return None
        size = min(scope.gauges.outcomes, self._window)
        wrong, then = round(share * size), tuple(values.items())
        return Case(trigger_id, note.policy or "", version, min(self._times), now, size, wrong, then)

    def ended(self, status: str, trigger_id: str | None) -> Note | None:
        """The open trigger has come to this end."""
        policy, case, self._policy, self._case = self._policy, self._case, None, None
        if policy is None or status not in ("deployed", "rejected"):
            return None
        counts = self.right if status == "deployed" else self.wrong
        counts[policy] = counts.get(policy, 0) + 1
        if status == "deployed" and case is not None:
            self._cases.append(case)
        word = "a challenger was deployed: true" if status == "deployed" else "the gate rejected its challenger: false"
        return Note("judged", "gate", f"{word}; {self._record(policy)}", policy, trigger_id=trigger_id)

    def revised(self, record: Mapping[str, Any], scope: Scope) -> list[Note]:
        """A label was revised: which triggers it proves false."""
        if self._error is None or not self._cases:
            return []
        before, after = self._error({**record, "label": record["revises"]}), self._error(dict(record))
        if before is None or after is None or before == after:
            return []
        notes, kept = [], list[Case]()
        for case in self._cases:
            if record.get("model_version") != case.version or not case.since <= record["time"] <= case.upto:
                kept.append(case)
                continue
            corrected = case._replace(wrong=min(max(case.wrong + int(after - before), 0), case.size))
            if _still_holds(corrected, scope):
                kept.append(corrected)
            else:
                notes.append(self._proven_false(corrected))
        self._cases = deque(kept, OPEN_CASES)
        return notes

    def _proven_false(self, case: Case) -> Note:
        self.right[case.policy] = max(self.right.get(case.policy, 0) - 1, 0)
        self.wrong[case.policy] = self.wrong.get(case.policy, 0) + 1
        reason = (
            f"with revised labels {case.wrong} of {case.size} answers were wrong, and the condition would not have "
            f"held: false after all; {self._record(case.policy)}"
        )
        return Note("revised", "revision", reason, case.policy, trigger_id=case.trigger_id)

    def precision(self) -> dict[str, float]:
        """True triggers / judged triggers of each policy that has any."""
        policies = {*self.right, *self.wrong}
        return {p: self.right.get(p, 0) / (self.right.get(p, 0) + self.wrong.get(p, 0)) for p in sorted(policies)}

    def _record(self, policy: str) -> str:
        right = self.right.get(policy, 0)
        return f"{right} of {right + self.wrong.get(policy, 0)} judged triggers of {policy} were true"


def _still_holds(case: Case, scope: Scope) -> bool:
    watch = scope.policies.get(case.policy)
    if watch is None or watch.condition is None or not case.size:
        return True
    rate = case.wrong / case.size
    values: dict[str, Value] = {**dict(case.values), "error_rate": rate, "accuracy": 1 - rate}
    return watch.condition.evaluate(values.get) is True
