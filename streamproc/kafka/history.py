"""Reads spans of topics again, outside of any group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streamproc.engine.ports import Partition
from streamproc.kafka.errors import of_client
from streamproc.kafka.properties import Properties
from streamproc.stage import Record


class SpanReader:
    """Implements `streamproc.engine.ports.History`: committed records with offsets in [from, to)."""

    def __init__(self, properties: Properties, spans: Mapping[Partition, tuple[int, int]]) -> None:
        self._left = {partition: to for partition, (start, to) in spans.items() if start < to}
        self._consumer = Consumer({**properties, "group.id": "streamproc-history"})  # never commits
        self._consumer.assign([TopicPartition(*p, spans[p][0]) for p in self._left])

    @property
    def done(self) -> bool:
        return not self._left

    def read(self, limit: int, timeout: float) -> list[Record]:
        """Raises BrokerUnavailable, UserError."""
        messages = self._consumer.consume(1, timeout)
        messages += self._consumer.consume(limit - 1, 0) if messages else []
        records: list[Record] = []
        for message in cast("list[Any]", messages):  # the client's stubs make everything optional
            partition = (message.topic(), message.partition())
            end = self._left.get(partition)
            if end is None:
                continue
            error = message.error()
            if error is not None:
                if error.code() != KafkaError._PARTITION_EOF:
                    raise of_client(KafkaException(error), "reading again")
                self._finish(partition)  # the rest of the span is holes
                continue
            offset = message.offset()
            if offset < end:
                records.append(message)
            if offset >= end - 1:
                self._finish(partition)
        return records

    def _finish(self, partition: Partition) -> None:
        del self._left[partition]
        self._consumer.pause([TopicPartition(*partition)])

    def close(self) -> None:
        self._consumer.close()
