"""Which of a version's newest losses are of the world as it is now: those since they last rose, if they did.

Without this, a version that was trained because the world got harder would be compared with what the one before it did
in the easier world, and go for that. Only rises count: a rise that is none leaves the larger losses to compare with, so
that what is no worse is rolled back the more seldom.
"""

from __future__ import annotations

from collections.abc import Sequence

NEEDED = 12.0
"""Three and a half standard errors, squared: of 1,000 losses that never rose, one or two in a hundred are cut."""
FEWEST = 20
"""Losses on each side."""


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
