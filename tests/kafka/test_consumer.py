"""What the engine relies on a real group member for."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable

import pytest
from confluent_kafka import Producer

from streamproc.engine.ports import Partition
from streamproc.errors import MembershipLost
from streamproc.kafka.admin import Admin, TopicPlan
from streamproc.kafka.client import ConfluentKafka
from streamproc.kafka.consumer import GroupConsumer

PATIENCE = 90.0


@pytest.fixture
def topic(bootstrap: str) -> str:
    name = f"consumer-{uuid.uuid4().hex[:8]}"
    Admin({"bootstrap.servers": bootstrap}).create([TopicPlan(name, 1, 1, {})])
    return name


def member(bootstrap: str, topic: str, slot: int = 0, owned: set[Partition] | None = None) -> GroupConsumer:
    """A member that keeps what it owns in `owned`; nobody misses it for a long time when it says nothing."""
    mine: set[Partition] = set() if owned is None else owned
    kafka = ConfluentKafka({"bootstrap.servers": bootstrap, "session.timeout.ms": 120_000})
    consumer = kafka.consumer(f"g-{topic}", f"slot-{slot}")
    consumer.subscribe([topic], mine.update, mine.difference_update, mine.difference_update)
    return consumer


def test_a_second_process_with_one_slot_is_noticed_by_the_first(bootstrap: str, topic: str) -> None:
    """The member that is fenced raises MembershipLost; librdkafka alone would say nothing more for ever."""
    with contextlib.ExitStack() as stack:
        members = [member(bootstrap, topic) for _ in range(2)]
        for one in members:
            stack.callback(one.close)
        deadline = time.monotonic() + PATIENCE
        with pytest.raises(MembershipLost, match="fenced"):
            while time.monotonic() < deadline:
                for one in members:
                    one.consume(1, 0.1)


def test_a_member_that_resigns_lets_the_others_have_its_partitions(bootstrap: str) -> None:
    """Its share is with the other one long before its session ends; alone, a member keeps its place."""
    topic = f"consumer-{uuid.uuid4().hex[:8]}"
    admin = Admin({"bootstrap.servers": bootstrap})
    admin.create([TopicPlan(topic, 4, 1, {})])
    owned: list[set[Partition]] = [set(), set()]
    members = [member(bootstrap, topic, slot, owned[slot]) for slot in range(2)]
    _until(members, lambda: sorted(map(len, owned)) == [2, 2])
    members[0].resign(PATIENCE)
    assert not owned[0]  # told that it was revoked
    members[0].close()
    _until(members[1:], lambda: len(owned[1]) == 4)
    members[1].resign(PATIENCE)
    members[1].close()
    assert len(owned[1]) == 0
    assert len(admin.members(f"g-{topic}")) == 1


def _until(members: list[GroupConsumer], enough: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not enough():
        assert time.monotonic() < deadline
        for one in members:
            one.consume(1, 0.05)


def test_bounds_hold_what_is_not_yet_to_be_read(bootstrap: str, topic: str) -> None:
    """The end of a partition is behind an open transaction too: its owner has to wait for it."""
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": topic, "log_level": 0})
    producer.init_transactions(PATIENCE)
    producer.begin_transaction()
    producer.produce(topic, b"1", partition=0)
    producer.flush(PATIENCE)
    consumer = member(bootstrap, topic)
    try:
        assert consumer.bounds((topic, 0)) == (0, 1)
    finally:
        producer.abort_transaction(PATIENCE)
        consumer.close()
