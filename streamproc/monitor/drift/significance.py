"""Whether a distance is more than chance: the size of an effect is one thing, its significance another.

With much data any small shift is significant, and with little data a large distance may be chance. So each distance
comes with the probability of one at least as large between two samples of one distribution, for `n` values in the
reference and `m` in the window, all independent:

- PSI: PSI / (1/n + 1/m) follows chi-square with (bins - 1) degrees of freedom; so without a change it is
  (bins - 1) (1/n + 1/m) on average (Yurdakul, Statistical properties of population stability index, 2018).
- JS: 8 ln(2) JS^2 / (1/n + 1/m) likewise: it is the same quantity to second order.
- KS: Kolmogorov's distribution of (sqrt(k) + 0.12 + 0.11 / sqrt(k)) D with k = n m / (n + m) (Stephens 1970). Repeated
  values and bins make it err on the careful side.
- Texts under KS: Pearson's chi-square of the two histograms.

The window slides and is looked at all the time, so it is no p-value of one test: over a long stream a small one will
come up by chance. It says how far from chance one look is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

_ENOUGH_TERMS = 101
_HOPELESS = 1400.0
"""exp(-x / 2) is 0 beyond."""


def chi_square_tail(x: float, freedom: int) -> float:
    """The probability of a chi-square above x: Q(freedom / 2, x / 2) by its recurrence (Abramowitz and Stegun 26.4)."""
    if x <= 0.0 or freedom < 1:
        return 1.0
    if x > _HOPELESS:
        return 0.0
    half = x / 2
    if freedom % 2:
        a, tail = 0.5, math.erfc(math.sqrt(half))
    else:
        a, tail = 1.0, math.exp(-half)
    while a < freedom / 2:
        tail += math.exp(a * math.log(half) - half - math.lgamma(a + 1.0))
        a += 1.0
    return min(tail, 1.0)


def kolmogorov_tail(x: float) -> float:
    """The probability of Kolmogorov's K above x: 2 times the sum over k of (-1)^(k-1) exp(-2 k^2 x^2)."""
    if x < 0.2:  # noqa: PLR2004 - below, it is 1 to 12 digits, and the sum converges slowly
        return 1.0
    total = math.fsum((-1) ** (k - 1) * math.exp(-2.0 * (k * x) ** 2) for k in range(1, _ENOUGH_TERMS))
    return min(max(2.0 * total, 0.0), 1.0)


def p_value(distance: str, value: float, expected: Sequence[int], counts: Sequence[int], *, is_ordered: bool) -> float:
    """Of a distance between two histograms over the same bins."""
    n, m = sum(expected), sum(counts)
    chance = 1 / n + 1 / m
    freedom = sum(1 for p, q in zip(expected, counts, strict=True) if p or q) - 1
    if distance == "psi":
        return chi_square_tail(value / chance, freedom)
    if distance == "js":
        return chi_square_tail(8.0 * math.log(2.0) * value * value / chance, freedom)
    if is_ordered:
        root = math.sqrt(1 / chance)
        return kolmogorov_tail((root + 0.12 + 0.11 / root) * value)
    pearson = math.fsum((q / m - p / n) ** 2 / (p + q) for p, q in zip(expected, counts, strict=True) if p or q)
    return chi_square_tail(pearson * (n + m) / chance, freedom)
