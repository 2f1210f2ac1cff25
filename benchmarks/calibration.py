"""Whether calibrated detectors keep their budget, on streams that the calibration has not seen.

    python benchmarks/calibration.py [--values N]

Quiet recordings of 20,000 0/1 errors, independent ones and ones that come in bursts; a budget of one false alarm in
so many values; then the alarms in `--values` (2,000,000) other values of the same kind, and how soon a rise by 10
points is seen.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # it is run as a script, from anywhere

from streamproc.config.detectors import Adwin, PageHinkley
from streamproc.monitor.detectors import build
from streamproc.replay.calibrate import Quiet, calibrated
from streamproc.replay.resample import Draw

RECORDED, SHIFT = 20_000, 0.1


def independent(seed: int) -> Iterator[float]:
    """One in ten is wrong."""
    rng = random.Random(seed)  # noqa: S311 - data, not secrets
    while True:
        yield float(rng.random() < 0.1)  # noqa: PLR2004


def bursts(seed: int) -> Iterator[float]:
    """One in twenty is wrong, and two in five within bursts of ten on average."""
    rng, bad = random.Random(seed), False  # noqa: S311 - data, not secrets
    while True:
        bad = rng.random() < (0.9 if bad else 0.02)
        yield float(rng.random() < (0.4 if bad else 0.05))


def alarms(detector: Any, stream: Iterator[float], count: int) -> int:
    """Each followed by a reset, as a deploy would."""
    watch, found = build(detector), 0
    for value in islice(stream, count):
        if watch.update(value):
            found += 1
            watch.reset()
    return found


def main() -> None:
    """Run it and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--values", type=int, default=2_000_000)
    given = parser.parse_args()
    streams: dict[str, Callable[[int], Iterator[float]]] = {"independent": independent, "bursts": bursts}
    print(
        f"{'stream':12} {'detector':13} {'setting':>18} {'allowed':>8} "
        f"{'as it came':>11} {'calibrated':>11} {'delay':>8}"
    )
    for name, make in streams.items():
        for detector in (Adwin(), PageHinkley()):
            before = alarms(detector, make(2), given.values)
            for budget in (10_000, 100_000):
                quiet = Quiet("error", list(islice(make(1), RECORDED)), Draw("1"))
                chosen = calibrated(detector, quiet, 1 / budget, 1_000_000, SHIFT)
                found = alarms(chosen.detector, make(2), given.values)
                delay = chosen.delay.median if chosen.delay else None
                setting = f"{chosen.field} {chosen.after:g}"
                print(
                    f"{name:12} {detector.type:13} {setting:>18} {given.values // budget:8} {before:11} {found:11} "
                    f"{'> 20,000' if delay is None else f'{delay:,.0f}':>8}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
