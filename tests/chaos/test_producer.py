"""What streamproc's own producer makes of frames that do not come."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer
from confluent_kafka.cimpl import NewTopic

from streamproc.engine.ports import Position
from streamproc.errors import OutcomeUnknown
from streamproc.kafka import producer
from streamproc.kafka.producer import TransactionalProducer
from streamproc.kafka.properties import transactional
from tests.chaos.brokers import Brokers
from tests.chaos.frames import Api
from tests.chaos.rules import Action, Side
from tests.kafka.harness import PATIENCE


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    directory = tmp_path_factory.mktemp("producer")
    with Brokers(1, directory, directory) as running:
        yield running


@pytest.mark.parametrize(
    ("api", "side"),
    [
        (Api.ADD_OFFSETS_TO_TXN, Side.REQUEST),
        (Api.TXN_OFFSET_COMMIT, Side.RESPONSE),
        (Api.END_TXN, Side.REQUEST),
        (Api.END_TXN, Side.RESPONSE),
    ],
)
def test_a_commit_ends_in_time_whatever_is_held(
    brokers: Brokers, monkeypatch: pytest.MonkeyPatch, api: Api, side: Side
) -> None:
    """The outcome is unknown then; a new producer with the same id takes over, and what it does goes through."""
    monkeypatch.setattr(producer, "CALL_TIMEOUT", 1.0)
    monkeypatch.setattr(producer, "GRACE", 1.0)
    name = uuid.uuid4().hex
    brokers.admin.create_topics([NewTopic(name, 1)])[name].result(PATIENCE)
    properties: dict[str, str | int | float | bool] = {"bootstrap.servers": brokers.proxied_servers, "log_level": 0}
    group = Consumer({**properties, "group.id": name})
    positions = {(name, 0): Position(0)}
    settled(properties, name).close()  # the coordinator's own topic is made at first use, and takes its time
    first = settled(properties, name)
    first.begin()
    first.send(name, b"x", None, None, ())
    rule = brokers.proxies.rules.add([api], side, Action.HOLD, count=100, seconds=10 * PATIENCE)
    with pytest.raises(OutcomeUnknown):
        first.commit(positions, group.consumer_group_metadata())
    assert rule.caught
    assert not rule.is_over
    first.close()
    rule.release()
    second = settled(properties, name)
    second.begin()
    second.send(name, b"y", None, None, ())
    monkeypatch.setattr(producer, "CALL_TIMEOUT", PATIENCE)
    second.commit(positions, group.consumer_group_metadata())
    second.close()
    group.close()


def settled(properties: dict[str, str | int | float | bool], name: str) -> TransactionalProducer:
    made = TransactionalProducer(transactional({**properties, "transaction.timeout.ms": 60_000}, name))
    made.init()
    return made
