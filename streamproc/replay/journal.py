"""The real monitor over the records of a journal: the live triggers again, or those of another configuration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, cast

import orjson

from streamproc.config.pipeline import Config
from streamproc.events.trigger import Trigger
from streamproc.monitor.model import ModelMonitor
from streamproc.monitor.stage import Monitors, MonitorStage, MonitorTask
from streamproc.replay.memory import MemoryOutputs, MemoryRecord
from streamproc.replay.pipeline import Found, found_in
from streamproc.stage import Record

Deploys = Literal["recorded", "none"]
_CONFIG, _DEPLOY, _CLAIM = b'{"kind":"config"', b'{"kind":"deploy"', b'{"kind":"claim"'
"""How the records begin: streamproc writes `kind` first."""
_OUTCOME = b'{"kind":"outcome"'
MOST_TOGETHER = 500
_BEGINNING = (_CONFIG, b'{"kind":"tick"')
"""What a new monitor writes first."""


class JournalReplay:
    """One monitor task for each partition that shows up.

    From a partition's beginning (offset 0) with the configuration that was in force, triggers and decisions come out as
    they did live, id for id: the monitor is a pure function of its partition. Under a changed configuration the
    recording's own words about which one is in force would silence it; so they are read as naming this one. And what
    a monitor itself has written for its models to share (claims on a common budget) is then passed over; what this one
    writes instead is read back at once.
    """

    def __init__(
        self,
        config: Config,
        partitions: int = 1,
        deploys: Deploys = "recorded",
        monitors: Monitors = ModelMonitor,
        *,
        numbered: bool = True,
    ) -> None:
        """`partitions`: of the journal, so that each model's home is known. `monitors` makes those of the models.

        `numbered`: offsets are the journal's own, so that offset 0 is its beginning.
        """
        self._config, self._deploys, self._numbered = config, deploys, numbered
        self._stage = MonitorStage(config, partitions, monitors=monitors)
        self._tasks: dict[int, MonitorTask] = {}
        self._out = MemoryOutputs()
        self._home: dict[str, int] = {}
        self._next: dict[int, tuple[int, int]] = {}
        """Partition -> (next offset, newest time)."""
        self.monitors: dict[str, ModelMonitor] = {}
        self._changed: set[str] = set()
        """Models of which the recording has named another configuration, or none yet."""
        self.rejected = self._out.rejected
        """Records that are none of a journal, and why."""

    def run(self, records: Iterable[Record]) -> Iterator[Found]:
        """What follows from records. Outcomes that follow each other in a partition are taken together."""
        together: list[Record] = []
        home = -1
        # What models share is read back between two outcomes.
        alone = not any(getattr(self._config, name, None) for name in ("budget", "incidents"))
        for record in records:
            value = record.value()
            if alone and value is not None and value.startswith(_OUTCOME) and record.partition() == home:
                together.append(record)
                if len(together) < MOST_TOGETHER:
                    continue
                yield from self._all_of(together)
                together = []
                continue
            if together:
                yield from self._all_of(together)
                together = []
            yield from self.feed(record)
            home = record.partition()
        if together:
            yield from self._all_of(together)

    def feed(self, record: Record) -> list[Found]:
        """One record; of a partition's records, in the order of their offsets."""
        partition = record.partition()
        task = self._tasks.get(partition) or self._begin(partition, record)
        value = record.value() or b""
        if value.startswith(_CONFIG):
            record = self._in_force(record, value)
        elif value.startswith((_DEPLOY, _CLAIM)) and self._passed_over(value):
            return []
        self._next[partition] = record.offset() + 1, record.timestamp()[1]
        return self._process(task, record)

    def inject(self, event: Mapping[str, Any]) -> list[Found]:
        """A record that the recording does not have, at this place: a command, a deploy event. `kind` is its own."""
        model_id = event["model_id"]
        partition = self._home[model_id]
        offset, now = self._next[partition]
        record = MemoryRecord(
            self._config.topics.journal, partition, offset, orjson.dumps(event), model_id.encode(), now
        )
        return self._process(self._tasks[partition], record)

    def now(self, model_id: str) -> int:
        """The time of the journal that the model is in, epoch ms."""
        return self._next[self._home[model_id]][1]

    def _all_of(self, records: list[Record]) -> list[Found]:
        """Of one partition that has begun, and none that is read in another way than it stands there."""
        last = records[-1]
        partition = last.partition()
        self._next[partition] = last.offset() + 1, last.timestamp()[1]
        return self._process(self._tasks[partition], *records)

    def _process(self, task: MonitorTask, *records: Record) -> list[Found]:
        task.process(records[0].topic(), records, self._out)
        if not self._out.sent:
            return []
        found: list[Found] = []
        for topic, value, key in self._out.take():
            found += found_in(self._config, topic, value)
            if topic == self._config.topics.journal and orjson.loads(value).get("model_id") in self._changed:
                last = records[-1]
                place = last.topic(), last.partition(), last.offset()
                found += self._process(task, MemoryRecord(*place, value, key, last.timestamp()[1]))
        return found

    def _begin(self, partition: int, first: Record) -> MonitorTask:
        self._tasks[partition] = task = cast("MonitorTask", self._stage.task(partition))
        self._home.update(dict.fromkeys(task.monitors, partition))
        self.monitors.update(task.monitors)
        self._next[partition] = first.offset(), first.timestamp()[1]
        if first.offset() != 0 or not (self._numbered or (first.value() or b"").startswith(_BEGINNING)):
            self._announce(task, first)
        return task

    def _announce(self, task: MonitorTask, first: Record) -> None:
        """The recording does not begin with what a new journal begins with: nothing would ever be in force."""
        now = first.timestamp()[1]
        self._changed.update(task.monitors)
        for monitor in task.monitors.values():
            event = {"kind": "config", "model_id": monitor.model_id, "config_hash": monitor.config_hash, "time": now}
            value, key = orjson.dumps(event), monitor.model_id.encode()
            record = MemoryRecord(first.topic(), first.partition(), first.offset(), value, key, now)
            task.process(first.topic(), [record], self._out)

    def _passed_over(self, value: bytes) -> bool:
        if value.startswith(_DEPLOY):
            return self._deploys == "none"
        return orjson.loads(value)["model_id"] in self._changed

    def _in_force(self, record: Record, value: bytes) -> Record:
        event = orjson.loads(value)
        monitor = self.monitors.get(event["model_id"])
        if monitor is None or event["config_hash"] == monitor.config_hash:
            return record
        self._changed.add(monitor.model_id)
        told = orjson.dumps({**event, "config_hash": monitor.config_hash})
        return MemoryRecord(
            record.topic(), record.partition(), record.offset(), told, record.key(), record.timestamp()[1]
        )


def triggers_of(found: Iterable[Found]) -> list[Trigger]:
    """The triggers among them."""
    return [each for each in found if isinstance(each, Trigger)]
