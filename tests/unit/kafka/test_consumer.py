"""What a group member makes of a client that can do no more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from streamproc.errors import MembershipLost
from streamproc.kafka.client import ConfluentKafka
from streamproc.kafka.consumer import GroupConsumer


class FencedClient:
    """librdkafka after it was fenced: each call that needs the group is refused, with a code that says only that."""

    def unsubscribe(self) -> None:
        raise KafkaException(KafkaError(KafkaError._FATAL, "Failed to remove subscription: Local: Fatal error"))

    def committed(self, *arguments: Any) -> None:
        raise KafkaException(KafkaError(KafkaError._FATAL, "Local: Fatal error"))

    def close(self) -> None:
        pass


@pytest.fixture
def fenced() -> Iterator[GroupConsumer]:
    kafka = ConfluentKafka({"bootstrap.servers": "127.0.0.1:1"})
    consumer = kafka.consumer("g", "g-0")
    consumer._consumer.close()
    consumer._consumer = FencedClient()  # type: ignore[assignment] # a fake
    consumer._members = lambda: ["0", "1"]
    yield consumer
    consumer.close()


def test_a_fenced_member_that_stops_has_nothing_to_hand_over(fenced: GroupConsumer) -> None:
    """Fenced just before SIGTERM: that is no error, the process ends as it was told to."""
    fenced.resign(1.0)


def test_a_call_that_hears_of_the_fencing_first_loses_the_membership(fenced: GroupConsumer) -> None:
    """The engine joins again, as if `consume` had said it."""
    with pytest.raises(MembershipLost):
        fenced.committed([("t", 0)])
