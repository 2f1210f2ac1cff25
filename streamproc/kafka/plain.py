"""Plain ends, outside of any group's work and any transaction: for tools and the demo."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition

from streamproc.engine.ports import Headers
from streamproc.errors import BrokerUnavailable
from streamproc.kafka import properties
from streamproc.kafka.errors import of_client, of_code
from streamproc.kafka.properties import Properties
from streamproc.stage import Record


class Follower:
    """Reads topics from their beginning on, and goes on as they grow. Sees what was committed, nothing else."""

    def __init__(self, user: Properties, topics: Mapping[str, int]) -> None:
        """`topics`: name -> partitions. Raises ConfigError."""
        try:
            self._consumer = Consumer(
                # It never commits; and the end of a partition is no event for who waits for more.
                {**properties.reader(user), "group.id": "streamproc-follower", "enable.partition.eof": False}
            )
        except KafkaException as exc:
            raise of_client(exc, "consumer") from exc
        self._consumer.assign(
            [TopicPartition(topic, n, OFFSET_BEGINNING) for topic, count in topics.items() for n in range(count)]
        )

    def read(self, limit: int = 1000, timeout: float = 0.0) -> list[Record]:
        """What is there now; if nothing is, wait at most `timeout` seconds. Raises UserError."""
        messages = self._consumer.consume(1, timeout)
        messages += self._consumer.consume(limit - 1, 0) if messages else []
        good = []
        for message in messages:
            error = message.error()
            if error is None:
                good.append(message)
            elif (trouble := of_code(error)) is not None:
                raise trouble
        return cast("list[Record]", good)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, _: TracebackType | None) -> None:
        self._consumer.close()


class Sender:
    """Writes records in the order of the calls, without waiting for the broker."""

    def __init__(self, user: Properties) -> None:
        """Raises ConfigError."""
        try:
            self._producer = Producer(properties.producer(user))
        except KafkaException as exc:
            raise of_client(exc, "producer") from exc
        self._failure: Any = None

    def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        partition: int | None = None,
        headers: Headers = (),
        timestamp: int = 0,
    ) -> None:
        """Without a partition, by the key; `timestamp` in epoch ms, 0 for now.

        Raises UserError, BrokerUnavailable when an earlier record could not be delivered.
        """
        number = -1 if partition is None else partition
        more: dict[str, Any] = {"timestamp": timestamp, "headers": list(headers)} if timestamp or headers else {}
        while True:
            try:
                self._producer.produce(topic, value, key, number, on_delivery=self._delivered, **more)
            except BufferError:
                self._producer.poll(0.01)  # the queue is full: let some of it go out
            else:
                break
        self._producer.poll(0)
        self._check()

    def flush(self, timeout: float = 10.0) -> None:
        """Wait until the broker has everything. Raises BrokerUnavailable, UserError."""
        if self._producer.flush(timeout):
            raise BrokerUnavailable(f"no Kafka broker took the records within {timeout:.0f} s")
        self._check()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, _: TracebackType | None) -> None:
        if kind is not None:
            self._producer.purge()
        else:
            self.flush()

    def _delivered(self, error: Any, _: Any) -> None:
        self._failure = self._failure or error

    def _check(self) -> None:
        if self._failure is not None:
            raise of_client(KafkaException(self._failure), "sending")
