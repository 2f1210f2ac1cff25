"""The summary of data that drift is measured against."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import orjson
import pytest
from pydantic import ValidationError

from streamproc.events.base import MAX_EVENT_BYTES
from streamproc.events.deploy import Deploy
from streamproc.events.summary import BINS, CATEGORIES, SignalSummary, Summary, summarise


def rows(name: str, values: list[Any]) -> list[dict[str, Any]]:
    """Rows with one feature."""
    return [{"features": {name: value}} for value in values]


def test_numbers_are_counted_in_quantiles() -> None:
    """Each bin of a continuous feature holds an equal share, and the edges are numpy's quantiles."""
    rng = random.Random(1)
    values = [rng.gauss(0, 1) for _ in range(1000)]
    found = summarise(rows("x", values)).signals["feature.x"]
    assert found.edges == [float(e) for e in np.quantile(values, np.arange(1, BINS) / BINS, method="inverted_cdf")]
    assert found.counts == [20] * BINS
    assert (found.low, found.high, found.n, found.missing) == (min(values), max(values), 1000, 0)


def test_texts_are_counted_by_value_and_gaps_as_missing() -> None:
    """The most frequent texts are kept, the others counted; what is neither number nor text is missing."""
    texts = [f"t{n}" for n in range(CATEGORIES + 5)] + ["t3"] * 10
    found = summarise([*rows("x", [*texts, None, math.nan, 1e200, 7]), {"features": None}, {}]).signals["feature.x"]
    assert found.values["t3"] == 11
    assert (len(found.values), found.other) == (CATEGORIES, 5)
    assert (found.missing, found.edges, found.counts, found.low, found.high) == (5, [7], [1, 0], 7, 7)
    assert found.n == len(texts) + 1


def test_a_summary_of_very_many_features_fits_into_an_event() -> None:
    """2,000 features with long texts: the largest are left out, and the deploy event is within the limit."""
    rng = random.Random(2)
    wide = [
        {"features": {f"feature{n}": rng.random() if n % 2 else "text" * rng.randrange(250) for n in range(2000)}}
        for _ in range(60)
    ]
    summary = summarise(wide)
    assert 100 < len(summary.signals) < 2000
    deploy = Deploy(model_id="m", status="deployed", time=1_780_000_000_000, model_version="v", reference=summary)
    written = orjson.dumps(deploy.wire())
    assert len(written) < MAX_EVENT_BYTES
    assert Deploy.model_validate(orjson.loads(written)).reference == summary


def test_of_nothing() -> None:
    """No rows, no signals."""
    assert summarise([]) == Summary(rows=0, signals={})


@pytest.mark.parametrize(
    "fields",
    [
        {"edges": [2, 1], "counts": [1, 1, 1], "low": 0, "high": 3},
        {"edges": [1, 1], "counts": [1, 1, 1], "low": 0, "high": 3},
        {"edges": [1], "counts": [1], "low": 0, "high": 3},
        {"edges": [1], "counts": [1, 1]},
        {"edges": [1], "counts": [1, 1], "low": 2, "high": 3},
        {"low": 0, "high": 3},
        {"edges": [1], "counts": [1, -1], "low": 0, "high": 3},
        {"edges": [1e200], "counts": [1, 1], "low": 0, "high": 3},
        {"edges": [math.inf], "counts": [1, 1], "low": 0, "high": 3},
        {"edges": [float(n) for n in range(BINS)], "counts": [1] * (BINS + 1), "low": 0, "high": 99},
        {"values": {str(n): 1 for n in range(CATEGORIES + 1)}},
    ],
)
def test_what_does_not_fit_together_is_refused(fields: dict[str, Any]) -> None:
    """A summary written by hand is checked before it reaches a gauge."""
    with pytest.raises(ValidationError):
        SignalSummary.model_validate(fields)
