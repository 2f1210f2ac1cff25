"""Makes long quiet streams of a recorded quiet period: a block bootstrap, seeded.

Values near each other belong together (a bad hour is bad for many requests), so blocks of them are drawn, not single
ones. What is slower than a block (a week's rhythm) is torn apart; a longer block keeps more of it, and makes streams
that are more like the recording itself. H. R. Künsch, The jackknife and the bootstrap for general stationary
observations, Annals of Statistics 17, 1989; circular: D. N. Politis and J. P. Romano, 1992.
"""

from __future__ import annotations

import math
import random  # noqa: TID251 - seeded: the same stream for the same seed
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

T = TypeVar("T")
SHORTEST_BLOCK = 20


def block_length(values: int) -> int:
    """2 n^(1/3), the order that is best for a variance (Künsch), and no less than 20."""
    return int(min(max(SHORTEST_BLOCK, round(2 * math.cbrt(values))), max(1, values)))


class Draw(NamedTuple):
    """How streams are made of a recording."""

    seed: str
    block: int | None = None
    """Values in a block; None: by their number."""

    def named(self, name: object) -> Draw:
        """Another seed for each name."""
        return Draw(f"{self.seed}/{name}", self.block)


def resampled(values: Sequence[T], draw_by: Draw) -> Iterator[T]:
    """An endless stream of blocks of `values`, each beginning anywhere; behind the end comes the beginning."""
    draw = random.Random(draw_by.seed).randrange  # noqa: S311 - no secret
    count = len(values)
    block = draw_by.block or block_length(count)
    twice = [*values, *values[:block]]
    while True:
        start = draw(count)
        yield from twice[start : start + block]


def shifted(values: Iterator[float], shift: float, mean: float, seed: str, *, binary: bool) -> Iterator[float]:
    """The stream with its mean moved by `shift`; of zeros and ones, some are turned over."""
    if not binary:
        for value in values:
            yield value + shift
        return
    chance = random.Random(seed).random  # noqa: S311 - no secret
    to, share = (1.0, shift / (1 - mean)) if shift > 0 else (0.0, -shift / mean)
    for value in values:
        yield to if value != to and chance() < share else value
