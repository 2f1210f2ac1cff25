"""What a real cluster has kept, read when all is over: the shape that the simulation's checks take."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, TopicPartition

from streamproc.config.pipeline import Config
from streamproc.kafka.properties import reader
from streamproc.replay.memory import MemoryRecord
from tests.chaos.feed import FATE, NUMBER
from tests.simulation.truth import Place

PATIENCE: Final = 60.0


class RealLog:
    """One partition's committed records."""

    def __init__(self) -> None:
        self._records: dict[int, MemoryRecord] = {}

    def add(self, record: MemoryRecord) -> None:
        """The next one."""
        self._records[record.place] = record

    def committed(self) -> Sequence[MemoryRecord]:
        return list(self._records.values())

    def value_at(self, offset: int) -> bytes | None:
        record = self._records.get(offset)
        return None if record is None else record.value_bytes


class RealKept:
    """All partitions of all topics, as a read_committed reader gets them now."""

    def __init__(self, config: Config, servers: str, partitions: int) -> None:
        """`servers` leads to the brokers directly. Raises TimeoutError."""
        names = [name for _, name in config.topics if isinstance(name, str) and "by-id" not in name]
        self.topics: Mapping[str, int] = dict.fromkeys(names, partitions)
        self.logs = {(topic, n): RealLog() for topic in names for n in range(partitions)}
        for record in _read(servers, self.topics):
            self.logs[record.topic_name, record.number].add(record)
        self._users = [getattr(config.topics, name) for name in ("predictions", "labels", "metrics", "commands")]
        self._deploys = config.topics.deploys

    def by_fate(self, fate: str) -> set[Place]:
        """The places of all that users wrote with this fate."""
        return {place for place, headers in self._written() if headers.get(FATE) == fate.encode()}

    def written(self) -> Counter[int]:
        """How often each numbered record of the users is there."""
        return Counter(int(headers[NUMBER]) for _, headers in self._written())

    def _written(self) -> Iterator[tuple[Place, dict[str, bytes]]]:
        for topic in (*self._users, self._deploys):
            for number in range(self.topics[topic]):
                for record in self.logs[topic, number].committed():
                    headers = dict(record.header_list)
                    if NUMBER in headers:
                        yield (topic, number, record.place), headers


OFFSETS_TOPIC: Final = "__consumer_offsets"
_OFFSET_KEYS: Final = (0, 1)
"""Versions of the keys of offsets; others are of groups (Kafka's OffsetCommitKey.json)."""


def committed_offsets(servers: str, partitions: int) -> Iterator[tuple[tuple[str, str, int], int]]:
    """Every offset that any group ever committed: ((group, topic, partition), offset), each key's in their order."""
    for record in _read(servers, {OFFSETS_TOPIC: partitions}):
        key, value = record.key_bytes or b"", record.value_bytes
        if value and int.from_bytes(key[:2], "big") in _OFFSET_KEYS:
            group, at = _text(key, 2)
            topic, at = _text(key, at)
            yield (group, topic, int.from_bytes(key[at : at + 4], "big")), int.from_bytes(value[2:10], "big")


def _text(data: bytes, at: int) -> tuple[str, int]:
    end = at + 2 + int.from_bytes(data[at : at + 2], "big")
    return data[at + 2 : end].decode(), end


def _read(servers: str, topics: Mapping[str, int]) -> Iterator[MemoryRecord]:
    consumer = Consumer({**reader({"bootstrap.servers": servers, "log_level": 0}), "group.id": "kept"})
    try:
        left = {(topic, n) for topic, count in topics.items() for n in range(count)}
        consumer.assign([TopicPartition(topic, n, 0) for topic, n in left])
        deadline = time.monotonic() + PATIENCE
        while left:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no end of {sorted(left)}")
            for message in consumer.consume(5000, 0.2):
                error = message.error()
                if error is None:
                    deadline = time.monotonic() + PATIENCE
                    yield _record(message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    left.discard((message.topic() or "", message.partition() or 0))
    finally:
        consumer.close()


def _record(message: Any) -> MemoryRecord:
    return MemoryRecord(
        message.topic(),
        message.partition(),
        message.offset(),
        message.value(),
        message.key(),
        message.timestamp()[1],
        tuple(message.headers() or ()),
    )
