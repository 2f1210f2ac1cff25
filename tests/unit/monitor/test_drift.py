"""The drift gauge: the population stability index, computed as it is defined."""

from __future__ import annotations

import bisect
import math
import random
import sys
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.config.model import Drift
from streamproc.events.summary import quantile_edges
from streamproc.monitor.drift import DriftGauge

SIGNAL = "feature.x"


def gauge(bins: int = 10, reference: int = 50, window: int = 50, signals: tuple[str, ...] = (SIGNAL,)) -> DriftGauge:
    """A small gauge."""
    return DriftGauge(Drift(signals=signals, reference=reference, window=window, bins=bins))


def fed(watched: DriftGauge, values: list[Any], signal: str = SIGNAL) -> float | None:
    """The drift after so many values."""
    for value in values:
        watched.update(signal, value)
    return watched.of(signal)


def index(reference: list[Any], window: list[Any], bins: int) -> float:
    """The definition, with all counted anew."""
    different = Counter(reference)
    if len(different) <= bins or any(isinstance(v, str) for v in reference):
        top = [v for v, _ in different.most_common(bins)]
        place: Any = lambda v: top.index(v) if v in top else "other"  # noqa: E731 - one line, used here only
    else:
        edges = sorted({float(e) for e in np.quantile(reference, np.arange(1, bins) / bins, method="inverted_cdf")})
        place = lambda v: "other" if isinstance(v, str) else bisect.bisect_left(edges, v)  # noqa: E731
    p, q = Counter(map(place, reference)), Counter(map(place, window))
    used = set(p) | set(q)
    total = 0.0
    for b in used:
        share_p = (p[b] + 0.5) / (len(reference) + 0.5 * len(used))
        share_q = (q[b] + 0.5) / (len(window) + 0.5 * len(used))
        total += (share_q - share_p) * math.log(share_q / share_p)
    return total


numbers = st.floats(-1e100, 1e100) | st.integers(0, 20).map(float)
texts = st.sampled_from(["a", "b", "c", "d", "e", "f"])


@given(
    st.one_of(
        st.lists(numbers, min_size=101, max_size=130),
        st.lists(texts, min_size=101, max_size=130),
        st.lists(numbers | texts, min_size=101, max_size=130),
        st.lists(st.sampled_from([0.0, 1.0, 2.0]), min_size=101, max_size=130),
    ),
    st.integers(2, 12),
    st.integers(1, 9),
)
@settings(deadline=None, max_examples=60)
def test_as_defined(values: list[Any], bins: int, every: int) -> None:
    """The drift is the index counted anew from the raw values, however often it was asked for in between."""
    watched = gauge(bins)
    for n, value in enumerate(values, start=1):
        watched.update(SIGNAL, value)
        if n < 100:
            assert watched.of(SIGNAL) is None
        elif n % every == 0 or n == len(values):
            assert watched.of(SIGNAL) == pytest.approx(
                index(values[:50], values[n - 50 : n], bins), rel=1e-9, abs=1e-12
            )


@pytest.mark.parametrize("value", [0.0, 5.0, -1e100, "same"])
def test_a_constant_does_not_drift(value: Any) -> None:
    """A value that never changes has a drift of exactly 0, also when reference and window differ in size."""
    assert fed(gauge(reference=70), [value] * 500) == 0.0


@pytest.mark.parametrize("other", [5.0000001, 4.0, 6.0, "text"])
def test_a_constant_that_changes(other: Any) -> None:
    """Another constant, above, below or text, is as far as can be, and still finite."""
    drift = fed(gauge(), [5.0] * 100 + [other] * 50)
    assert drift is not None
    assert 4 < drift < math.log(2 * 50 + 1) * 2


@pytest.mark.parametrize("newcomer", [99.0, -1.0, "text"])
def test_a_bin_comes_into_use_and_goes_out(newcomer: Any) -> None:
    """A value that the reference had no bin for enters the smoothing of all bins, and leaves it with the window."""
    usual = [float(n % 4) for n in range(50)]
    values = [*usual, *usual[::2], *usual[:25], newcomer, *usual, *usual]
    watched = gauge()
    for n, value in enumerate(values, start=1):
        watched.update(SIGNAL, value)
        expected = None if n < 100 else pytest.approx(index(usual, values[n - 50 : n], 10), rel=1e-9, abs=1e-12)
        assert watched.of(SIGNAL) == expected


