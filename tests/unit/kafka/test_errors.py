"""Which of librdkafka's errors pass, and which a person must end."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException

from streamproc.errors import BrokerUnavailable, UserError
from streamproc.kafka.errors import of_client


@pytest.mark.parametrize(
    "code",
    [
        KafkaError._DESTROY_BROKER,
        KafkaError._TRANSPORT,
        KafkaError.NOT_COORDINATOR,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError._UNKNOWN_PARTITION,
    ],
)
def test_what_an_outage_brings_ends_no_process(code: int) -> None:
    """Brokers that go away, come back and elect leaders are waited for."""
    assert isinstance(of_client(KafkaException(KafkaError(code)), "watermark offsets"), BrokerUnavailable)


def test_what_will_be_met_again_does() -> None:
    """Somebody has to see to it."""
    refused = KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    assert isinstance(of_client(refused, "watermark offsets"), UserError)
