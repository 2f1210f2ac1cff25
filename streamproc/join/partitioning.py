"""Do predictions and labels of one id land in the same partition number? Checked on the records themselves.

Python's default partitioner is CRC32, Java's is murmur2: with the same keys, written by two clients, the two sides
of the join would never meet, and nothing would say why.
"""

from __future__ import annotations

from streamproc.errors import TopicError
from streamproc.events.partitioner import PARTITIONERS

SAMPLE = 200
"""Records of each side that are looked at."""
FEWEST = 8
"""Before so many, nothing is said."""
SHARE = 0.75
"""A side's partitioner must explain at least so many of them: single strays are their writer's business."""


class PartitioningCheck:
    """Watches the first records of one task's two topics."""

    def __init__(self, partition: int, partitions: int) -> None:
        self._partition, self._partitions = partition, partitions
        self._seen = {"predictions": 0, "labels": 0}
        self._fits = {side: dict.fromkeys(PARTITIONERS, 0) for side in self._seen}

    def wants(self, side: str) -> bool:
        """Whether more of this side's records should be watched."""
        return self._partitions > 1 and self._seen[side] < SAMPLE

    def watch(self, side: str, prediction_id: str) -> None:
        """Take one record's id. Raises TopicError when the sides cannot meet."""
        if not self.wants(side):
            return
        self._seen[side] += 1
        key = prediction_id.encode()
        for name, partitioner in PARTITIONERS.items():
            self._fits[side][name] += partitioner(key) % self._partitions == self._partition
        if self._seen[side] >= FEWEST and self._seen[side].bit_count() == 1:  # at 8, 16, 32, ...
            self._judge(side, prediction_id)

    def _judge(self, side: str, prediction_id: str) -> None:
        if not self._plausible(side):
            raise TopicError(
                f"{side} are not partitioned by prediction_id (id {prediction_id!r} lies in partition "
                f"{self._partition} of {self._partitions}, like others): the two sides of the join would not meet.\n"
                "  Key both topics by prediction_id, or set join.co_partitioning to `repartition`; if your own "
                "partitioner puts equal ids together in both topics, or partitions were added, set it to `trust`."
            )
        predictions, labels = self._plausible("predictions"), self._plausible("labels")
        if min(self._seen.values()) >= FEWEST and not predictions & labels:
            raise TopicError(
                f"predictions and labels are partitioned by different hashes ({', '.join(predictions)} and "
                f"{', '.join(labels)}): equal ids never meet.\n  Python's clients default to CRC32, Java's to murmur2: "
                "set `partitioner=murmur2_random` in the Python producer, or join.co_partitioning to `repartition`."
            )

    def _plausible(self, side: str) -> set[str]:
        return {name for name, fits in self._fits[side].items() if fits >= SHARE * self._seen[side]}
