"""The proxy does to Kafka's frames what it is told, and nothing else."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.cimpl import NewTopic

from tests.chaos.brokers import Brokers
from tests.chaos.frames import Api, Request
from tests.chaos.rules import Action, Side
from tests.kafka.harness import PATIENCE, until


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    directory = tmp_path_factory.mktemp("proxy")
    with Brokers(1, directory, directory) as running:
        yield running


@pytest.fixture
def topic(brokers: Brokers) -> Iterator[str]:
    name = uuid.uuid4().hex
    brokers.admin.create_topics([NewTopic(name, 1)])[name].result(PATIENCE)
    yield name
    brokers.proxies.rules.clear()


def transactional(brokers: Brokers, topic: str, client: str = "here") -> Producer:
    producer = Producer(
        {
            "bootstrap.servers": brokers.proxied_servers,
            "client.id": client,
            "transactional.id": topic,
            "retry.backoff.ms": 2,
            "log_level": 0,
        }
    )
    producer.init_transactions(PATIENCE)
    return producer


def begin(producer: Producer, topic: str, value: bytes) -> None:
    producer.begin_transaction()
    producer.produce(topic, value)
    assert producer.flush(PATIENCE) == 0


def committed(brokers: Brokers, topic: str) -> list[bytes | None]:
    """What a reader gets who does not go through the proxy."""
    consumer = Consumer({"bootstrap.servers": brokers.bootstrap_servers, "group.id": "look", "log_level": 0})
    consumer.assign([TopicPartition(topic, 0, 0)])
    values = [m.value() for m in consumer.consume(100, 0.5) if m.error() is None]
    consumer.close()
    return values


def test_a_client_sees_the_proxy_alone_and_what_it_sends_arrives(brokers: Brokers, topic: str) -> None:
    """All of a client's requests go through the proxy, and are read with their kinds and the client's id."""
    seen: list[Request] = []
    brokers.proxies.observers.append(lambda request, response, _: seen.append(request) if response is None else None)
    producer = transactional(brokers, topic, "somebody")
    begin(producer, topic, b"x" * 500_000)
    producer.commit_transaction(PATIENCE)
    begin(producer, topic, b"undone")
    producer.abort_transaction(PATIENCE)
    brokers.proxies.observers.clear()
    assert committed(brokers, topic) == [b"x" * 500_000]
    kinds = {request.api for request in seen}
    assert {Api.INIT_PRODUCER_ID, Api.ADD_PARTITIONS_TO_TXN, Api.PRODUCE, Api.END_TXN, Api.METADATA} <= kinds
    assert {request.client for request in seen} == {"somebody"}
    assert [request.commits for request in seen if request.api == Api.END_TXN] == [True, False]


def commit_and_fail(producer: Producer) -> None:
    with pytest.raises(KafkaException):
        producer.commit_transaction(1.5)


def test_a_held_request_reaches_the_broker_when_it_is_released(brokers: Brokers, topic: str) -> None:
    """An EndTxn that is held commits nothing; let go, it still does, though its client has given up meanwhile."""
    producer = transactional(brokers, topic)
    begin(producer, topic, b"late")
    rule = brokers.proxies.rules.add([Api.END_TXN], Side.REQUEST, Action.HOLD)
    commit_and_fail(producer)
    assert rule.caught == 1
    assert committed(brokers, topic) == []
    del producer
    rule.release()
    until(lambda: committed(brokers, topic), lambda found: found == [b"late"], "the late commit")


def test_a_held_response_means_that_it_was_done(brokers: Brokers, topic: str) -> None:
    """With the answer held, the client does not know of its commit, and readers do."""
    producer = transactional(brokers, topic)
    begin(producer, topic, b"done")
    rule = brokers.proxies.rules.add([Api.END_TXN], Side.RESPONSE, Action.HOLD)
    commit_and_fail(producer)
    until(lambda: committed(brokers, topic), lambda found: found == [b"done"], "the commit")
    rule.release()
    producer.commit_transaction(PATIENCE)


@pytest.mark.parametrize("action", [Action.DROP, Action.RESET])
@pytest.mark.parametrize("side", list(Side))
def test_a_frame_that_never_comes(brokers: Brokers, topic: str, side: Side, action: Action) -> None:
    """A lost request is not carried out and a lost answer is; after a reset the client asks again by itself."""
    producer = transactional(brokers, topic)
    begin(producer, topic, b"once")
    rule = brokers.proxies.rules.add([Api.END_TXN], side, action)
    if action is Action.DROP:
        commit_and_fail(producer)
        wanted = [] if side is Side.REQUEST else [b"once"]
    else:
        producer.commit_transaction(PATIENCE)
        wanted = [b"once"]
    assert rule.caught == 1
    until(lambda: committed(brokers, topic), lambda found: found == wanted, "what readers see")


def test_a_rule_catches_what_it_names_and_no_more(brokers: Brokers, topic: str) -> None:
    """Other clients, other requests, and frames beyond the count pass."""
    add = brokers.proxies.rules.add
    others = add([Api.END_TXN], Side.REQUEST, Action.RESET, client="other")
    twice = add([Api.PRODUCE], Side.REQUEST, Action.RESET, client="he", count=2)
    producer = transactional(brokers, topic)
    for value in (b"1", b"2", b"3"):
        begin(producer, topic, value)
        producer.commit_transaction(PATIENCE)
    assert (others.caught, twice.caught) == (0, 2)
    assert committed(brokers, topic) == [b"1", b"2", b"3"]
