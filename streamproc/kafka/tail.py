"""Reads whole small topics (deploys, triggers, decisions) for people, and sends single events for them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from streamproc.engine.ports import Partition
from streamproc.errors import BrokerUnavailable
from streamproc.kafka import properties
from streamproc.kafka.client import ConfluentKafka
from streamproc.kafka.errors import of_client
from streamproc.kafka.properties import Properties
from streamproc.stage import Record


def spans_of(
    user: Properties, topics: Mapping[str, int], since: int | None = None, timeout: float = 10.0
) -> dict[Partition, tuple[int, int]]:
    """What the topics (name -> partitions) hold now, as offsets [from, to) of each partition.

    `since`: from the first record with this timestamp (epoch ms) or a later one. Raises BrokerUnavailable, UserError.
    """
    probe = Consumer({**properties.reader(user), "group.id": "streamproc-tail"})
    spans = {}
    try:
        for topic, count in topics.items():
            for number in range(count):
                low, high = probe.get_watermark_offsets(TopicPartition(topic, number), timeout)
                if since is not None:
                    (found,) = probe.offsets_for_times([TopicPartition(topic, number, since)], timeout)
                    low = max(low, found.offset) if found.offset >= 0 else high
                spans[topic, number] = (low, high)
    except KafkaException as exc:
        raise of_client(exc, "reading topics") from exc
    finally:
        probe.close()
    return spans


def end_of(user: Properties, partition: Partition, timeout: float = 10.0) -> int:
    """The offset behind the newest record of a partition. Raises BrokerUnavailable, UserError."""
    probe = Consumer({**properties.reader(user), "group.id": "streamproc-tail"})
    try:
        return int(probe.get_watermark_offsets(TopicPartition(*partition), timeout)[1])
    except KafkaException as exc:
        raise of_client(exc, "looking for the journal's end") from exc
    finally:
        probe.close()


def read_spans(user: Properties, spans: Mapping[Partition, tuple[int, int]], timeout: float = 10.0) -> Iterator[Record]:
    """Every committed record in these offsets, each partition in its order; a few at a time are in memory.

    Raises BrokerUnavailable when nothing comes for `timeout` seconds.
    """
    history = ConfluentKafka(user).history(spans)
    try:
        deadline = time.monotonic() + timeout
        while not history.done:
            records = history.read(1000, 1.0)
            if records:
                deadline = time.monotonic() + timeout
            elif time.monotonic() > deadline:
                raise BrokerUnavailable(f"the topics gave nothing for {timeout:.0f} s")
            yield from records
    finally:
        history.close()


def read_all(user: Properties, topics: Mapping[str, int], timeout: float = 10.0) -> Iterator[Record]:
    """Every committed record that the topics (name -> partitions) hold now, each partition in its order.

    Raises BrokerUnavailable when nothing comes for `timeout` seconds.
    """
    yield from read_spans(user, spans_of(user, topics, timeout=timeout), timeout)


def send_all(user: Properties, records: Sequence[tuple[str, bytes, bytes]], timeout: float = 10.0) -> None:
    """Write (topic, key, value) records and wait until the broker has them. Raises BrokerUnavailable, UserError."""
    producer = Producer(properties.producer(user))
    failures: list[Any] = []

    def delivered(error: Any, _: Any) -> None:
        if error is not None:
            failures.append(error)

    for topic, key, value in records:
        producer.produce(topic, value, key, on_delivery=delivered)
    if producer.flush(timeout):
        raise BrokerUnavailable(f"no Kafka broker took the record within {timeout:.0f} s")
    if failures:
        raise of_client(KafkaException(failures[0]), "sending")
