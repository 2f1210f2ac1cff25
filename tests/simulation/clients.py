"""Implements streamproc.engine.ports on the model, with the habits of librdkafka that matter."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

from streamproc.engine.ports import Headers, Partition, Position
from streamproc.errors import AbortNeeded, BrokerUnavailable, OutcomeUnknown, ProducerLost
from streamproc.stage import Record
from tests.simulation.consumer import SimConsumer
from tests.simulation.faults import Answer
from tests.simulation.group import Identity
from tests.simulation.transactions import Fenced, Refused

if TYPE_CHECKING:
    from tests.simulation.world import Process

CALL_LIMIT_MS = 10_000


class SimKafka:
    """What one process has of Kafka."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def consumer(self, group: str, instance: str) -> SimConsumer:
        return self._process.join(SimConsumer(self._process, self._process.world.group(group), instance))

    def producer(self, transactional_id: str) -> SimProducer:
        self._process.producer = producer = SimProducer(self._process, transactional_id)
        return producer

    def history(self, spans: Mapping[Partition, tuple[int, int]]) -> SimHistory:
        return SimHistory(self._process, spans)

    def offset_at(self, partition: Partition, timestamp: int) -> int | None:
        if not self._process.wait_for_broker(CALL_LIMIT_MS):
            raise BrokerUnavailable("offsets by time")
        return self._process.world.logs[partition].first_at(timestamp)


class SimHistory:
    """Spans of the log, in chunks of any size and from any partition first."""

    def __init__(self, process: Process, spans: Mapping[Partition, tuple[int, int]]) -> None:
        self._process, self._left = process, dict(spans)

    @property
    def done(self) -> bool:
        return not self._left

    def read(self, limit: int, timeout: float) -> list[Record]:
        self._process.reach("history")
        world = self._process.world
        if not self._left or not world.up:
            return []
        partition = world.rng.choice(sorted(self._left))
        start, to = self._left[partition]
        records, place = world.logs[partition].read(start, world.rng.randint(1, min(limit, 60)), to)
        self._left[partition] = (place, to)
        if place >= to:
            del self._left[partition]
        return cast("list[Record]", records)

    def close(self) -> None:
        self._left.clear()


class SimProducer:
    """A transactional producer; what it sends waits in its buffer and goes out now and then, or at the commit."""

    def __init__(self, process: Process, name: str) -> None:
        self._process, self._world, self._name = process, process.world, name
        self._epoch = -1
        self._buffer: list[tuple[str, int, bytes | None, bytes | None, int, Headers]] = []
        self._broken = False
        self.is_open = False
        self._began_as: object = None

    def init(self) -> None:
        self._process.reach("init")
        if not self._process.wait_for_broker(CALL_LIMIT_MS):
            raise OutcomeUnknown("init did not finish")
        self._epoch = self._world.coordinator.init(self._name)

    def begin(self) -> None:
        self._process.reach("begin")
        self.is_open, self._began_as = True, self._process.identity

    def send(self, topic: str, value: bytes | None, key: bytes | None, partition: int | None, headers: Headers) -> None:
        self._process.reach("send")
        if self._broken:
            raise ProducerLost("fenced")
        place = self._world.partition_for(topic, key) if partition is None else partition
        self._buffer.append((topic, place, value, key, self._process.clock(), headers))
        if self._world.rng.random() < 0.1:
            with contextlib.suppress(ProducerLost):  # told at the next call, as delivery reports are
                self._flush()

    def commit(self, positions: Mapping[Partition, Position], metadata: object) -> None:
        self._process.reach("commit")
        self._ask(self._flush)
        if positions:
            self._process.reach("offsets")
            if metadata is not self._began_as:
                self._world.complain("offsets were sent with metadata that is not of the transaction's beginning")
            self._ask(lambda: self._send_offsets(positions, cast("Identity", metadata)))
        self._process.reach("end")
        self._end(commit=True)
        self.is_open = False
        self._process.reach("ended")

    def abort(self) -> None:
        self._process.reach("abort")
        self._buffer.clear()
        self._end(commit=False)
        self.is_open = False

    def close(self) -> None:
        self._buffer.clear()
        self.is_open = False

    def _ask(self, call: Callable[[], None]) -> None:
        if not self._process.wait_for_broker(CALL_LIMIT_MS):
            # librdkafka makes an abortable error of offsets that timed out; the adapter's own limit may come first.
            raise self._world.rng.choice((AbortNeeded, OutcomeUnknown))("no answer in time")
        call()

    def _flush(self) -> None:
        if not self._world.up:
            return
        now = self._world.now
        try:
            for topic, number, value, key, time, headers in self._buffer:
                log = self._world.logs[topic, number]
                transaction = self._world.coordinator.write(self._name, self._epoch, log, now)
                log.append(value, key, time, headers, transaction)
        except Fenced as exc:
            self._broken = True
            raise ProducerLost("fenced") from exc
        self._buffer.clear()

    def _send_offsets(self, positions: Mapping[Partition, Position], who: Identity) -> None:
        group = self._process.own_group
        try:
            self._world.coordinator.offsets(self._name, self._epoch, group, positions, who, now=self._world.now)
        except Refused as exc:
            raise AbortNeeded(str(exc)) from exc
        except Fenced as exc:
            raise ProducerLost("fenced") from exc

    def _end(self, *, commit: bool) -> None:
        if not self._process.wait_for_broker(CALL_LIMIT_MS):
            raise OutcomeUnknown("no answer in time")
        answer = self._world.faults.answer()
        if answer is Answer.LATE:
            self._world.later(self._world.rng.randrange(100, 25_000), lambda: self._end_late(commit=commit))
        elif answer is not Answer.UNHEARD:
            try:
                self._world.coordinator.end(self._name, self._epoch, self._world.now, commit=commit)
            except Fenced as exc:
                raise ProducerLost("fenced") from exc
        if answer is not Answer.GIVEN:
            self._process.stall(CALL_LIMIT_MS, frozen=False)
            raise OutcomeUnknown("no answer in time")

    def _end_late(self, *, commit: bool) -> None:
        with contextlib.suppress(Fenced):
            self._world.coordinator.end(self._name, self._epoch, self._world.now, commit=commit)
