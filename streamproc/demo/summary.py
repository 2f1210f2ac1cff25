"""What the demo came to, in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from streamproc.demo import settings
from streamproc.demo.feed import DELAY
from streamproc.demo.status import Status
from streamproc.demo.words import clock, count, thousands


def summary(status: Status, kept: Path | None) -> Iterator[str]:
    """Lines of at most 80 characters; `kept` is the directory that stays, if one does."""
    tally = status.tally
    joined = sum(status.versions.values())
    yield ""
    if tally.rows < tally.total:
        yield (
            f"{thousands(tally.rows)} of {thousands(tally.total)} half-hours in {clock(status.seconds)}: "
            "time was up; --seconds 0 feeds all"
        )
    else:
        yield f"{thousands(tally.rows)} half-hours in {clock(status.seconds)}"
    yield _row("errors, never retrained", tally.never.errors, f"{tally.never.error_rate:.1%}")
    yield _row("errors, with the loop", tally.loop.errors, f"{tally.loop.error_rate:.1%}")
    yield _row("errors avoided", tally.avoided)
    others = f"deployed; {tally.count('rejected')} rejected by the gate; {tally.count('failed')} failed"
    yield _row("retrains", tally.count("deployed"), others)
    if tally.seconds_to_deploy is not None:
        seconds = f"{tally.seconds_to_deploy:.1f}"
        yield f"  {'trigger to deploy':24}{seconds:>7}  seconds (median), until the new model answers"
    if tally.rows_to_deploy is not None:
        yield _row("change to deploy", round(tally.rows_to_deploy), "half-hours (median) from where the detector")
        yield f"{'':35}puts the change; labels take {DELAY} of them"
    yield _row("joined on Kafka", joined, f"predictions with their labels, of {count(len(status.versions), 'version')}")
    yield ""
    yield "What the loop was told (streamproc.yaml, the part about the model):"
    yield from (f"  {line}" for line in settings.MODELS.splitlines())
    yield ""
    if kept is not None:
        yield f"Kept in {kept}:"
        yield "  streamproc.yaml, streamproc.log, artifacts/, and kafka/, to be looked at with"
        yield f"  streamproc broker --data {kept / 'kafka'} --port {status.address.rpartition(':')[2]}"
    else:
        yield "streamproc demo --keep DIR   leave configuration, log, models and Kafka's data"
    yield "streamproc demo --tutorial   conditions, deploys and schedules, step by step"
    yield "README.md, docs/demo.md      your own models; how this one was made"


def _row(name: str, number: int, more: str = "") -> str:
    return f"  {name:24}{thousands(number):>7}  {more}".rstrip()
