"""Every detector with its default settings: cost, false alarms, and how soon it sees a change.

    python benchmarks/detectors.py [--values 300000] [--runs 40] [--only cusum ewma] [--set threshold=40]

*µs*: one `update` in CPU time, the best of five rounds. *false alarms*: in 10,000 outcomes of a steady stream, over
`--values` of them, with a reset after each as by a deploy. *delay*: outcomes from the change (its beginning) to the
detection, the median of `--runs` seeded streams that were steady for 3,000 outcomes before; a share in brackets where
some did not see it within 10,000. Errors are 0 and 1 at a rate; numbers are normal, and their mean moves by so many
standard deviations; a gradual change goes on evenly over 4,000 outcomes. It prints Markdown.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, get_args

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # it is run as a script, from anywhere

from streamproc.config.detectors import BINARY, AnyDetector, Custom
from streamproc.monitor.detectors import build

QUIET, LIMIT, GRADUAL, TIMED = 3_000, 10_000, 4_000, 20_000
Level = Callable[[int], float]
"""Outcomes since the change -> rate of errors, or mean."""


def stays(level: float) -> Level:
    """Nothing changes."""
    return lambda _: level


def jumps(before: float, after: float) -> Level:
    """At once."""
    return lambda n: before if n < 0 else after


def climbs(before: float, after: float) -> Level:
    """Evenly, over GRADUAL outcomes."""
    return lambda n: before + (after - before) * min(max(n / GRADUAL, 0.0), 1.0)


STEADY: dict[str, tuple[str, Level]] = {
    "5 %": ("errors", stays(0.05)), "10 %": ("errors", stays(0.1)), "30 %": ("errors", stays(0.3)),
    "numbers": ("numbers", stays(0.0)),
}  # fmt: skip
CHANGES: dict[str, tuple[str, Level]] = {
    "10 → 15 %": ("errors", jumps(0.1, 0.15)),
    "10 → 20 %": ("errors", jumps(0.1, 0.2)),
    "10 → 40 %": ("errors", jumps(0.1, 0.4)),
    "10 → 20 % gradual": ("errors", climbs(0.1, 0.2)),
    "numbers + 0.5": ("numbers", jumps(0.0, 0.5)),
    "numbers + 2": ("numbers", jumps(0.0, 2.0)),
}


def stream(kind: str, level: Level, first: int, seed: str) -> Iterator[float]:
    """Values from the place `first`; the change is at 0."""
    rng, n = random.Random(seed), first  # noqa: S311 - data, not secrets
    while True:
        yield float(rng.random() < level(n)) if kind == "errors" else rng.gauss(level(n), 1.0)
        n += 1


def can_take(kind: str, detector: Any) -> bool:
    """Some take 0 and 1 only."""
    return kind == "errors" or not isinstance(detector, BINARY)


def cost(detector: Any) -> float:
    """µs an update."""
    values = list(islice(stream("errors", stays(0.1), 0, "cost"), TIMED))
    best = float("inf")
    for _ in range(5):
        update = build(detector).update
        start = time.process_time()
        for x in values:
            update(x)
        best = min(best, time.process_time() - start)
    return best / TIMED * 1e6


def false_alarms(detector: Any, kind: str, level: Level, count: int) -> float:
    """In 10,000 values."""
    watch, found = build(detector), 0
    for x in islice(stream(kind, level, 0, "steady"), count):
        if watch.update(x):
            found += 1
            watch.reset()
    return found / count * 10_000


def delays(detector: Any, kind: str, level: Level, runs: int) -> list[int]:
    """Of each run, LIMIT + 1 where nothing was seen."""
    found = []
    for run in range(runs):
        watch, values = build(detector), stream(kind, level, -QUIET, f"{run}")
        for x in islice(values, QUIET):
            watch.update(x)
        seen = (n for n, x in enumerate(islice(values, LIMIT), start=1) if watch.update(x))
        found.append(next(seen, LIMIT + 1))
    return found


def told(found: list[int]) -> str:
    """The median, and how many saw it, if not all did."""
    middle, seen = median(found), sum(d <= LIMIT for d in found) / len(found)
    words = f"{middle:,.0f}" if middle <= LIMIT else "-"
    return words if seen == 1 else f"{words} ({seen:.0%})"


def row(detector: Any, given: argparse.Namespace) -> list[str]:
    """One line of the table."""
    cells = [f"`{detector.type}`", f"{cost(detector):.2f}"]
    for kind, level in STEADY.values():
        usable = can_take(kind, detector)
        cells.append(f"{false_alarms(detector, kind, level, given.values):.2g}" if usable else "")
    for kind, level in CHANGES.values():
        usable = can_take(kind, detector)
        cells.append(told(delays(detector, kind, level, given.runs)) if usable else "")
    return cells


def main() -> None:
    """Run it and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--values", type=int, default=300_000)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--only", nargs="+", default=[], metavar="TYPE")
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=NUMBER", help="with --only: other settings")
    given = parser.parse_args()
    kinds = [kind for kind in get_args(AnyDetector) if kind is not Custom]
    settings = {name: float(value) for name, _, value in (each.partition("=") for each in given.set)}
    head = ["", "µs", *(f"false, {name}" for name in STEADY), *CHANGES]
    print("|", " | ".join(head), "|")
    print("|" + " --- |" * len(head))
    for kind in kinds:
        name = kind.model_fields["type"].default
        if given.only and name not in given.only:
            continue
        print("|", " | ".join(row(kind.model_validate(settings), given)), "|", flush=True)


if __name__ == "__main__":
    main()
