"""What data looked like, in few numbers: the reference that drift and the features' soundness are judged against.

The retrain worker sums up the rows that a model was trained on, and its deploy event carries the summary. A pipeline of
the user's own may do the same: `summarise(rows)`, or the same fields written by hand.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Annotated, Any

import orjson
from pydantic import Field, model_validator

from streamproc.events.base import MAX_FEATURES, Event, Number

BINS = 50
"""Of the numbers of one feature; fewer where there are many features."""
CATEGORIES = 200
"""That are kept of one feature."""
_ALL_BINS = 5000
_FEWEST_BINS = 10
MAX_BYTES = 160 * 1024
"""Of a summary as JSON: it must fit into an event. Features beyond that are left out, the largest first."""
_LARGEST = 1e100

NO_SIGNALS: Mapping[str, Callable[[Any], Any]] = MappingProxyType({})

Count = Annotated[int, Field(strict=True, ge=0, le=2**53)]


class SignalSummary(Event):
    """The values of one signal: numbers in bins, texts by value."""

    missing: Count = 0
    edges: Annotated[list[Number], Field(max_length=BINS - 1, default_factory=list)]
    """Upper edges of the numbers' bins, included, ascending; of all bins but the last."""
    counts: Annotated[list[Count], Field(max_length=BINS, default_factory=list)]
    """Numbers in each bin: one more than edges, or none if there are no numbers."""
    low: Number | None = None
    high: Number | None = None
    """The least and the largest number."""
    values: Annotated[dict[str, Count], Field(max_length=CATEGORIES, default_factory=dict)]
    """Texts, and how often each occurred; the most frequent ones."""
    other: Count = 0
    """How often another text occurred."""

    @property
    def n(self) -> int:
        """Values that were there."""
        return sum(self.counts) + sum(self.values.values()) + self.other

    @model_validator(mode="after")
    def _fits_together(self) -> SignalSummary:
        if self.edges != sorted(set(self.edges)):
            raise ValueError("edges must ascend")
        if len(self.counts) != (len(self.edges) + 1 if self.counts or self.edges else 0):
            raise ValueError("there must be one count more than edges")
        if self.low is not None and self.edges and self.edges[0] < self.low:
            raise ValueError("no edge may lie below the lowest number")
        if any(abs(x) > _LARGEST for x in (*self.edges, self.low or 0, self.high or 0)):
            raise ValueError("numbers must lie within 1e100")
        if bool(self.counts) != (self.low is not None and self.high is not None):
            raise ValueError("numbers have a low and a high, and nothing else has")
        return self


class Summary(Event):
    """What a set of rows looked like."""

    rows: Count
    signals: Annotated[dict[str, SignalSummary], Field(max_length=MAX_FEATURES, default_factory=dict)]
    """By the signal's name, such as `feature.amount`."""


def summarise(rows: Iterable[Mapping[str, Any]], signals: Mapping[str, Callable[[Any], Any]] = NO_SIGNALS) -> Summary:
    """Sum up the `features` of rows (training rows, outcomes, predictions). What does not fit is left out.

    `signals`: others by name, and how each is read from a row; None where it has none.
    """
    columns: dict[str, list[Any]] = {}
    count = 0
    for row in rows:
        count += 1
        for name, value in (row.get("features") or {}).items():
            columns.setdefault(f"feature.{name}", []).append(value)
        for name, read in signals.items():
            columns.setdefault(name, []).append(read(row))
    bins = max(_FEWEST_BINS, min(BINS, _ALL_BINS // max(1, len(columns))))
    found = {name: _signal(values, count, bins) for name, values in columns.items()}
    sizes = {name: len(name) + len(orjson.dumps(signal.wire())) for name, signal in found.items()}
    kept, size = dict[str, SignalSummary](), 0
    for name in sorted(found, key=lambda n: (sizes[n], n))[:MAX_FEATURES]:
        size += sizes[name]
        if size > MAX_BYTES:
            break
        kept[name] = found[name]
    return Summary(rows=count, signals=dict(sorted(kept.items())))


def quantile_edges(values: list[float], bins: int) -> list[float]:
    """The upper edges (included) of all bins but the last, ascending and different: quantiles k / bins of `values`.

    A quantile is the smallest value with at least that share of the values at or below it.
    """
    ordered = sorted(values)
    return sorted({ordered[math.ceil(k * len(ordered) / bins) - 1] for k in range(1, bins)})


def _signal(values: list[Any], rows: int, bins: int) -> SignalSummary:
    texts = Counter(value for value in values if isinstance(value, str))
    numbers = sorted(
        float(value) for value in values if isinstance(value, (int, float)) and -_LARGEST <= value <= _LARGEST
    )
    kept = texts.most_common(CATEGORIES)
    fields: dict[str, Any] = {
        "missing": rows - len(numbers) - texts.total(),
        "values": dict(kept),
        "other": texts.total() - sum(times for _, times in kept),
    }
    if numbers:
        edges = quantile_edges(numbers, bins)
        fields |= {"edges": edges, "counts": _counts(numbers, edges), "low": numbers[0], "high": numbers[-1]}
    return SignalSummary.model_validate(fields)


def _counts(ordered: list[float], edges: list[float]) -> list[int]:
    counts, place = [0] * (len(edges) + 1), 0
    for x in ordered:
        while place < len(edges) and x > edges[place]:
            place += 1
        counts[place] += 1
    return counts
