"""In which order a transaction's records and offsets go to Kafka."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from streamproc.engine.ports import Position
from streamproc.kafka.producer import FEW, TransactionalProducer
from streamproc.kafka.properties import transactional

POSITIONS = {("in", 0): Position(7)}


class Calls:
    """A client that notes what it is asked for."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def begin_transaction(self) -> None:
        self.made.append("begin")

    def produce(self, topic: str, value: bytes, *_: Any, **__: Any) -> None:
        self.made.append(value.decode())

    def send_offsets_to_transaction(self, *_: Any) -> None:
        self.made.append("offsets")

    def commit_transaction(self, *_: Any) -> None:
        self.made.append("commit")

    def abort_transaction(self, *_: Any) -> None:
        self.made.append("abort")

    def purge(self) -> None:
        self.made.append("purge")


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def producer(calls: Calls) -> Iterator[TransactionalProducer]:
    producer = TransactionalProducer(transactional({"bootstrap.servers": "127.0.0.1:1"}, "t"))
    producer._producer, producer._produce = calls, calls.produce  # type: ignore[assignment] # a fake
    yield producer
    producer.close()


def send(producer: TransactionalProducer, *values: str) -> None:
    for value in values:
        producer.send("out", value.encode(), None, None, ())


def test_the_offsets_of_a_short_transaction_go_before_its_records(
    producer: TransactionalProducer, calls: Calls
) -> None:
    """A partition that is refused because the transaction before is not over costs 20 ms, offsets 2."""
    for number in ("1", "2"):
        producer.begin()
        send(producer, f"a{number}", f"b{number}")
        producer.commit(POSITIONS, None)
    assert calls.made == ["begin", "offsets", "a1", "b1", "commit", "begin", "offsets", "a2", "b2", "commit"]


def test_a_long_transaction_does_not_wait_for_its_offsets(producer: TransactionalProducer, calls: Calls) -> None:
    values = [str(number) for number in range(FEW + 3)]
    producer.begin()
    send(producer, *values)
    assert calls.made == ["begin", *values]
    producer.commit(POSITIONS, None)
    assert calls.made[-2:] == ["offsets", "commit"]


def test_what_was_held_back_is_no_part_of_the_next_transaction(producer: TransactionalProducer, calls: Calls) -> None:
    producer.begin()
    send(producer, "undone")
    producer.abort()
    producer.begin()
    send(producer, "done")
    producer.commit(POSITIONS, None)
    assert calls.made == ["begin", "abort", "begin", "offsets", "done", "commit"]


def test_records_without_any_offsets_are_written_too(producer: TransactionalProducer, calls: Calls) -> None:
    producer.begin()
    send(producer, "alone")
    producer.commit({}, None)
    assert calls.made == ["begin", "alone", "commit"]
