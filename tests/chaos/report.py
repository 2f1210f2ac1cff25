"""What a run has measured, as a table for people and as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.chaos.faults import Tally
from tests.chaos.kept import RealKept
from tests.chaos.site import Site


@dataclass(frozen=True)
class Figures:
    """Of one seed. Times in seconds unless they say otherwise; None: not measured."""

    seed: int
    events: int
    """Records that users wrote."""
    records: int
    """All that readers get, of all topics."""
    worker_kills: int
    stalls: int
    stops: int
    broker_kills: int
    broker_restarts: int
    outages: int
    held_frames: int
    duplicates: int
    losses: int
    stale_answers: int
    """Times that a coordinator named an older committed offset than before, just after it came up."""
    first_commit_p50: float | None
    first_commit_max: float | None
    first_commit_amid_max: float | None
    takeover_p50: float | None
    takeover_max: float | None
    commit_ms_p50: float | None
    commit_ms_p99: float | None
    page_commit_ms_p50: float | None
    """By the histograms of the metrics pages."""
    page_commit_ms_p99: float | None
    start_to_live_p50: float | None
    """From the start of a process to its state being complete."""
    start_to_live_max: float | None
    restore_p50: float | None
    """From the assignment of partitions to their first live record."""
    restore_max: float | None
    rss_mb_max: float


def figures(seed: int, site: Site, kept: RealKept, tally: Tally, events: int) -> Figures:
    """Of a run without a breach: so nothing was lost, and nothing came twice."""
    lives = [
        life.live - life.started
        for worker in site.workers.workers.values()
        for life in worker.lives
        if life.live is not None
    ]
    restores = [seconds for w in site.workers.workers.values() for life in w.lives for seconds in life.restores]
    return Figures(
        seed=seed,
        events=events,
        records=sum(len(log.committed()) for log in kept.logs.values()),
        worker_kills=tally.kills,
        stalls=tally.stalls,
        stops=tally.stops,
        broker_kills=tally.broker_kills,
        broker_restarts=tally.broker_restarts,
        outages=tally.outages,
        held_frames=tally.frames,
        duplicates=site.tail.duplicates,
        losses=0,
        stale_answers=len(site.offsets.stale),
        first_commit_p50=quantile(tally.first_commits, 0.5),
        first_commit_max=quantile(tally.first_commits, 1),
        first_commit_amid_max=quantile(tally.first_commits_amid, 1),
        takeover_p50=quantile(tally.takeovers, 0.5),
        takeover_max=quantile(tally.takeovers, 1),
        commit_ms_p50=quantile(site.commits.ms, 0.5),
        commit_ms_p99=quantile(site.commits.ms, 0.99),
        page_commit_ms_p50=site.samples.commit_ms(0.5),
        page_commit_ms_p99=site.samples.commit_ms(0.99),
        start_to_live_p50=quantile(lives, 0.5),
        start_to_live_max=quantile(lives, 1),
        restore_p50=quantile(restores, 0.5),
        restore_max=quantile(restores, 1),
        rss_mb_max=round(max(max(samples) for samples in site.samples.rss_mb.values()), 1),
    )


def quantile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that so many are no larger than; None of nothing."""
    if not values:
        return None
    return round(sorted(values)[max(0, math.ceil(len(values) * share) - 1)], 3)


def table(all_seeds: Sequence[Figures]) -> str:
    """A line for each figure, a column for each seed."""
    rows: list[list[Any]] = [[name, *(asdict(each)[name] for each in all_seeds)] for name in asdict(all_seeds[0])]
    cells = [["-" if cell is None else str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    return "\n".join("  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in cells)


def as_json(all_seeds: Sequence[Figures]) -> dict[str, Any]:
    """The same for machines, with the sums."""
    summed = ("events", "records", "worker_kills", "stalls", "stops", "broker_kills", "held_frames", "duplicates")
    return {
        "seeds": [asdict(each) for each in all_seeds],
        "sums": {name: sum(getattr(each, name) for each in all_seeds) for name in summed},
    }
