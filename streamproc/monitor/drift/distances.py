"""Distances between two histograms over the same bins: counts of the reference, and of the window.

PSI, the population stability index (Lewis, An introduction to credit scoring, 1994; the symmetric divergence of
Jeffreys, 1946), with p and q the shares of a bin in the reference and in the window:

    PSI = sum over bins of (q - p) ln(q / p)

By custom, below 0.1 is called stable, above 0.25 a shift (Siddiqi, Credit risk scorecards, 2006). Smoothing: half a
value is added to each bin, p = (count + 1/2) / (reference + bins / 2), and likewise q, so an empty bin costs a finite
amount: at most about ln(2 * reference) for all of the window in one new place. Bins that are empty on both sides are
left out, so that a constant gives exactly 0.

JS, the Jensen-Shannon distance (Lin 1991; Endres and Schindelin 2003), 0 to 1, with m = (p + q) / 2:

    JS = sqrt(1/2 sum of p log2(p / m) + 1/2 sum of q log2(q / m))

KS, the Kolmogorov-Smirnov statistic D, 0 to 1: the largest difference between the two shares at or below a value. It is
looked at where bins end, so it may read low by what the fullest bin holds: 1/50 of the reference where no value is
repeated. Texts have no order; of those, D is the largest difference between the shares of any set of them, which is
half the sum of |q - p| (the total variation distance).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import accumulate
from operator import mul, sub

Term = Callable[[int, int, float, float], float]
"""(count in the reference, count in the window, what either is a share of) -> what a bin adds to a sum."""


def psi_term(count_p: int, count_q: int, all_p: float, all_q: float) -> float:
    """What a bin adds to the index, smoothed; nothing if it is empty on both sides."""
    if not count_p and not count_q:
        return 0.0
    p, q = (count_p + 0.5) / all_p, (count_q + 0.5) / all_q
    return (q - p) * math.log(q / p)


def js_term(count_p: int, count_q: int, all_p: float, all_q: float) -> float:
    """What a bin adds to the divergence, in bits."""
    p, q = count_p / all_p, count_q / all_q
    middle, total = (p + q) / 2, 0.0
    if p:
        total += p * math.log2(p / middle)
    if q:
        total += q * math.log2(q / middle)
    return total / 2


def ks(expected: Sequence[int], counts: Sequence[int], *, is_ordered: bool) -> float:
    """D; of bins without an order the total variation distance. Neither side is empty."""
    all_p, all_q = sum(expected), sum(counts)
    gaps = map(sub, map(mul, counts, [all_p] * len(counts)), map(mul, expected, [all_q] * len(counts)))
    if is_ordered:
        largest: int = max(map(abs, accumulate(gaps)))
        return largest / (all_p * all_q)
    differing: int = sum(map(abs, gaps))
    return differing / (2 * all_p * all_q)
