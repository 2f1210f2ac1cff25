"""The topics that a configuration asks for, and whether the cluster's topics fit."""

from __future__ import annotations

from collections.abc import Mapping

from streamproc.config.pipeline import Config
from streamproc.config.units import format_duration
from streamproc.errors import TopicError
from streamproc.events.topics import TOPICS
from streamproc.join.inputs import source_topics
from streamproc.kafka.admin import TopicPlan

COPIES = ("predictions_by_id", "labels_by_id")
_DAY_MS = 86_400_000
_KEPT_WHOLE = {"cleanup.policy": "delete", "retention.bytes": "-1", "max.message.bytes": "1048588"}
"""A cluster's own defaults could cut the journal."""
_KEPT_NEWEST = {
    "cleanup.policy": "compact",
    "max.message.bytes": "1048588",
    # A segment that is still written to is not compacted: small ones, or a restore reads a gigabyte of old snapshots.
    "segment.bytes": str(32 << 20),
    "min.cleanable.dirty.ratio": "0.1",
}


def plan(config: Config) -> list[TopicPlan]:
    """What `streamproc topics create` makes."""
    topics = config.topics
    names = [(getattr(topics, t.name), t.retention_ms) for t in TOPICS]
    if config.join.co_partitioning == "repartition":
        names += [(getattr(topics, name), 14 * _DAY_MS) for name in COPIES]
    # A label may have waited a TTL for its prediction, and is then known for one more.
    needed = 2 * config.join.label_ttl
    names = [(name, max(time, needed) if name in source_topics(config) else time) for name, time in names]
    kept = [
        TopicPlan(name, topics.partitions, topics.replication, {**_KEPT_WHOLE, "retention.ms": str(retention)})
        for name, retention in names
    ]
    return [*kept, TopicPlan(topics.snapshots, topics.partitions, topics.replication, _KEPT_NEWEST)]


def check_layout(config: Config, found: Mapping[str, int]) -> None:
    """Refuse to start on missing topics, or on ones whose partitions do not fit. Raises TopicError."""
    missing = [p.name for p in plan(config) if p.name not in found]
    if missing:
        raise TopicError(
            f"topics are missing: {', '.join(missing)}\n  Make them with: streamproc topics create (or name your "
            "own under `topics:`)"
        )
    for left, right, key in _pairs(config):
        if found[left] != found[right]:
            raise TopicError(
                f"{left} has {found[left]} partitions and {right} has {found[right]}: equal keys ({key}) would not "
                "meet.\n  Give both the same number, or set join.co_partitioning to `repartition`."
                if key == "prediction_id"
                else f"{left} has {found[left]} partitions and {right} has {found[right]}: they must be equal, both "
                f"are keyed by {key}."
            )


def check_retention(config: Config, settings: Mapping[str, Mapping[str, str]]) -> None:
    """Refuse inputs that Kafka forgets sooner than the join; `settings` by topic, as far as they are known.

    Raises TopicError.
    """
    ttl = config.join.label_ttl
    for topic in source_topics(config):
        found = settings.get(topic, {})
        retention = int(found.get("retention.ms", "-1"))
        if "delete" in found.get("cleanup.policy", "delete") and 0 <= retention < ttl:
            raise TopicError(
                f"{topic} keeps its records for {format_duration(retention)} (retention.ms), and join.label_ttl is "
                f"{format_duration(ttl)}: what still waits for its partner could not be read again after a failure.\n"
                f"  Set retention.ms of {topic} to {ttl} or more, or make join.label_ttl shorter."
            )


def _pairs(config: Config) -> list[tuple[str, str, str]]:
    topics = config.topics
    return [
        (*source_topics(config), "prediction_id"),
        (topics.triggers, topics.deploys, "model_id"),
        (topics.journal, topics.snapshots, "model_id"),
    ]
