"""Which topics the join reads predictions and labels from."""

from __future__ import annotations

from streamproc.config.pipeline import Config


def source_topics(config: Config) -> tuple[str, str]:
    """(predictions, labels): the user's topics, or their repartitioned copies."""
    topics = config.topics
    if config.join.co_partitioning == "repartition":
        return topics.predictions_by_id, topics.labels_by_id
    return topics.predictions, topics.labels
