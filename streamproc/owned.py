"""The Kafka properties that a configuration must leave alone: delivery guarantees depend on them."""

from __future__ import annotations

OWNED = frozenset(
    {
        "enable.auto.commit",
        "enable.auto.offset.store",
        "isolation.level",
        "partition.assignment.strategy",
        "group.id",
        "group.instance.id",
        "group.protocol",
        "auto.offset.reset",
        "transactional.id",
        "enable.idempotence",
        "partitioner",
    }
)
