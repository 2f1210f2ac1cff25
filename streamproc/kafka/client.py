"""The way to a Kafka cluster: makes the ends that the engine works with."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streamproc.engine.ports import Partition
from streamproc.kafka import properties
from streamproc.kafka.admin import Admin
from streamproc.kafka.consumer import GroupConsumer
from streamproc.kafka.errors import of_client
from streamproc.kafka.history import SpanReader
from streamproc.kafka.producer import TransactionalProducer
from streamproc.kafka.properties import Properties, refuse_owned

ASK_SECONDS = 1.0
"""How long a member that stops may wait to hear whether there are others."""


class ConfluentKafka:
    """Implements `streamproc.engine.ports.Kafka` on confluent-kafka."""

    def __init__(self, user: Properties) -> None:
        """`user`: librdkafka properties. Raises ConfigError for one that streamproc owns."""
        refuse_owned(user)
        self._user = user

    def consumer(self, group: str, instance: str) -> GroupConsumer:
        return GroupConsumer(
            properties.member(self._user, group, instance), lambda: Admin(self._user, ASK_SECONDS).members(group)
        )

    def producer(self, transactional_id: str) -> TransactionalProducer:
        return TransactionalProducer(properties.transactional(self._user, transactional_id))

    def history(self, spans: Mapping[Partition, tuple[int, int]]) -> SpanReader:
        return SpanReader(properties.reader(self._user), spans)

    def offset_at(self, partition: Partition, timestamp: int) -> int | None:
        consumer = Consumer({**properties.reader(self._user), "group.id": "streamproc-history"})
        try:
            (found,) = consumer.offsets_for_times([TopicPartition(*partition, timestamp)], 10.0)
        except KafkaException as exc:
            raise of_client(exc, "offsets by time") from exc
        finally:
            consumer.close()
        return int(found.offset) if found.offset >= 0 else None
