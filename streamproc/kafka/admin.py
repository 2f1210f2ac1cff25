"""Looking at topics and groups, and creating topics."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from streamproc.errors import BrokerUnavailable, StreamprocError, UserError
from streamproc.kafka import properties
from streamproc.kafka.errors import kafka_error, of_client, of_code
from streamproc.kafka.properties import Properties

TIMEOUT = 10.0
_AGAIN_SECONDS = 0.1
_Answer = TypeVar("_Answer")
_LATEST: Any = OffsetSpec.latest()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """A topic to be created."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a group is behind in one partition, in records; `committed` is None before its first commit."""

    topic: str
    partition: int
    committed: int | None
    end: int

    @property
    def records(self) -> int:
        return self.end - (self.committed or 0)


class _Heard:
    """What the client met on the way: it tells a wrong address from wrong security settings."""

    def __init__(self) -> None:
        self.last = ""
        self.refusal: StreamprocError | None = None

    def __call__(self, error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN:
            self.last = error.str()
            self.refusal = of_code(error) or self.refusal


class Admin:
    """Everything that is asked of a cluster by people and at start."""

    def __init__(self, user: Properties, timeout: float = TIMEOUT) -> None:
        """Raises ConfigError."""
        self._timeout = timeout
        self._servers = user.get("bootstrap.servers")
        # An object of its own: with a method of ours in the client the two would wait for the garbage collector, and
        # the client's end, which takes a moment, would come in the midst of something else.
        self._heard = _Heard()
        try:
            self._client = AdminClient({**properties.admin(user), "error_cb": self._heard})  # type: ignore[dict-item]
        except KafkaException as exc:
            raise of_client(exc, "admin client") from exc

    def partitions(self) -> dict[str, int]:
        """Topic -> number of partitions. Raises BrokerUnavailable within the timeout."""
        try:
            metadata = self._client.list_topics(timeout=self._timeout)
        except KafkaException as exc:
            error = of_client(exc, "listing topics")
            if self._heard.refusal is not None:
                raise self._heard.refusal from exc
            if isinstance(error, BrokerUnavailable):
                why = self._heard.last or exc.args[0].str()
                raise BrokerUnavailable(
                    f"no Kafka broker answers at {self._servers} (kafka.bootstrap.servers): {why}"
                ) from exc
            raise error from exc
        return {name: len(topic.partitions) for name, topic in metadata.topics.items() if topic.error is None}

    def identity(self, topics: Sequence[str]) -> str:
        """Names the cluster and these topics: one that was removed and made again has another.

        Raises BrokerUnavailable, TopicError.
        """
        try:
            cluster = self._client.list_topics(timeout=self._timeout).cluster_id
            answers = self._client.describe_topics(TopicCollection(list(topics)), request_timeout=self._timeout)
            return " ".join([str(cluster), *(str(answers[topic].result().topic_id) for topic in topics)])
        except KafkaException as exc:
            raise of_client(exc, "describing topics") from exc

    def settings(self, topics: Iterable[str]) -> dict[str, dict[str, str]]:
        """Topic -> its settings, defaults included. Topics whose settings this user may not see are left out.

        Raises BrokerUnavailable, TopicError.
        """
        wanted = [ConfigResource(ResourceType.TOPIC, topic) for topic in topics]
        found = {}
        for resource, answer in self._client.describe_configs(wanted, request_timeout=self._timeout).items():
            try:
                found[resource.name] = {name: str(entry.value) for name, entry in answer.result().items()}
            except KafkaException as exc:
                if kafka_error(exc).code() != KafkaError.TOPIC_AUTHORIZATION_FAILED:
                    raise of_client(exc, f"settings of {resource.name}") from exc
        return found

    def create(self, plans: Iterable[TopicPlan]) -> dict[str, str]:
        """Create what is missing -> topic: `created` or `exists`, once every topic can be used.

        A broker answers before it knows the new topics itself; a consumer that subscribed then would wait for its
        next look at the metadata. Raises UserError with the broker's reason.
        """
        wanted = [NewTopic(p.name, p.partitions, p.replication, config=dict(p.config)) for p in plans]
        answers = {}
        for name, future in self._client.create_topics(wanted, operation_timeout=self._timeout).items():
            try:
                future.result(self._timeout + 5)
                answers[name] = "created"
            except KafkaException as exc:
                if exc.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise UserError(f"topic {name} could not be created: {exc.args[0].str()}") from exc
                answers[name] = "exists"
        deadline = time.monotonic() + self._timeout
        while not self._usable(answers):
            if time.monotonic() > deadline:
                raise BrokerUnavailable(f"the new topics cannot be used after {self._timeout:.0f} s")
            time.sleep(0.05)
        return answers

    def _usable(self, topics: Iterable[str]) -> bool:
        """Whether every partition's leader is known and answers as such."""
        found = self.partitions()
        # A broker that has just heard of a topic names it before it names its partitions.
        if not all(found.get(topic) for topic in topics):
            return False
        partitions = [TopicPartition(topic, number) for topic in topics for number in range(found[topic])]
        try:
            for answer in self._client.list_offsets(dict.fromkeys(partitions, _LATEST)).values():
                answer.result(self._timeout)
        except KafkaException as exc:
            error = of_client(exc, "looking at new topics")
            if isinstance(error, BrokerUnavailable):
                return False
            raise error from exc
        return True

    def lags(self, group: str, topics: Mapping[str, int]) -> list[Lag]:
        """A group's lag in every partition of these topics (name -> partitions). Raises BrokerUnavailable."""
        partitions = [TopicPartition(topic, number) for topic, count in topics.items() for number in range(count)]

        def ask() -> list[Lag]:
            committed = {}
            if self._exists(group):
                request = [ConsumerGroupTopicPartitions(group, partitions)]
                (future,) = self._client.list_consumer_group_offsets(request).values()
                answer = future.result(self._timeout).topic_partitions
                committed = {(tp.topic, tp.partition): tp.offset for tp in answer}
            ends = self._client.list_offsets(dict.fromkeys(partitions, _LATEST))
            return [
                Lag(
                    tp.topic,
                    tp.partition,
                    _known(committed.get((tp.topic, tp.partition))),
                    end.result(self._timeout).offset,
                )
                for tp, end in ends.items()
            ]

        return self._patiently(f"offsets of group {group}", ask)

    def members(self, group: str) -> list[str]:
        """The client ids of a group's live members; none of a group that never was. Raises BrokerUnavailable."""

        def ask() -> list[str]:
            if not self._exists(group):
                return []
            (future,) = self._client.describe_consumer_groups([group]).values()
            try:
                return sorted(member.client_id for member in future.result(self._timeout).members)
            except KafkaException as exc:
                if exc.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:  # it has gone in between
                    return []
                raise

        return self._patiently(f"members of group {group}", ask)

    def _exists(self, group: str) -> bool:
        """Whether any broker knows the group.

        Asked for the coordinator of a group, a fresh cluster begins to make the topic of all groups. librdkafka may
        not notice that it is there, then answers after a minute, and its client may never end. This asks brokers.
        """
        found = self._client.list_consumer_groups(request_timeout=self._timeout).result(self._timeout)
        if any(each.group_id == group for each in found.valid):
            return True
        if found.errors:
            raise KafkaException(*found.errors[:1])  # its documentation says exceptions; they are KafkaErrors
        return False

    def _patiently(self, what: str, ask: Callable[[], _Answer]) -> _Answer:
        """What `ask` gives, asked again while a coordinator is on its way: after a start or a move its errors pass.

        Raises BrokerUnavailable when the timeout ends.
        """
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                return ask()
            except TimeoutError as exc:  # of the client's future: it has no text
                raise BrokerUnavailable(f"{what}: no answer within {self._timeout:.0f} s") from exc
            except KafkaException as exc:
                error = of_client(exc, what)
                if not isinstance(error, BrokerUnavailable) or time.monotonic() > deadline:
                    raise error from exc
            time.sleep(_AGAIN_SECONDS)


def _known(offset: int | None) -> int | None:
    return offset if offset is not None and offset >= 0 else None
