"""A transactional producer, on librdkafka."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import KafkaException, Producer, TopicPartition

from streamproc.engine.ports import Headers, Partition, Position
from streamproc.errors import OutcomeUnknown, ProducerLost
from streamproc.kafka.bookmarks import bookmark_text
from streamproc.kafka.errors import kafka_error, of_client, of_transaction
from streamproc.kafka.patience import Caller, Hung
from streamproc.kafka.properties import Properties

CALL_TIMEOUT = 10.0
"""Seconds for one transactional call, repeats included: less than the transaction's own timeout."""
INIT_TIMEOUT = 5.0
"""The engine asks again: a stop must not wait for a broker that is away."""
GRACE = 5.0
"""Seconds that a call may take beyond the limit that it was given; then it is taken to hang."""
FEW = 500
"""Records of a transaction that are held back until its offsets are in it. One with more of them is a long one."""

Output = tuple[str, bytes | None, bytes | None, int | None, Headers]
"""As the arguments of `send`."""


class TransactionalProducer:
    """Implements `streamproc.engine.ports.Producer`.

    A short transaction's offsets go first, its records after them. The coordinator refuses both while it still writes
    the end of the transaction before. librdkafka tries offsets again after `retry.backoff.ms`, 2 ms here, but
    partitions only after 20, which it does not let be set; once the offsets are in, nothing is refused any more.
    """

    def __init__(self, properties: Properties) -> None:
        """Raises ConfigError."""
        try:
            self._producer = Producer(dict(properties))
        except KafkaException as exc:
            raise of_client(exc, "producer") from exc
        self._produce = self._producer.produce
        self._held: list[Output] | None = None
        """The records so far of a transaction that is open and short."""
        self._patiently = Caller(f"transactions of {properties.get('transactional.id')}")

    def init(self) -> None:
        self._repeat(INIT_TIMEOUT, self._producer.init_transactions)

    def begin(self) -> None:
        try:
            self._producer.begin_transaction()
        except KafkaException as exc:
            raise of_transaction(exc) from exc
        self._held = []

    def send(self, topic: str, value: bytes | None, key: bytes | None, partition: int | None, headers: Headers) -> None:
        if self._held is None:
            self._write(topic, value, key, partition, headers)
            return
        self._held.append((topic, value, key, partition, headers))
        if len(self._held) >= FEW:
            self._release()

    def _release(self) -> None:
        held, self._held = self._held, None
        for output in held or ():
            self._write(*output)

    def _write(
        self, topic: str, value: bytes | None, key: bytes | None, partition: int | None, headers: Headers
    ) -> None:
        while True:
            try:
                if partition is None and not headers:
                    self._produce(topic, value, key)
                else:
                    self._produce(topic, value, key, -1 if partition is None else partition, headers=list(headers))
            except BufferError:
                self._producer.poll(0.01)  # the queue is full: let some of it go out
            except KafkaException as exc:
                raise of_transaction(exc) from exc
            else:
                return

    def commit(self, positions: Mapping[Partition, Position], metadata: object) -> None:
        offsets = [
            TopicPartition(topic, number, position.offset, bookmark_text(position.bookmark))
            for (topic, number), position in positions.items()
        ]
        if offsets:
            self._repeat(CALL_TIMEOUT, self._producer.send_offsets_to_transaction, offsets, metadata)
        self._release()
        self._repeat(CALL_TIMEOUT, self._producer.commit_transaction)

    def abort(self) -> None:
        self._repeat(CALL_TIMEOUT, self._producer.abort_transaction)

    def close(self) -> None:
        # Purged messages were part of a transaction that nobody will commit. `Producer.close` would wait for the
        # broker to abort it; letting go of the object does not, and the successor's `init` aborts it anyway.
        # Nor does one whose call hangs: its thread keeps it.
        self._patiently.close()
        self._producer.purge()
        del self._produce, self._producer

    def _repeat(self, limit: float, call: Callable[..., Any], *arguments: Any) -> None:
        """Call until it goes through; retriable errors are repeated up to the limit, as librdkafka asks."""
        deadline = time.monotonic() + limit
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise OutcomeUnknown(f"{call.__name__} did not finish within {limit:.0f} s")
            try:
                self._patiently(left + GRACE, call, *arguments, left)
            except Hung as exc:
                raise OutcomeUnknown(f"{call.__name__} hangs, {GRACE:.0f} s beyond its limit of {limit:.0f} s") from exc
            except KafkaException as exc:
                if not kafka_error(exc).retriable():
                    raise of_transaction(exc) from exc
                time.sleep(0.002)
            except ValueError as exc:  # librdkafka's word for "this producer has been closed"
                raise ProducerLost(str(exc)) from exc
            else:
                return
