"""A member of a consumer group, on librdkafka."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

import structlog
from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, KafkaException, Message, TopicPartition

from streamproc.engine.ports import Partition, Position
from streamproc.errors import MembershipLost, StreamprocError
from streamproc.kafka.bookmarks import bookmark_of
from streamproc.kafka.errors import UNAVAILABLE, kafka_error, of_client, of_code
from streamproc.kafka.properties import Properties
from streamproc.stage import Record

CALL_TIMEOUT = 10.0
Callback = Callable[[list[Partition]], None]


class GroupConsumer:
    """Implements `streamproc.engine.ports.Consumer`."""

    def __init__(self, properties: Properties, members: Callable[[], Sequence[str]]) -> None:
        """`members` tells who is in the group, and may raise StreamprocError. Raises ConfigError."""
        self._log: Any = structlog.get_logger().bind(group=properties.get("group.id"))
        try:
            self._consumer = Consumer(dict(properties) | {"error_cb": self._on_error})
        except KafkaException as exc:
            raise of_client(exc, "consumer") from exc
        self._properties, self._members = properties, members
        self._outsider: Consumer | None = None
        self._down = False

    def subscribe(self, topics: Sequence[str], on_assign: Callback, on_revoke: Callback, on_lost: Callback) -> None:
        def assigned(consumer: Consumer, partitions: list[TopicPartition]) -> None:
            consumer.assign(partitions)
            consumer.pause(partitions)  # nothing is delivered before the state is there
            on_assign(_plain(partitions))

        self._consumer.subscribe(
            list(topics),
            on_assign=assigned,
            on_revoke=lambda _, partitions: on_revoke(_plain(partitions)),
            on_lost=lambda _, partitions: on_lost(_plain(partitions)),
        )

    def consume(self, limit: int, timeout: float) -> list[Record]:
        # consume(n, t) waits the whole of t for n messages: one message first, then what is there.
        messages: list[Message] = self._consumer.consume(1, timeout)
        if messages and limit > 1:
            messages += self._consumer.consume(limit - 1, 0)
        for message in messages:
            if message.error() is not None:
                return self._without_errors(messages)
        if messages and self._down:
            self._down = False
            self._log.info("Kafka answers again")
        return cast("list[Record]", messages)

    def _without_errors(self, messages: list[Message]) -> list[Record]:
        good = []
        for message in messages:
            error = message.error()
            if error is None:
                good.append(message)
                continue
            trouble = of_code(error)
            if trouble is not None:
                raise trouble
            self._log.debug("consumer event", event_name=error.name(), detail=error.str())
        return cast("list[Record]", good)

    def group_metadata(self) -> object:
        return self._consumer.consumer_group_metadata()

    def committed(self, partitions: Iterable[Partition]) -> dict[Partition, Position]:
        answer = self._call("committed offsets", self._consumer.committed, _theirs(partitions), CALL_TIMEOUT)
        found = {}
        for tp in answer:
            if tp.error is not None:
                raise self._translate(KafkaException(tp.error), "committed offsets")
            if tp.offset != OFFSET_INVALID and tp.offset >= 0:
                found[tp.topic, tp.partition] = Position(tp.offset, bookmark_of(tp.metadata))
        return found

    def bounds(self, partition: Partition) -> tuple[int, int]:
        # A read_committed consumer is told the end of what it may read. A predecessor's last transaction may be
        # committed and its end not yet be written in this partition: what is in it must be waited for.
        if self._outsider is None:
            outsider = {**self._properties, "isolation.level": "read_uncommitted"}
            outsider.pop("group.instance.id", None)
            self._outsider = Consumer(outsider)
        low, high = self._call(
            "watermark offsets", self._outsider.get_watermark_offsets, TopicPartition(*partition), CALL_TIMEOUT
        )
        return low, high

    def position(self, partition: Partition) -> int:
        (tp,) = self._consumer.position([TopicPartition(*partition)])
        return int(tp.offset)

    def pause(self, partitions: Iterable[Partition]) -> None:
        self._consumer.pause(self._still_mine(partitions))

    def resume_at(self, positions: Mapping[Partition, int]) -> None:
        mine = self._still_mine(positions)
        for tp in mine:
            tp.offset = positions[tp.topic, tp.partition]
            self._call("seek", self._consumer.seek, tp)
        self._consumer.resume(mine)

    def resign(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        if not self._has_company():
            return
        # librdkafka never lets a static member leave when it is closed; when it unsubscribes, it does.
        try:
            self._call("leaving the group", self._consumer.unsubscribe)
        except MembershipLost:  # another member has the place already: there is nothing to hand over
            return
        while self._consumer.memberid() and time.monotonic() < deadline:
            self._consumer.consume(1, 0.01)

    def _has_company(self) -> bool:
        """A member that is alone keeps its place: nobody waits for it, and an empty group takes its time to begin."""
        try:
            return not self._down and len(self._members()) > 1
        except StreamprocError:  # nobody answers: there is no way to leave either
            return False

    def close(self) -> None:
        self._consumer.close()
        if self._outsider is not None:
            self._outsider.close()

    def _still_mine(self, partitions: Iterable[Partition]) -> list[TopicPartition]:
        mine = set(_plain(self._consumer.assignment()))
        return _theirs(p for p in partitions if p in mine)

    def _call(self, what: str, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except KafkaException as exc:
            raise self._translate(exc, what) from exc

    def _translate(self, exc: KafkaException, what: str) -> StreamprocError:
        error = kafka_error(exc)
        if error.code() == KafkaError._FATAL:
            # A fenced client says so once, in `consume`; to whoever asks before that, only that it can do no more.
            return MembershipLost(f"{what}: {error.str()}")
        return of_client(exc, what)

    def _on_error(self, error: Any) -> None:
        if error.code() in UNAVAILABLE and not self._down:
            self._down = True
            self._log.warning("Kafka does not answer: trying again", detail=error.str())


def _plain(partitions: Iterable[TopicPartition]) -> list[Partition]:
    return [(tp.topic, tp.partition) for tp in partitions]


def _theirs(partitions: Iterable[Partition]) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for topic, number in partitions]
