"""The bins that a reference is counted in.

Numbers have quantiles of the reference; texts, and numbers with no more different values than bins, each of the most
frequent values by itself. One bin more, the last, takes all that fits nowhere: rare and unknown
values, text among numbers. Equal quantiles are one: a value that is much repeated fills a wider bin.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from itertools import accumulate
from typing import NamedTuple

from streamproc.events.summary import SignalSummary, quantile_edges

Value = float | str


class Bins(NamedTuple):
    """Either `edges` or `places`, and the reference's values in each bin."""

    edges: list[float]
    """The upper edge (included) of each bin of numbers, but of the last of them."""
    places: dict[Value, int]
    """Bins by value."""
    expected: list[int]


def place_of(value: Value, edges: list[float], places: dict[Value, int]) -> int:
    """The number of a value's bin."""
    if places:
        return places.get(value, len(places))
    if isinstance(value, str):
        return len(edges) + 1
    return bisect_left(edges, value)


def of_values(reference: list[Value], most: int, most_values: int) -> Bins:
    """Bins of these values, at most `most` and the last one; by value where at most `most_values` are different."""
    numbers = [v for v in reference if not isinstance(v, str)]
    frequent = Counter(reference).most_common()
    edges: list[float] = []
    places: dict[Value, int] = {}
    if len(numbers) == len(reference) and len(frequent) > most_values:
        edges = quantile_edges(numbers, most)
        bins = len(edges) + 2
    else:
        places = {v: i for i, (v, _) in enumerate(_in_order(frequent[:most]))}
        bins = len(places) + 1
    expected = [0] * bins
    for value in reference:
        expected[place_of(value, edges, places)] += 1
    return Bins(edges, places, expected)


def _in_order(frequent: list[tuple[Value, int]]) -> list[tuple[Value, int]]:
    """Numbers ascending, so that sums over bins up to one mean something; texts by frequency, as they are."""
    if any(isinstance(value, str) for value, _ in frequent):
        return frequent
    return sorted(frequent)


def of_summary(summary: SignalSummary, most: int) -> Bins | None:
    """Bins of what the summary tells: its own ones, joined until they are `most`. None if it holds nothing."""
    numbers, texts = sum(summary.counts), sum(summary.values.values()) + summary.other
    if texts > numbers:
        frequent = sorted(summary.values.items(), key=lambda item: (-item[1], item[0]))[:most]
        places: dict[Value, int] = {value: i for i, (value, _) in enumerate(frequent)}
        kept = [count for _, count in frequent]
        return Bins([], places, [*kept, numbers + texts - sum(kept)])
    if not numbers:
        return None
    upto = list(accumulate(summary.counts))
    ends = sorted({bisect_left(upto, k * numbers / most) for k in range(1, most)} - {len(summary.edges)})
    sums = [upto[end] for end in ends]
    expected = [high - low for low, high in zip([0, *sums], [*sums, numbers], strict=True)]
    below = math.nextafter(summary.low or 0.0, -math.inf)  # what the reference never was has a bin of its own
    return Bins([below, *(summary.edges[end] for end in ends)], {}, [0, *expected, texts])