def test_a_shift_is_seen_and_goes_away() -> None:
    """The drift of a normal feature is small, large after a shift by one deviation, and small again after it."""
    rng = random.Random(4)
    watched = gauge(reference=1000, window=1000)
    still = fed(watched, [rng.gauss(0, 1) for _ in range(3000)])
    shifted = fed(watched, [rng.gauss(1, 1) for _ in range(1000)])
    back = fed(watched, [rng.gauss(0, 1) for _ in range(1000)])
    assert (still or 1) < 0.05
    assert (shifted or 0) > 0.5
    assert (back or 1) < 0.05


@pytest.mark.parametrize("bins", [5, 10, 20])
def test_small_sample_bias(bins: int) -> None:
    """Samples of one distribution give (bins - 1) * (1/n + 1/m) on average, as the documentation says."""
    rng = random.Random(bins)
    seen = [fed(gauge(bins, 500, 1000), [rng.random() for _ in range(1500)]) or 0.0 for _ in range(150)]
    expected = (bins - 1) * (1 / 500 + 1 / 1000)
    assert np.mean(seen) == pytest.approx(expected, rel=0.12)
    assert np.std(seen) == pytest.approx(expected * math.sqrt(2 / (bins - 1)), rel=0.25)


def test_categories_are_bounded() -> None:
    """Text that is always new takes no more memory, and drifts from a reference of few categories only."""
    watched, many = gauge(bins=5), gauge(bins=5)
    part: Any = many._signals[SIGNAL]
    fed(many, [f"value {n}" for n in range(100)])
    size = sys.getsizeof(part._places) + sys.getsizeof(part._ring)
    assert len(part._counts) == 6
    assert fed(many, [f"other {n}" for n in range(1000)]) == pytest.approx(index(
        [f"value {n}" for n in range(50)], [f"other {n}" for n in range(50)], 5))  # fmt: skip
    assert sys.getsizeof(part._places) + sys.getsizeof(part._ring) == size
    assert part._reference == []
    assert (fed(watched, ["a", "b"] * 50) or 0) == 0.0
    assert (fed(watched, [f"other {n}" for n in range(50)]) or 0) > 3


def test_quantile_edges() -> None:
    """Edges are values of the reference at the k/bins quantiles, each only once."""
    assert quantile_edges([float(n) for n in range(1, 11)], 5) == [2.0, 4.0, 6.0, 8.0]
    assert quantile_edges([0.0] * 9 + [1.0], 10) == [0.0]
    assert quantile_edges([3.0], 4) == [3.0]


def test_largest_and_names() -> None:
    """`drift` is the largest of the signals that have a value, and each has its own name."""
    watched = gauge(signals=("score", "feature.x", "feature.a.b"))
    getters = watched.getters()
    assert list(getters) == ["drift", "drift.score", "drift.x", "drift.a.b"]
    assert {get() for get in getters.values()} == {None}
    fed(watched, [0.5] * 100, "score")
    assert getters["drift"]() == 0.0
    fed(watched, [1.0] * 50 + [2.0] * 50, "feature.x")
    assert getters["drift"]() == getters["drift.x"]() == watched.value()
    assert (watched.value() or 0) > 4
    assert (getters["drift.score"](), getters["drift.a.b"]()) == (0.0, None)


@given(st.lists(numbers | texts, max_size=130), st.lists(numbers | texts, max_size=130))
@settings(deadline=None, max_examples=40)
def test_reset_equals_fresh(before: list[Any], after: list[Any]) -> None:
    """A gauge that was reset cannot be told from a new one: it gathers another reference. Its getters stay valid."""
    used, fresh = gauge(3), gauge(3)
    getter = used.getters()["drift.x"]
    fed(used, before)
    used.reset()
    assert used.value() is None
    for value in after:
        used.update(SIGNAL, value)
        fresh.update(SIGNAL, value)
        assert getter() == used.value() == fresh.value()
