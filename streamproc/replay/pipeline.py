"""Join and monitor over an iterable of events: for notebooks, tests and replays.

from streamproc import Pipeline

pipeline = Pipeline("streamproc.yaml")
for found in pipeline.run(events):          # events: (topic, event) pairs, in the order of their arrival
    print(found)                            # Trigger and Decision objects
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import orjson

from streamproc.config.load import from_mapping, load
from streamproc.config.pipeline import Config
from streamproc.errors import BadRecord, UserError
from streamproc.events.base import parse_time
from streamproc.events.decision import Decision
from streamproc.events.trigger import Trigger
from streamproc.join.stage import JoinStage
from streamproc.monitor.model import ModelMonitor
from streamproc.monitor.stage import TICK_MS, Monitors, MonitorStage, MonitorTask
from streamproc.replay.memory import MemoryOutputs, MemoryRecord
from streamproc.stage import Record

Found = Trigger | Decision
OnRecord = Callable[[Record], None]


def _nobody(record: Record) -> None:
    pass


class Pipeline:
    """The real join and monitor stages on one partition in memory.

    Time is the time of the events: the clock that schedules and cooldowns see is the newest `time` so far.
    """

    def __init__(
        self,
        config: Config | Mapping[str, Any] | str | Path,
        on_record: OnRecord = _nobody,
        *,
        rolls_back: bool = True,
        monitors: Monitors = ModelMonitor,
    ) -> None:
        """A loaded configuration, a plain dict of one, or a file. Raises ConfigError and its kin.

        `on_record` is given each record of the journal, before the monitor takes it. `rolls_back`: the monitor's own
        deploy events are read back; not where the events that are sent hold them already. `monitors` makes those of
        the models.
        """
        self._rolls_back = rolls_back
        self.config = config = _loaded(config)
        self._join = JoinStage(config, 1).task(0)
        self._monitor = cast("MonitorTask", MonitorStage(config, 1, monitors=monitors).task(0))
        self._topics = {name: getattr(config.topics, name) for name in ("predictions", "labels", "metrics", "commands")}
        self._topics["deploys"] = config.topics.deploys
        self._out = MemoryOutputs()
        self._offset = self._now = 0
        self._on_record = on_record
        self._scheduled = any(p.schedule for model in config.models.values() for p in model.policies)
        self.rejected: list[tuple[dict[str, Any], BadRecord]] = []
        """Events that could not be used, and why."""

    @property
    def monitors(self) -> Mapping[str, ModelMonitor]:
        """What is known of each model now."""
        return self._monitor.monitors

    @property
    def now(self) -> int:
        """The newest time so far, epoch ms; 0 before the first event."""
        return self._now

    def run(self, events: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[Found]:
        """What follows from (topic, event) pairs, as it happens."""
        for topic, event in events:
            yield from self.send(topic, event)

    def send(self, topic: str, event: Mapping[str, Any]) -> list[Found]:
        """One event to one topic: predictions, labels, metrics, commands or deploys."""
        if topic not in self._topics:
            raise UserError(f"no topic {topic!r} here; there are {', '.join(self._topics)}")
        time = _time_of(event, self._now)
        if not time:
            raise UserError("the first event needs a `time`: there is no clock here but that of the events")
        return self.feed(topic, orjson.dumps(dict(event), option=orjson.OPT_SERIALIZE_NUMPY), time)

    def feed(self, topic: str, value: bytes | None, time: int, key: bytes | None = None) -> list[Found]:
        """As `send`, for an event as it stands on its topic, written at `time` (epoch ms)."""
        found = self._advance(time)
        record = MemoryRecord(self._topics[topic], 0, 0, value, key, self._now)
        self._join.process(record.topic(), [record], self._out)
        if self._out.rejected:
            self.rejected += [(_object(value), error) for _, error in self._out.rejected]
            self._out.rejected.clear()
        return found + self._journal()

    def tick(self, time: int) -> list[Found]:
        """Let the clock reach `time` (epoch ms), minute by minute where a schedule asks for it."""
        return self._advance(time)

    def _advance(self, time: int) -> list[Found]:
        found: list[Found] = []
        if not self._now:
            self._now = time
            self._monitor.wake(time, self._out)
            return self._journal()
        if time > self._now:
            step = TICK_MS if self._scheduled else max(TICK_MS, time - self._now)
            for at in range(self._now - self._now % TICK_MS + step, time + 1, step):
                self._now = max(self._now, at)
                self._join.wake(at, self._out)
                self._monitor.wake(at, self._out)
                found += self._journal()
        if time > self._now:
            self._now = time
        return found

    def _journal(self) -> list[Found]:
        """Feed the monitor what the stages wrote to the journal; give back what it found."""
        found: list[Found] = []
        for topic, value, key in self._out.take():
            if topic == self.config.topics.journal:
                record = MemoryRecord(topic, 0, self._offset, value, key, self._now)
                self._offset += 1
                self._on_record(record)
                self._monitor.process(topic, [record], self._out)
                found += self._journal()
            elif topic == self.config.topics.deploys:
                if self._rolls_back:
                    self._join.process(topic, [MemoryRecord(topic, 0, 0, value, key, self._now)], self._out)
                    found += self._journal()
            else:
                found += found_in(self.config, topic, value)
        return found


def found_in(config: Config, topic: str, value: bytes) -> list[Found]:
    """The trigger or the decision that a stage has written to a topic; nothing of other topics."""
    if topic == config.topics.triggers:
        return [Trigger.model_validate_json(value)]
    if topic == config.topics.decisions:
        return [Decision.model_validate_json(value)]
    return []


def _object(value: bytes | None) -> dict[str, Any]:
    """An event that was refused, for who wants to look at it."""
    try:
        event = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        event = None
    return event if isinstance(event, dict) else {"raw": (value or b"").decode(errors="replace")}


def _loaded(config: Config | Mapping[str, Any] | str | Path) -> Config:
    if isinstance(config, Config):
        return config
    return load(config) if isinstance(config, (str, Path)) else from_mapping(config)


def _time_of(event: Mapping[str, Any], default: int) -> int:
    try:
        return parse_time(event["time"])
    except (KeyError, ValueError):
        return default
