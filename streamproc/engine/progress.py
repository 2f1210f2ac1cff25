"""What an engine has done so far: for the metrics page, which reads it from another thread."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

COMMIT_SECONDS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Durations:
    """A histogram: how many took no longer than each bound, in seconds."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """By the smallest bound that is not below; the last has none."""
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds


@dataclass(slots=True)
class Progress:
    """What the engine has done since it started; read by the metrics page from another thread."""

    records: int = 0
    sent: int = 0
    commits: int = 0
    recoveries: int = 0
    restored_records: int = 0
    restores: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    commit_seconds: Durations = field(default_factory=lambda: Durations(COMMIT_SECONDS))
    restore_seconds: float = 0.0
    """Of the newest restore, from the assignment to the first live record."""
    live: bool = False
    last_step_ms: int = 0
    """Epoch ms: when the loop last went round, also while it restores or owns nothing."""
    restored: Mapping[str, float] = field(default_factory=dict)
    """The stage's gauges when it last went live: what they had of records that were only read again."""
    paused: int = 0
    """Partitions that are stopped because too much of them is unusable."""
