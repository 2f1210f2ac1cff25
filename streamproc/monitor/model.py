"""One model under watch: a fold over its records of the journal."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from streamproc.config.model import Model
from streamproc.events.deploy import FINAL, STATUSES
from streamproc.events.summary import Summary
from streamproc.monitor.course import Course
from streamproc.monitor.gauges import Gauges, Getter
from streamproc.monitor.history import OutcomeHistory
from streamproc.monitor.ledger import Ledger
from streamproc.monitor.notes import ASKED, NOTHING, Note, Notes, asked, noted
from streamproc.monitor.requests import answered, halted, manually
from streamproc.monitor.scope import Scope, remembered
from streamproc.monitor.segments import Segments
from streamproc.monitor.sharing import Sharing, SharingRules
from streamproc.monitor.succession import Succession
from streamproc.monitor.versions import VersionInService
from streamproc.policy.guards import Situation
from streamproc.policy.lifecycle import CAME_TO_NOTHING, Happening
from streamproc.policy.watch import PolicyWatch, Verdict
from streamproc.stateful import (
    INTEGER,
    OPTIONAL_PART,
    PART,
    TEXT,
    Stateful,
    fields,
    listed,
    optional,
    queue,
    row,
)

REMEMBERED_IDS = 1000


class ModelMonitor(Stateful):
    """The state of one model. Every step takes `now`, the journal's time in epoch ms, and gives notes.

    After a step whose notes hold one that fires (there is at most one), the caller calls `raised` with its id; after
    one that awaits approval, `asked_for`.
    """

    FIELDS = fields(
        version=PART,
        history=PART,
        whole=PART,
        segments=OPTIONAL_PART,
        course=PART,
        sharing=OPTIONAL_PART,
        ledger=PART,
        succession=PART,
        in_force=optional(TEXT),
        _ticked=optional(INTEGER),
        _seen_ids=queue(TEXT),
        _asked=listed(ASKED),
        _event_clock=row(INTEGER, INTEGER),
    )

    def __init__(self, model_id: str, model: Model, rules: SharingRules | None = None) -> None:
        """`rules`: of what it shares with other models. Raises ConditionError, ScheduleError, ConfigError."""
        self.model_id, self.model = model_id, model
        self.config_hash = rules.hash_of(model.config_hash) if rules is not None else model.config_hash
        self.sharing = Sharing(model_id, rules) if rules is not None else None
        shared = self.sharing.shared if self.sharing is not None else None
        apart = [policy for policy in model.policies if policy.per_segment and model.segment_by]
        self.whole = Scope(model, [policy for policy in model.policies if policy not in apart], shared=shared)
        """All of the traffic."""
        self.segments = Segments(model, apart, shared) if apart else None
        self.course = Course(model)
        self.ledger = Ledger(model)
        self.succession = Succession(model)
        windows = model.retrain.windows if model.retrain else ()
        self._longest = max((window.period or 0 for window in windows), default=0)
        self._begin()

    def reset(self) -> None:
        """Forget everything: the same as new."""
        for part in (self.whole, self.segments, self.course, self.sharing, self.ledger, self.succession):
            if part is not None:
                part.reset()
        self._begin()

    def _begin(self) -> None:
        self.version = VersionInService()
        self.history = OutcomeHistory(remembered(self.model), self._longest)
        """All outcomes of the model, of every version: what a retrain reads."""
        self.in_force: str | None = None
        """Hash of the configuration that decides at this place of the journal: triggers are raised by no other."""
        self._ticked: int | None = None
        self._seen_ids: deque[str] = deque(maxlen=REMEMBERED_IDS)
        """Of commands and deploy events: both may be sent twice."""
        self._asked: list[Note] = []
        """Manual triggers from before any configuration was in force."""
        self._event_clock = (0, 0)
        """(event time, journal time) of the newest outcome."""

    # -- what others look at --

    @property
    def situation(self) -> Situation:
        return self.course.situation

    @property
    def gauges(self) -> Gauges:
        return self.whole.gauges

    @property
    def getters(self) -> Mapping[str, Getter]:
        return self.whole.getters

    @property
    def trigger_id(self) -> str | None:
        """The newest trigger's."""
        return self.course.trigger_id

    @trigger_id.setter
    def trigger_id(self, trigger_id: str | None) -> None:
        self.course.trigger_id = trigger_id

    @property
    def scopes(self) -> Iterator[Scope]:
        """All of the traffic, then each segment."""
        yield self.whole
        if self.segments is not None:
            yield from self.segments

    def scope(self, segment: str | None) -> Scope:
        """The scope of a segment; that of all traffic if it is not watched (any more)."""
        found = self.segments.scopes.get(segment) if self.segments is not None and segment is not None else None
        return found or self.whole

    def watch(self, note: Note) -> PolicyWatch | None:
        """The policy that a note is of."""
        return self.scope(note.segment).policies.get(note.policy) if note.policy is not None else None

    def values(self, names: Sequence[str]) -> Mapping[str, float | bool | None]:
        """Present values by name."""
        return self.whole.values(names)

    # -- one step for each kind of record --

    def outcome(self, record: dict[str, Any], offset: int, now: int) -> Notes:
        """A prediction with its label."""
        if record.get("revises") is not None:
            if self.version.counts(record):
                self.gauges.metrics.update(record)
            return self.ledger.revised(record, self.whole)
        self.history.add(offset, now)
        label_time = record["label_time"]
        if label_time > now:
            label_time = now  # a clock that is ahead must not make the traffic of hours look late
        self._event_clock = (label_time, now)
        whole, version, course = self.whole, self.version, self.course
        whole.gauges.volume.update(label_time)
        if not version.counts(record):
            return self._other_version(record)
        whole.outcome(record, offset, label_time)
        self.ledger.outcome(record["time"])
        notes = self.succession.outcome(record, version.version)
        if self.succession.on_probation:
            notes = [*notes, *self._judge(now)]
        scope = self.segments.find(record) if self.segments is not None else None
        if scope is not None:
            scope.gauges.volume.update(label_time)
            scope.outcome(record, offset, label_time)
        if course.warms_up:
            notes = [*notes, *course.warm_up(whole.gauges.outcomes, version.version)]
        looked = self._look(now, scope)
        return [*notes, *looked] if notes else looked

    def prediction(self, record: dict[str, Any], now: int) -> Notes:
        """A prediction before its label, for monitors that need none."""
        if not self.version.counts(record):
            self.succession.uptake.other(record)
            return NOTHING
        notes = self.succession.uptake.seen(self.version.version)
        self.gauges.prediction(record, now)
        scope = self.segments.find(record) if self.segments is not None else None
        if scope is not None:
            scope.gauges.prediction(record, now)
        looked = self._look(now, scope)
        return [*notes, *looked] if notes else looked

    def metric(self, record: dict[str, Any], now: int) -> Notes:
        """Outside numbers; names that are not declared are passed over."""
        version = record.get("model_version")
        if version is not None and self.version.version not in (None, version):
            return NOTHING
        declared = self.model.external_metrics
        values = {k: v for k, v in record["metrics"].items() if k in declared}
        for scope in self.scopes:
            scope.gauges.external.update(values)
        return self._look_everywhere(now)

    def tick(self, time: int, now: int) -> Notes:
        """The wall clock reached `time`. The first tick ever only starts the clock."""
        after, self._ticked = self._ticked, max(time, self._ticked or 0)
        at = self.situation
        at.now = now
        event_time, journal_time = self._event_clock
        if event_time:
            for scope in self.scopes:
                scope.gauges.volume.advance(event_time + now - journal_time)
                scope.gauges.advance(event_time + now - journal_time)
        notes = self.course.overdue(self.gauges.outcomes)
        if any(note.rule in CAME_TO_NOTHING for note in notes):
            self._came_to_nothing()
        notes += [*self.succession.uptake.overdue(self.version.version, now), *self._judge(now)]
        if after is not None and time > after and self._decides():
            for scope in self.scopes:
                notes += scope.tick(after, time, at, self._note)
        return [*notes, *self._look_everywhere(now)]

    def command(self, record: dict[str, Any], now: int) -> Notes:
        """What a person asks for; a command id that was seen before is passed over."""
        self.situation.now = now
        if self._is_repeat(record["command_id"]):
            return NOTHING
        word = record["command"]
        reason = record.get("reason") or f"asked for by command {record['command_id']}"
        if word == "trigger":
            manual = asked(reason, record["command_id"])
            if self.in_force is not None:
                return [manually(self.course, manual)] if self._decides() else NOTHING
            self._asked.append(manual)
            return NOTHING
        if word in ("approve", "deny"):
            return answered(self.course, self.scopes, record) if self._decides() else NOTHING
        note = halted(self.situation, record, reason)
        return [note, *self._look_everywhere(now)] if note.verdict == "resumed" else [note]

    def configured(self, config_hash: str, now: int) -> Notes:
        """From here on this configuration decides. Under another one the log is only measured.

        What an earlier configuration has raised stands in the log as it was raised. To raise it again from today's
        rules would give triggers that nobody was ever sent.
        """
        first, self.in_force = self.in_force is None, config_hash
        if not self._decides():
            return NOTHING
        asked, self._asked = self._asked[:1] if first else [], []
        self.situation.now = now
        return [*(manually(self.course, manual) for manual in asked), *self._look_everywhere(now)]

    def claimed(self, record: dict[str, Any], incident_id: str, now: int) -> Notes:
        """A model of this partition claims a trigger, this one or another."""
        if self.sharing is None:
            return NOTHING
        note, incident = self.sharing.claimed(record, incident_id, now)
        if note is None or not self._decides():
            return NOTHING
        self.situation.now = now
        if (watch := self.watch(note)) is not None:
            watch.memory.told = None if note.fires else note.rule
        if not note.fires:
            return [note]
        if self.course.waits_for_a_retrain:
            return [note._replace(verdict="suppressed", rule="lifecycle")]
        self.course.fire()
        return [note, incident] if incident is not None else [note]

    def deploy(self, record: dict[str, Any], now: int) -> Notes:
        """A step of a retrain, ours or of the user's own pipeline."""
        self.situation.now = now
        status = record["status"]
        if self._is_repeat(record.get("deploy_id")) or status == "confirmed":
            return NOTHING
        if status not in STATUSES:
            return [Note("ignored", "lifecycle", f"{status}: this version of streamproc does not know what it means")]
        if status in ("deployed", "rolled_back"):
            if (record["model_version"], record["time"]) == (self.version.version, self.version.since):
                return NOTHING
            reference = record.get("reference")
            summary = None if reference is None else Summary.model_validate(reference)
            mine = status == "deployed" and record.get("trigger_id") in (None, self.trigger_id)
            judged = self.ledger.ended(status, self.trigger_id) if mine and self.course.waits_for_a_retrain else None
            notes = self._deployed(record, Happening(status), summary)
            return notes if judged is None else [*notes, judged]
        moved = self.course.retrain(record)
        if status in FINAL and moved.verdict == "lifecycle":
            if Happening(status) in CAME_TO_NOTHING:
                self._came_to_nothing()
            else:  # superseded: another trigger is answered, and this policy was neither right nor wrong
                for scope in self.scopes:
                    scope.gauges.spent()
            judged = self.ledger.ended(status, self.trigger_id)
            return [moved] if judged is None else [moved, judged]
        return [moved]

    def raised(self, note: Note, trigger_id: str) -> None:
        """A note's trigger has this id."""
        self.trigger_id = trigger_id
        self.succession.raised(trigger_id, note.policy, note.segment)
        scope, version = self.scope(note.segment), self.version.version
        if (watch := self.watch(note)) is not None:
            watch.raised(trigger_id, note.cause)
        self.ledger.fired(note, trigger_id, scope, version, self.situation.now)

    def asked_for(self, note: Note, request: str) -> None:
        """A policy awaits approval under this id."""
        watch = self.watch(note)
        if watch is not None and watch.memory.awaiting is not None:
            watch.memory.awaiting = (request, *watch.memory.awaiting[1:])

    # -- what follows from a step --

    def _came_to_nothing(self) -> None:
        for scope in self.scopes:
            scope.came_to_nothing(self.trigger_id)

    def _look(self, now: int, segment: Scope | None) -> Notes:
        at = self.course.situation
        at.now = now
        if self.in_force != self.config_hash:
            return NOTHING
        notes = self.whole.look(at, self._note)
        return notes if segment is None else [*notes, *segment.look(at, self._note)]

    def _look_everywhere(self, now: int) -> Notes:
        notes = self._look(now, None)
        if self.segments is None or not self._decides():
            return notes
        return [*notes, *(note for scope in self.segments for note in scope.look(self.situation, self._note))]

    def _note(self, verdict: Verdict, segment: str | None) -> Note:
        note = noted(verdict, segment)
        if not note.fires:
            return note
        if self.sharing is not None:
            if (watch := self.watch(note)) is not None:
                watch.memory.told = "shared"
            return self.sharing.claim(note)
        self.course.fire()
        return note

    def _deployed(self, record: dict[str, Any], happening: Happening, reference: Summary | None) -> Notes:
        version, now = record["model_version"], self.situation.now
        withdrawn = [n for s in self.scopes for n in s.withdraw(f"version {version} is in service")]
        left = happening is Happening.ROLLED_BACK and version != self.version.version
        if left and (policy := self._brought_by()) is not None:
            policy.memory.in_vain(now)
        change = self.whole.newest_change()
        begun = self.succession.deployed(record, self.version.version, change[1] if change is not None else None, now)
        self.version.deployed(version, record["time"])
        self.history.deployed()
        self.whole.anew(self.gauges.volume, reference)
        if self.segments is not None:
            self.segments.anew()  # the reference is of all traffic: a segment differs from it at all times
        if self.sharing is not None:
            self.sharing.withdraw()
        return [*withdrawn, *self.course.deployed(version, happening), *begun]

    def _judge(self, now: int) -> Notes:
        """How the probation of the version in service ends, if it does now."""
        at = self.situation
        at.now = now
        halted = at.paused or now < at.snoozed_until
        note = self.succession.look(self.version.version, now, decides=self._decides(), halted=halted)
        if note is None:
            return NOTHING
        if note.verdict == "confirmed" and (policy := self._brought_by()) is not None:
            policy.memory.doublings = 0
        goes_back = note.puts is not None and note.puts.status == "rolled_back"
        return [note, self.course.go_back(f"version {self.version.version} is worse")] if goes_back else [note]

    def _brought_by(self) -> PolicyWatch | None:
        """The policy whose trigger the version in service was made for."""
        raised = self.succession.brought_by
        return self.scope(raised.segment).policies.get(raised.policy) if raised is not None else None

    def _other_version(self, record: dict[str, Any]) -> Notes:
        """Said once for each version: without deploy events a successor would go unwatched."""
        self.succession.uptake.other(record)
        version = record.get("model_version")
        if version is None or self.version.others.get(version) != self.model.min_samples:
            return NOTHING
        reason = f"{self.model.min_samples} outcomes of version {version} are not watched: no deploy event names it"
        return [Note("ignored", "version", reason)]

    def _is_repeat(self, event_id: str | None) -> bool:
        if event_id is None:
            return False
        if event_id in self._seen_ids:
            return True
        self._seen_ids.append(event_id)
        return False

    def _decides(self) -> bool:
        return self.in_force == self.config_hash
