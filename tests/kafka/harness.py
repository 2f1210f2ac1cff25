"""Runs real stages on the real broker for one test, with topics and groups of its own."""

from __future__ import annotations

import contextlib
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from streamproc.app.layout import check_layout, plan
from streamproc.app.run import bounds, may_stop, wall_clock
from streamproc.app.stages import STAGES
from streamproc.config.pipeline import Config
from streamproc.disk.directory import StateDirectory
from streamproc.engine.loop import Engine, Settings
from streamproc.events.topics import INTERNAL, TOPICS
from streamproc.kafka.admin import Admin
from streamproc.kafka.client import ConfluentKafka
from streamproc.kafka.properties import producer, reader
from streamproc.stage import Stage

PATIENCE = 90.0
"""Seconds that a test waits for something that normally takes a fraction of one."""


def configure(bootstrap: str, models: dict[str, Any], **sections: Any) -> Config:
    """A configuration with topic names that no other test uses."""
    mark = uuid.uuid4().hex[:8]
    names = [topic.name for topic in TOPICS] + [topic.name for topic in INTERNAL]
    topics = {name: f"{mark}-{name}" for name in names}
    return Config.model_validate(
        {
            "pipeline": f"t{mark}",
            "kafka": {"bootstrap.servers": bootstrap},
            "topics": {**topics, "partitions": 2, **sections.pop("topics", {})},
            "models": models,
            **sections,
        }
    )


class Running:
    """Stages of a configuration, running until the context ends."""

    def __init__(
        self,
        config: Config,
        stages: Sequence[str] = ("join", "monitor"),
        clock: Callable[[], int] = wall_clock,
        disk: Path | None = None,
    ) -> None:
        """`disk`: where the join keeps its state; without, in memory alone."""
        self.config, self._names, self._clock, self._disk = config, stages, clock, disk
        admin = Admin(config.kafka)
        admin.create(plan(config))
        self.partitions = admin.partitions()
        check_layout(config, self.partitions)

    def __enter__(self) -> Self:
        self._stop = threading.Event()
        self._stack = contextlib.ExitStack()
        self._threads: list[threading.Thread] = []
        self.failures: list[BaseException] = []
        self._tails: dict[str, Tail] = {}
        self._producer = Producer(producer(self.config.kafka))
        self.stages: list[Stage] = []
        self.engines: list[Engine] = []
        for name in self._names:
            self._start(name, "0", self._stop)
        return self

    def add(self, name: str, slot: str) -> Callable[[], None]:
        """One more member of a stage; call what is given back to have it leave."""
        stop = threading.Event()
        threads = self._start(name, slot, stop)

        def leave() -> None:
            stop.set()
            for thread in threads:
                thread.join(PATIENCE)

        return leave

    def _disks(self, slot: str) -> Callable[[], StateDirectory] | None:
        root = self._disk
        if root is None:
            return None

        def disks() -> StateDirectory:
            directory = StateDirectory(root, self.config.pipeline, slot, "test")
            self._stack.callback(directory.close)
            return directory

        return disks

    def _start(self, name: str, slot: str, stop: threading.Event) -> list[threading.Thread]:
        stages = STAGES[name](self.config, self.partitions, self._stack, self._disks(slot))
        settings = Settings(self.config.pipeline, slot, self.config.topics.dead_letters, bounds=bounds(self.config))
        engines = [Engine(stage, ConfluentKafka(self.config.kafka), settings, self._clock) for stage in stages]
        self.stages += stages
        self.engines += engines
        threads = [threading.Thread(target=self._run, args=(*each, stop)) for each in zip(stages, engines, strict=True)]
        self._threads += threads
        for thread in threads:
            thread.start()
        return threads

    def _run(self, stage: Stage, engine: Engine, stop: threading.Event) -> None:
        try:
            engine.run(lambda: (stop.is_set() or self._stop.is_set()) and may_stop(stage))
        except Exception as exc:  # noqa: BLE001 - it is raised in the test's own thread
            traceback.print_exception(exc)
            self.failures.append(exc)

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        self._stack.close()
        for tail in self._tails.values():
            tail.close()
        if kind is None and self.failures:
            raise self.failures[0]

    def send(self, topic: str, *events: dict[str, Any] | bytes) -> None:
        """Write events to one of the pipeline's topics, keyed by the field that the topic is keyed by."""
        field = "prediction_id" if topic in ("predictions", "labels") else "model_id"
        name = getattr(self.config.topics, topic)
        for event in events:
            if isinstance(event, bytes):
                self._producer.produce(name, event, b"")
            else:
                self._producer.produce(name, orjson.dumps(event), str(event.get(field, "")))
        assert self._producer.flush(PATIENCE) == 0

    def partitions_seen(self, name: str) -> int:
        """How many partitions of a topic the writer of events knows; asking makes it look."""
        return len(self._producer.list_topics(name, PATIENCE).topics[name].partitions)

    def read(self, topic: str) -> list[dict[str, Any]]:
        """All committed records that a topic has shown so far. Raises what has stopped a stage, if one was."""
        if self.failures:
            raise self.failures[0]
        name = getattr(self.config.topics, topic)
        if name not in self._tails:
            self._tails[name] = Tail(self.config, name, self.partitions[name])
        return self._tails[name].records()

    def wait_for(self, topic: str, count: int) -> list[dict[str, Any]]:
        """The topic's records, once there are so many. Fails when patience ends."""
        until(lambda: self.read(topic), lambda found: len(found) >= count, f"{count} records in {topic}")
        return self.read(topic)


class Tail:
    """Follows one topic from its beginning, committed records only."""

    def __init__(self, config: Config, name: str, partitions: int) -> None:
        self._consumer = Consumer({**reader(config.kafka), "group.id": "test-tail"})
        self._parts = [TopicPartition(name, number, 0) for number in range(partitions)]
        self._consumer.assign(self._parts)
        self._records: list[dict[str, Any]] = []
        self._read = dict.fromkeys(range(partitions), 0)
        """Up to which offset each partition was read, control records included."""

    def records(self) -> list[dict[str, Any]]:
        """All that is committed at this moment: a consumer that has fetched nothing yet is waited for."""
        deadline = time.monotonic() + PATIENCE
        ends = {tp.partition: self._consumer.get_watermark_offsets(tp, PATIENCE)[1] for tp in self._parts}
        while any(self._read[number] < end for number, end in ends.items()) and time.monotonic() < deadline:
            for message in self._consumer.consume(1000, 0.05):
                number, offset, error = message.partition(), message.offset(), message.error()
                if number is None or offset is None:
                    continue
                if error is None:
                    self._records.append(orjson.loads(message.value() or b"null"))
                    self._read[number] = offset + 1
                elif error.code() == KafkaError._PARTITION_EOF:
                    self._read[number] = max(self._read[number], offset)
        return list(self._records)

    def close(self) -> None:
        self._consumer.close()


def until(look: Callable[[], Any], enough: Callable[[Any], bool], what: str) -> Any:
    """What `look` gives once it is enough."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = look()
        if enough(found):
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {PATIENCE:.0f} s for {what}; there is: {found}")
        time.sleep(0.05)
