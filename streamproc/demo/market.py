"""The demo's world: 45,312 half-hours of an electricity market. See data/README.md."""

from __future__ import annotations

import csv
import lzma
from pathlib import Path
from typing import NamedTuple

FEATURES = ("period", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer")
SOURCE = Path(__file__).parent / "data" / "electricity.csv.xz"


class HalfHour(NamedTuple):
    """One row: what is known when the prediction is asked for, and what turns out later."""

    features: dict[str, float]
    """By name, in the order of FEATURES; each in [0, 1]."""
    label: int
    """1: the price is above its mean of the last 24 hours."""


def load() -> list[HalfHour]:
    """All half-hours, in the order of time."""
    with lzma.open(SOURCE, "rt", encoding="ascii", newline="") as file:
        reader = csv.reader(file)
        next(reader)
        return [HalfHour(dict(zip(FEATURES, map(float, row[:-1]), strict=True)), int(row[-1])) for row in reader]
