"""Which of a version's newest losses are of the world as it is now: those since they last rose, if they did.

Without this, a version that was trained because the world got harder would be compared with what the one before it did
in the easier world, and go for that. Only rises count: a rise that is none leaves the larger losses to compare with, so
that what is no worse is rolled back the more seldom.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum
from operator import mul

NEEDED = 12.0
"""Three and a half standard errors, squared: of 1,000 losses that never rose, one or two in a hundred are cut."""
FEWEST = 20
"""Losses on each side."""
CHANCE = 6.25
"""Two and a half standard errors of an autocorrelation, squared."""
MOST_LAGS = 50


def comparable(losses: Sequence[float], level: float) -> int:
    """How many of the newest losses (the last ones) to compare with. A loss beyond `level` is a large one.

    The place is the one that divides the shares of large losses best, by the score test of two proportions; then again
    in what comes after it.
    """
    large = [loss > level for loss in losses]
    count = len(large)
    while (rest := _since_the_rise(large[len(large) - count :])) < count:
        count = rest
    return count


def _since_the_rise(large: Sequence[bool]) -> int:
    n, total = len(large), sum(large)
    spread = total * (n - total) / n / n if n else 0.0
    best, since, newer = NEEDED * spread, n, 0
    for k in range(1, n - FEWEST + 1):
        newer += large[n - k]
        older = n - k
        rise = newer / k - (total - newer) / older
        if k >= FEWEST and rise > 0 and (found := rise * rise * k * older / n) > best:
            best, since = found, k
    return since


def middle(losses: Sequence[float]) -> float:
    """The median, the lower one of two."""
    return sorted(losses)[(len(losses) - 1) // 2]


def run_length(losses: Sequence[float], level: float) -> float:
    """How many losses in a row tell no more than one does: 1 if each is for itself.

    The integrated autocorrelation time of "is large", 1 + 2 (r_1 + r_2 + ...), up to the first that is no more than
    chance. Of runs of L equal losses it is L.
    """
    large = [float(loss > level) for loss in losses]
    n = len(large)
    mean = fsum(large) / n if n else 0.0
    apart = [x - mean for x in large]
    spread = fsum(x * x for x in apart)
    length = 1.0
    for lag in range(1, min(MOST_LAGS, n - 1) + 1):
        r = fsum(map(mul, apart, apart[lag:])) / spread if spread else 0.0
        if r * r * n <= CHANCE or r < 0:
            break
        length += 2 * r
    return length
