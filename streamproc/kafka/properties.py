"""The librdkafka properties of each kind of client: the user's own first, then what correctness depends on.

Where a value is not librdkafka's default, the reason stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping

from streamproc.errors import ConfigError
from streamproc.owned import OWNED

Properties = Mapping[str, str | int | float | bool]

_COMMON: Properties = {
    "log_level": 2,  # errors come through callbacks; librdkafka's own lines would break the structured log
    "reconnect.backoff.max.ms": 2_000,  # after an outage be back within seconds
    "topic.metadata.refresh.interval.ms": 5_000,  # new topics and partitions are noticed in seconds
}
_CONSUMER: Properties = {
    "enable.auto.commit": False,  # offsets go into the transaction
    "enable.auto.offset.store": False,
    "auto.offset.reset": "earliest",
    "isolation.level": "read_committed",
    "partition.assignment.strategy": "range",  # equal partition numbers of all inputs meet in one member
}
_FETCHING: Properties = {
    "check.crcs": True,
    "fetch.wait.max.ms": 100,
    "fetch.queue.backoff.ms": 5,  # the default of 1 s stalls a consumer that keeps up
    "queued.min.messages": 50_000,
    "queued.max.messages.kbytes": 65_536,
}
_MEMBER: Properties = {
    "session.timeout.ms": 10_000,  # a dead process's partitions are taken over within 15 s
    "heartbeat.interval.ms": 500,  # by a heartbeat members learn that somebody leaves or joins: the others wait for it
}
_PRODUCER: Properties = {
    "acks": "all",
    "partitioner": "murmur2_random",  # as Java does; Python's default is CRC32
    "compression.type": "lz4",
    "linger.ms": 5,
    "queue.buffering.max.messages": 1_000_000,
}
_TRANSACTIONAL: Properties = {
    "transaction.timeout.ms": 15_000,  # an unowned open transaction blocks readers for no longer
    "retry.backoff.ms": 2,  # 4 ms for a transaction instead of 106: AddOffsets waits out this back-off
    "retry.backoff.max.ms": 20,
    "linger.ms": 50,  # a commit waits for none of it; large batches cost the producer's thread a third of small ones
}


def refuse_owned(user: Properties) -> None:
    """Raises ConfigError when the user's properties hold one that streamproc sets itself."""
    for name in sorted(OWNED & user.keys()):
        raise ConfigError(f"kafka.{name} is set by streamproc itself: exactly-once depends on it. Remove the line.")


def reader(user: Properties) -> dict[str, str | int | float | bool]:
    """A consumer outside of any group's work: restores, tools."""
    return {**_COMMON, **_FETCHING, **user, **_CONSUMER, "enable.partition.eof": True}


def member(user: Properties, group: str, instance: str) -> dict[str, str | int | float | bool]:
    """A stage's consumer."""
    return {**_COMMON, **_FETCHING, **_MEMBER, **user, **_CONSUMER, "group.id": group, "group.instance.id": instance}


def producer(user: Properties) -> dict[str, str | int | float | bool]:
    """A plain idempotent producer: tools, the demo."""
    return {**_COMMON, **_PRODUCER, **user, "partitioner": _PRODUCER["partitioner"], "enable.idempotence": True}


def transactional(user: Properties, transactional_id: str) -> dict[str, str | int | float | bool]:
    """A stage's producer."""
    return {**producer({**_TRANSACTIONAL, **user}), "transactional.id": transactional_id}


def admin(user: Properties) -> dict[str, str | int | float | bool]:
    """An admin client."""
    return {**_COMMON, **user}
