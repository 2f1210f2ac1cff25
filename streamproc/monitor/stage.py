"""The monitor stage: reads the journal, writes triggers and decisions; its own clock is in the journal too."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from streamproc.config.model import Model
from streamproc.config.pipeline import Config
from streamproc.errors import BadRecord, TopicError
from streamproc.events.partitioner import partition_of
from streamproc.monitor.cache import Cache
from streamproc.monitor.model import ModelMonitor
from streamproc.monitor.notes import NOTHING, Notes
from streamproc.monitor.published import PUBLISH_MS, ModelGauge, published
from streamproc.monitor.reading import reader
from streamproc.monitor.sharing import SharingRules
from streamproc.monitor.snapshot import Mark
from streamproc.monitor.written import Writer
from streamproc.policy.shared import share_of
from streamproc.stage import Outputs, Past, Record, Task

TICK_MS = 60_000
ALERTS = frozenset({"worse", "unacknowledged"})
"""Verdicts that a person should hear of at once."""
MOST_ALERTS = 100
"""Of one transaction."""

Monitors = Callable[[str, Model, "SharingRules | None"], ModelMonitor]
"""Makes the monitor of a model: of its id, its section of the configuration, and what it shares."""
Warn = Callable[[Mapping[str, str]], None]
"""Takes verdict, model, rule and reason of a decision."""


def _nobody(alert: Mapping[str, str]) -> None:
    pass


class MonitorStage:
    """One task per partition of the journal."""

    name = "monitor"

    def __init__(
        self, config: Config, partitions: int, warn: Warn = _nobody, monitors: Monitors = ModelMonitor
    ) -> None:
        """`warn` is told of decisions that are alerts, once they are committed."""
        self.warn, self.monitors = warn, monitors
        self._config, self._partitions = config, partitions
        self.inputs = self.folded = (config.topics.journal,)
        self.snapshots = config.topics.snapshots
        self._tasks: dict[int, MonitorTask] = {}
        self.is_read = False
        """Whether anybody has asked for the values of single models."""

    def task(self, partition: int) -> Task:
        models = [m for m in self._config.models if partition_of(m, self._partitions) == partition]
        self._tasks[partition] = task = MonitorTask(self, self._config, partition, models, self._shared_in(partition))
        return task

    def _shared_in(self, partition: int) -> SharingRules | None:
        """What the models of a partition share; None if nothing is."""
        budget, incidents = self._config.budget, self._config.incidents
        if budget is not None:
            models = Counter(partition_of(model_id, self._partitions) for model_id in self._config.models)
            triggers = share_of(budget.triggers, models, partition)
            budget = budget.model_copy(update={"triggers": triggers})
        return SharingRules(budget, incidents) if budget is not None or incidents is not None else None

    def closed(self, partition: int) -> None:
        self._tasks.pop(partition, None)

    def gauges(self) -> Mapping[str, float]:
        tasks = list(self._tasks.values())
        return {
            "monitor_outcomes": sum(task.outcomes for task in tasks),
            "monitor_triggers": sum(task.triggers for task in tasks),
            "monitor_rollbacks": sum(task.rollbacks for task in tasks),
            "monitor_models": sum(len(task.monitors) for task in tasks),
            "monitor_rebuilt_models": sum(task.rebuilt for task in tasks),
            "monitor_snapshot_bytes": sum(task.snapshot_bytes for task in tasks),
        }

    def model_gauges(self) -> list[ModelGauge]:
        """Values of single models, a second old; none when they are asked for the first time. From any thread."""
        self.is_read = True
        return [gauge for task in list(self._tasks.values()) for gauge in task.published]


class MonitorTask:
    """A pure function of its journal partition: (state, record) -> (state, outputs). Snapshots are a cache of it."""

    def __init__(
        self,
        stage: MonitorStage,
        config: Config,
        partition: int,
        models: Sequence[str],
        shared: SharingRules | None = None,
    ) -> None:
        self._stage, self._config, self._partition = stage, config, partition
        self.monitors = {model_id: stage.monitors(model_id, config.models[model_id], shared) for model_id in models}
        self._read = reader(config.models[model_id] for model_id in models)
        self._writer = Writer(config, partition)
        self.outcomes = self.rebuilt = self.snapshot_bytes = 0
        self._cache = Cache(
            f"{config.pipeline}/{config.topics.journal}/{partition}",
            config.engine.snapshot_interval,
            self.monitors,
            rebuild_from_rest=config.engine.truncated_journal == "rebuild",
        )
        self._upto: dict[bytes, int] = {}
        """Key of a model's records -> the first offset that its state lacks, while records are read again."""
        self._caught_up = self._next = 0
        """The offset from which nobody is ahead; the next offset."""
        self._changed: set[str] = set()
        """Models whose state is newer than their snapshot."""
        self._now = 0
        self._ticked = 0
        """The newest tick read from the journal."""
        self._tick_sent = 0
        self._unannounced: list[ModelMonitor] | None = None
        """Models whose configuration the journal does not name as the one in force; None: not looked at yet."""
        self._live_from = 0
        """The first offset that is not only read again."""
        self._alerts: deque[Mapping[str, str]] = deque(maxlen=MOST_ALERTS)
        """Not committed yet."""
        self.published: tuple[ModelGauge, ...] = ()
        self._published_at = 0

    @property
    def triggers(self) -> int:
        """Raised so far."""
        return self._writer.triggers

    @property
    def rollbacks(self) -> int:
        """Asked for so far."""
        return self._writer.rollbacks

    def process(self, topic: str, records: Sequence[Record], out: Outputs) -> None:
        for record in self._not_taken(records) if self._upto else records:
            try:
                self._record(record, out)
            except (KeyError, TypeError, ValueError) as exc:
                out.reject(record, BadRecord("invalid_field", f"not a record of the journal: {exc!r}"[:500]))
        if records:
            self._next = records[-1].offset() + 1

    def _not_taken(self, records: Sequence[Record]) -> Iterator[Record]:
        """The records that are not in their model's state already; of the others only the time counts."""
        for record in records:
            offset, key = record.offset(), record.key()
            if offset >= self._caught_up:
                self._upto.clear()
            if key is not None and offset < self._upto.get(key, 0):
                self._now = max(self._now, record.timestamp()[1])
            else:
                yield record

    def _record(self, record: Record, out: Outputs) -> None:
        event = self._read(record.value() or b"")
        timestamp = record.timestamp()[1]
        if timestamp > self._now:
            self._now = timestamp
        kind, offset = event["kind"], record.offset()
        if kind == "tick":
            self._tick(event["time"], offset, out)
            return
        if kind == "claim":
            self._claim(event, offset, out)
            return
        monitor = self.monitors.get(event["model_id"])
        if monitor is None:
            self._not_mine(event["model_id"])
            return
        self._changed.add(monitor.model_id)
        if kind == "outcome":
            notes = monitor.outcome(event, offset, self._now)
            self.outcomes += 1
        else:
            notes = self._other(monitor, kind, event)
        if notes:
            self._write(monitor, notes, offset, out)

    def _not_mine(self, model_id: str) -> None:
        """A model that has left the configuration is passed over; one that has moved must not be."""
        if model_id in self._config.models:
            raise TopicError(
                f"{model_id!r} lies in partition {self._partition} of {self._config.topics.journal}, where its key no "
                "longer leads: the number of the journal's partitions was changed.\n  A model's history must stay in "
                "one partition: make a journal of a new name with the new number, and set topics.journal to it."
            )

    def wake(self, now: int, out: Outputs) -> None:
        """Write a tick for each minute that begins, and which configuration decides; both count when read back."""
        if self._unannounced is None:
            self._unannounced = [m for m in self.monitors.values() if m.in_force != m.config_hash]
        minute = now - now % TICK_MS
        if minute > max(self._ticked, self._tick_sent):
            self._tick_sent = minute
            tick = orjson.dumps({"kind": "tick", "time": minute})
            out.send(self._config.topics.journal, tick, partition=self._partition)
        for monitor in self._unannounced:
            configured = {"kind": "config", "model_id": monitor.model_id, "config_hash": monitor.config_hash}
            out.send(self._config.topics.journal, orjson.dumps(configured | {"time": now}), monitor.model_id.encode())
        self._unannounced = []
        if self._stage.is_read and not 0 <= now - self._published_at < PUBLISH_MS:
            self._published_at, self.published = now, published(self.monitors.values())

    def bookmark(self, topic: str) -> int | None:
        return None

    def load(self, key: bytes, value: bytes) -> None:
        self._cache.load(key, value)

    def resume(self, past: Mapping[str, Past]) -> Mapping[str, int]:
        """From the oldest of the models' snapshots; from the beginning when one of them has none."""
        found = {}
        for topic, journal in past.items():  # it is one
            self._live_from = journal.committed
            start = self._cache.start(journal)
            self._next, self._now, self._ticked = start.mark
            self._upto, self._caught_up = start.upto, max(start.upto.values(), default=0)
            self.rebuilt = start.rebuilt
            found[topic] = self._next
        return found

    def snapshot(self, now: int, out: Outputs) -> None:
        def put(key: bytes, value: bytes) -> None:
            self.snapshot_bytes += len(value)
            out.send(self._config.topics.snapshots, value, key, partition=self._partition)

        self._cache.write(now, Mark(self._next, self._now, self._ticked), self._changed, put)

    def committed(self, positions: Mapping[str, int]) -> None:
        """Snapshots are in the transaction; what people should hear of is in the log now."""
        while self._alerts:
            self._stage.warn(self._alerts.popleft())

    def close(self) -> None:
        self._stage.closed(self._partition)

    def _other(self, monitor: ModelMonitor, kind: str, event: dict[str, Any]) -> Notes:
        match kind:
            case "prediction":
                return monitor.prediction(event, self._now)
            case "metric":
                return monitor.metric(event, self._now)
            case "command":
                return monitor.command(event, self._now)
            case "deploy":
                return monitor.deploy(event, self._now)
            case "config":
                return monitor.configured(event["config_hash"], self._now)
        return NOTHING

    def _tick(self, time: int, offset: int, out: Outputs) -> None:
        if time <= self._ticked:
            return
        self._ticked = time
        for monitor in self._behind(offset):
            notes = monitor.tick(time, self._now)
            if notes:
                self._write(monitor, notes, offset, out)

    def _claim(self, event: dict[str, Any], offset: int, out: Outputs) -> None:
        """All models of the partition count it; the one that made it fires, if it is granted."""
        incident_id = self._writer.incident_id(offset)
        for monitor in self._behind(offset):
            notes = monitor.claimed(event, incident_id, self._now)
            if notes:
                self._write(monitor, notes, offset, out)

    def _behind(self, offset: int) -> Iterator[ModelMonitor]:
        """The models that have not taken the record at this offset, which is for all of them."""
        for monitor in self.monitors.values():
            if self._upto and offset < self._upto.get(monitor.model_id.encode(), 0):
                continue
            self._changed.add(monitor.model_id)
            yield monitor

    def _write(self, monitor: ModelMonitor, notes: Notes, offset: int, out: Outputs) -> None:
        self._writer.write(monitor, notes, offset, self._now, out)
        if offset >= self._live_from:
            for note in notes:
                if note.verdict in ALERTS:
                    about = {"verdict": note.verdict, "model": monitor.model_id}
                    self._alerts.append({**about, "rule": note.rule, "reason": note.reason})
