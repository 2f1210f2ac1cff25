"""The retrain stage against logs in memory: batches, transactions, aborts, restores and crashes, as in the engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from streamproc.config.pipeline import Config
from streamproc.engine.transaction import Discard
from streamproc.errors import BadRecord
from streamproc.events.deploy import FINAL
from streamproc.events.trigger import Trigger
from streamproc.replay.memory import MemoryRecord
from streamproc.retrain.stage import RetrainStage
from streamproc.retrain.task import RetrainTask
from streamproc.stage import Record
from tests.unit.retrain.support import DEPLOYS, NOW, TRIGGERS, FakeDirectories, FakeExecutor, record


class _Outputs:
    """What a transaction holds."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes, bytes | None, list[tuple[str, bytes]]]] = []
        self.rejected: list[BadRecord] = []
        self.records: list[Record] = []
        """Those that were rejected."""

    def send(
        self,
        topic: str,
        value: bytes,
        key: bytes | None = None,
        *,
        partition: int | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        assert partition is None
        self.sent.append((topic, value, key, list(headers)))

    def reject(self, record: Record, error: BadRecord) -> None:
        self.rejected.append(error)
        self.records.append(record)


class World:
    """One partition of triggers and deploys, and one worker on it."""

    def __init__(self, config: Config, max_jobs: int = 1) -> None:
        worker = config.worker.model_copy(update={"max_jobs": max_jobs})
        self.config, self.max_jobs, self.now = config.model_copy(update={"worker": worker}), max_jobs, NOW
        self.logs: dict[str, list[MemoryRecord]] = {TRIGGERS: [], DEPLOYS: []}
        self.committed = {TRIGGERS: 0, DEPLOYS: 0}
        self.executors: list[FakeExecutor] = []
        self.dead_letters: list[BadRecord] = []
        self.boot()

    # -- what others write --

    def add_trigger(self, trigger: Trigger) -> None:
        self.append(TRIGGERS, trigger.wire())

    def append(self, topic: str, event: dict[str, Any] | bytes) -> None:
        self.logs[topic].append(record(topic, len(self.logs[topic]), event, self.now))

    # -- the worker --

    def boot(self) -> None:
        """A new process: nothing is left of the old one but the logs."""
        self.executor, self.directories = FakeExecutor(), FakeDirectories()
        self.executors.append(self.executor)
        self.stage = RetrainStage(self.config, 1, self.executor, self.directories)
        self.restore()

    def restore(self) -> None:
        """A new task, as after an abort or a rebalance: fold again what is committed, then read on."""
        self.restore_on(0)

    def restore_on(self, partition: int) -> None:
        """The same, of another partition number."""
        self.out = _Outputs()
        task = self.stage.task(partition)
        assert isinstance(task, RetrainTask)
        self.task = task
        self.places = dict(self.committed)
        self.ends = {topic: len(log) for topic, log in self.logs.items()}
        for topic, log in self.logs.items():
            self.task.process(topic, log[: self.committed[topic]], Discard())

    def read(self, topic: str, count: int = 1000) -> None:
        start = self.places[topic]
        batch = self.logs[topic][start : start + count]
        if batch:
            self.task.process(topic, batch, self.out)
            self.places[topic] += len(batch)

    def wake(self) -> None:
        """Only once the ends that were there when the task was opened have been reached."""
        if all(self.places[topic] >= end for topic, end in self.ends.items()):
            self.task.wake(self.now, self.out)

    def commit(self) -> None:
        for topic, value, key, headers in self.out.sent:
            log = self.logs[topic]
            log.append(MemoryRecord(topic, 0, len(log), value, key, self.now, tuple(headers)))
        self.dead_letters += self.out.rejected
        self.committed = dict(self.places)
        self.out = _Outputs()

    def abort(self) -> None:
        self.task.close()
        self.restore()

    def step(self) -> None:
        """One turn of the loop."""
        self.read(TRIGGERS)
        self.read(DEPLOYS)
        self.wake()
        self.commit()

    def settle(self, steps: int = 6) -> None:
        """Turns until nothing more is said."""
        for _ in range(steps):
            self.step()

    # -- what there is to see --

    @property
    def said(self) -> list[dict[str, Any]]:
        """The deploys topic."""
        return [orjson.loads(each.value() or b"") for each in self.logs[DEPLOYS]]

    def finals(self) -> list[dict[str, Any]]:
        return [event for event in self.said if event["status"] in FINAL]
