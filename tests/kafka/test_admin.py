"""What is asked of a cluster by people."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from streamproc.errors import BrokerUnavailable, UserError
from streamproc.kafka.admin import Admin, TopicPlan
from streamproc.kafka.broker import EmbeddedBroker


@pytest.mark.parametrize("first", ["members", "lags"])
def test_a_group_that_never_was_has_no_members_and_all_the_lag(first: str) -> None:
    """Also on a broker that has never been asked for a group, and has no topic for groups yet."""
    with EmbeddedBroker() as fresh:
        admin = Admin({"bootstrap.servers": fresh.bootstrap_servers})
        if first == "members":
            assert admin.members("nobody") == []
        admin.create([TopicPlan("topic", 2, 1, {})])
        lags = admin.lags("nobody", {"topic": 2})
        assert [(lag.topic, lag.partition, lag.committed, lag.records) for lag in lags] == [
            ("topic", 0, None, 0),
            ("topic", 1, None, 0),
        ]
        assert admin.members("nobody") == []
        assert "__consumer_offsets" not in admin.partitions(), "a question changes nothing"


class Client:
    """An admin client that gives these answers about one group, one after the other."""

    def __init__(self, *answers: Future[Any]) -> None:
        self._answers = list(answers)
        self._passing = [KafkaError(KafkaError.COORDINATOR_LOAD_IN_PROGRESS, "Broker [1] ListConsumerGroups: ")]

    def list_consumer_groups(self, *, request_timeout: float) -> Future[Any]:
        future: Future[Any] = Future()
        if self._passing:
            future.set_result(SimpleNamespace(valid=[], errors=[self._passing.pop()]))
        else:
            future.set_result(SimpleNamespace(valid=[SimpleNamespace(group_id="nobody")], errors=[]))
        return future

    def describe_consumer_groups(self, groups: list[str]) -> dict[str, Future[Any]]:
        return dict.fromkeys(groups, self._answers.pop(0))


def refusal(code: int) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_exception(KafkaException(KafkaError(code, "ConsumerGroupDescribe: ")))
    return future


def asking(monkeypatch: pytest.MonkeyPatch, *answers: Future[Any]) -> Admin:
    admin = Admin({"bootstrap.servers": "127.0.0.1:1"}, timeout=0.5)
    monkeypatch.setattr(admin, "_client", Client(*answers))
    return admin


def test_a_coordinator_that_is_not_there_yet_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a broker's start its errors pass by themselves; then it says that the group has gone."""
    passing = (KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_LOAD_IN_PROGRESS)
    answers = [refusal(code) for code in (*passing, KafkaError.GROUP_ID_NOT_FOUND)]
    assert asking(monkeypatch, *answers).members("nobody") == []


def test_a_coordinator_that_never_comes_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a text, though the broker gives none; an error that does not pass is not asked about again."""
    never = [refusal(KafkaError.NOT_COORDINATOR)] * 100
    with pytest.raises(BrokerUnavailable, match="members of group nobody: ConsumerGroupDescribe: NOT_COORDINATOR"):
        asking(monkeypatch, *never).members("nobody")
    with pytest.raises(UserError, match="nobody: ConsumerGroupDescribe: INVALID_GROUP_ID"):
        asking(monkeypatch, refusal(KafkaError.INVALID_GROUP_ID)).members("nobody")


def test_a_coordinator_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's future only times out, without a word."""
    with pytest.raises(BrokerUnavailable, match="members of group nobody: no answer"):
        asking(monkeypatch, Future()).members("nobody")
