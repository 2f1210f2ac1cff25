"""Plain readers and writers on a real Kafka."""

from __future__ import annotations

import time
import uuid

import pytest

from streamproc.errors import BrokerUnavailable
from streamproc.kafka.admin import Admin, TopicPlan
from streamproc.kafka.plain import Follower, Sender
from streamproc.stage import Record

PATIENCE = 90.0


def topic(bootstrap: str) -> str:
    name = f"plain-{uuid.uuid4().hex[:8]}"
    Admin({"bootstrap.servers": bootstrap}).create([TopicPlan(name, 2, 1, {})])
    return name


def read(follower: Follower, count: int) -> list[Record]:
    found: list[Record] = []
    deadline = time.monotonic() + PATIENCE
    while len(found) < count and time.monotonic() < deadline:
        found += follower.read(timeout=0.1)
    return found


def test_a_follower_reads_what_was_there_and_what_comes(bootstrap: str) -> None:
    """From the beginning, each partition in its order, and on and on."""
    name, kafka = topic(bootstrap), {"bootstrap.servers": bootstrap}
    with Sender(kafka) as sender, Follower(kafka, {name: 2}) as follower:
        assert follower.read() == []
        for number in range(100):
            sender.send(name, str(number % 7).encode(), str(number).encode())
        first = read(follower, 100)
        sender.send(name, b"0", b"100")
        later = read(follower, 1)
    by_key: dict[bytes | None, list[int]] = {}
    for record in (*first, *later):
        by_key.setdefault(record.key(), []).append(int(record.value() or b"-1"))
    assert sorted(number for numbers in by_key.values() for number in numbers) == list(range(101))
    assert all(numbers == sorted(numbers) for numbers in by_key.values())


def test_what_was_sent_is_there_when_the_sender_is_closed(bootstrap: str) -> None:
    """Leaving the context waits for the broker."""
    name, kafka = topic(bootstrap), {"bootstrap.servers": bootstrap}
    with Sender(kafka) as sender:
        for number in range(1000):
            sender.send(name, b"key", str(number).encode())
    with Follower(kafka, {name: 2}) as follower:
        assert [int(record.value() or b"-1") for record in read(follower, 1000)] == list(range(1000))


def test_nobody_there_is_said() -> None:
    """Records that nobody takes are an error, not lost in silence."""
    sender = Sender({"bootstrap.servers": "127.0.0.1:1"})
    sender.send("t", b"k", b"v")
    with pytest.raises(BrokerUnavailable, match="no Kafka broker took"):
        sender.flush(0.5)
