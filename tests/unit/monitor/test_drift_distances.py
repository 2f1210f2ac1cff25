"""Kolmogorov-Smirnov and Jensen-Shannon distances, references from a summary, and significance: scipy's."""

from __future__ import annotations

import math
import random
from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from streamproc.config.model import Drift
from streamproc.events.summary import BINS, summarise
from streamproc.monitor.drift import DriftGauge
from streamproc.monitor.drift.bins import of_summary
from streamproc.monitor.drift.significance import chi_square_tail, kolmogorov_tail, p_value

X = "feature.x"
DISTANCES = ("psi", "ks", "js")


def gauge(distance: Any, summary: Any = None, **settings: Any) -> DriftGauge:
    """Of one feature."""
    sizes: dict[str, Any] = {"reference": 200, "window": 100, **settings}
    return DriftGauge(Drift(signals=(X,), distance=distance, **sizes), summary)


def fed(watched: DriftGauge, values: list[Any]) -> float:
    """The drift after these."""
    for value in values:
        watched.update(X, value)
    drift = watched.of(X)
    assert drift is not None
    return drift


@pytest.mark.parametrize("shift", [0.0, 0.3, 2.0])
def test_ks_is_scipys_but_for_the_bins(shift: float) -> None:
    """D is at most the exact one, and less by at most the share of a bin; of repeated values it is exact."""
    rng = random.Random(5)
    sizes = {"reference": 500, "window": 100}
    reference = [rng.gauss(0, 1) for _ in range(500)]
    window = [rng.gauss(shift, 1) for _ in range(100)]
    exact = stats.ks_2samp(reference, window).statistic
    found = fed(gauge("ks", None, **sizes), [*reference, *window])
    assert exact - 1 / BINS <= found <= exact + 1e-12
    few = [float(round(x)) for x in reference]
    some = [float(round(x)) for x in window]
    exact = stats.ks_2samp(few, some).statistic
    found = fed(gauge("ks", None, **sizes), [*few, *some])
    assert found == pytest.approx(exact, abs=0.03)  # values that the reference does not have share a bin


def test_ks_of_a_small_reference_of_different_numbers() -> None:
    """Fifty different numbers are as many as there are bins; new ones from among them are no drift for all that."""
    rng = random.Random(3)
    watched = gauge("ks", reference=50, window=200)
    assert fed(watched, [rng.random() for _ in range(250)]) < 0.3


def test_js_is_scipys() -> None:
    """The Jensen-Shannon distance of texts is scipy's to base 2 on the shares of the values."""
    rng = random.Random(6)
    reference = [rng.choice("aabc") for _ in range(200)]
    window = [rng.choice("abcc") for _ in range(100)]
    p, q = Counter(reference), Counter(window)
    expected = jensenshannon([p[c] for c in "abc"], [q[c] for c in "abc"], base=2)
    assert fed(gauge("js"), [*reference, *window]) == pytest.approx(expected)


def test_ks_of_texts_is_the_total_variation() -> None:
    """Texts have no order: D is half the sum of the differences of their shares."""
    reference, window = ["a"] * 100 + ["b"] * 100, ["a"] * 20 + ["c"] * 80
    assert fed(gauge("ks"), [*reference, *window]) == pytest.approx((0.3 + 0.5 + 0.8) / 2)


@pytest.mark.parametrize("distance", DISTANCES)
def test_as_counted_anew_wherever_it_is_read(distance: str) -> None:
    """Read after each value or once at the end, the drift is the same; unchanged data gives nearly 0, new data much."""
    rng = random.Random(7)
    values = [rng.gauss(0, 1) for _ in range(600)] + [rng.gauss(3, 1) for _ in range(100)]
    often, seldom = gauge(distance), gauge(distance)
    for n, value in enumerate(values):
        often.update(X, value)
        seldom.update(X, value)
        drift = often.of(X)
        assert (drift is None) is (n < 299)
        if n == 599:
            assert drift is not None
            assert drift < 0.3
    assert often.of(X) == pytest.approx(seldom.of(X))
    found = often.of(X)
    assert found is not None
    assert (found > 0.8) is True
    assert distance == "psi" or found <= 1


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("kind", ["number", "text", "few"])
def test_a_summary_is_as_good_as_the_values(distance: str, kind: str) -> None:
    """With the training data's summary a window is judged at once, and much as against the values themselves."""
    rng = random.Random(8)

    def draw(shift: float) -> Any:
        x = rng.gauss(shift, 1)
        return x if kind == "number" else f"t{round(x)}" if kind == "text" else float(round(x))

    training = [draw(0) for _ in range(200)]
    summary = summarise([{"features": {"x": value}} for value in training])
    for shift in (0.0, 1.5):
        window = [draw(shift) for _ in range(100)]
        by_values = fed(gauge(distance), [*training, *window])
        by_summary = fed(gauge(distance, summary), window)
        assert by_summary == pytest.approx(by_values, rel=0.35, abs=0.06)


def test_the_summary_may_be_passed_over() -> None:
    """`use_training_data: false` compares with the first values, whatever the deploy event says."""
    summary = summarise([{"features": {"x": 5.0}}] * 100)
    watched = gauge("psi", summary, use_training_data=False)
    for _ in range(299):
        watched.update(X, 1.0)
    assert watched.of(X) is None


def test_a_constant_that_changes_is_seen() -> None:
    """Training data with one value: another one, above or below, is drift."""
    summary = summarise([{"features": {"x": 5.0}}] * 100)
    for value, found in ((5.0, False), (4.0, True), (6.0, True)):
        assert (fed(gauge("psi", summary), [value] * 100) > 1) is found


def test_signals_without_a_summary_form_their_own_reference() -> None:
    """A summary that does not know the feature, or has nothing of it, changes nothing."""
    for features in ({"y": 1.0}, {"x": None}):
        watched = gauge("psi", summarise([{"features": features}] * 100))
        for _ in range(299):
            watched.update(X, 1.0)
        assert watched.of(X) is None
    assert of_summary(summarise([{"features": {"x": None}}]).signals[X], 10) is None


@pytest.mark.parametrize("freedom", [1, 2, 3, 9, 50])
def test_chi_square_is_scipys(freedom: int) -> None:
    """The tail of chi-square, near and far."""
    for x in (0.0, 0.01, 1.0, 5.0, 20.0, 100.0, 700.0, 5000.0):
        assert chi_square_tail(x, freedom) == pytest.approx(stats.chi2.sf(x, freedom), rel=1e-9, abs=1e-300)


def test_kolmogorov_is_scipys() -> None:
    """The tail of Kolmogorov's distribution."""
    for x in (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0):
        assert kolmogorov_tail(x) == pytest.approx(stats.kstwobign.sf(x), rel=1e-9, abs=1e-12)


def test_pearson_is_scipys() -> None:
    """Of texts, KS has the p-value of scipy's test of a contingency table."""
    p, q = [30, 50, 20, 0], [20, 20, 8, 2]
    expected = stats.chi2_contingency([p, q], correction=False).pvalue
    assert p_value("ks", 0.1, p, q, is_ordered=False) == pytest.approx(expected)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("kind", ["number", "text"])
def test_p_values_are_those_of_chance(distance: str, kind: str) -> None:
    """Without a change, some 5 % of the p-values lie below 0.05 (fewer for the careful KS)."""
    rng = random.Random(9)
    below, trials = 0, 400
    for _ in range(trials):
        values = [rng.gauss(0, 1) for _ in range(600)] if kind == "number" else rng.choices("abcdefgh", k=600)
        watched = DriftGauge(Drift(signals=(X,), distance=distance, reference=300, window=300))  # type: ignore[arg-type]
        fed(watched, values)
        below += watched.evidence()["drift.x"]["p_value"] < 0.05
    assert 0.01 <= below / trials <= 0.09


def test_evidence_has_the_size_and_the_significance() -> None:
    """Of each signal: distance, value, values on either side, p-value; the largest first."""
    watched = DriftGauge(Drift(signals=("feature.still", "feature.moved", "feature.young"), reference=200, window=100))
    rng = random.Random(10)
    for n in range(300):
        watched.update("feature.still", rng.random())
        watched.update("feature.moved", rng.random() + (n >= 200) * 0.3)
    found = watched.evidence()
    assert list(found) == ["drift.moved", "drift.still"]
    assert found["drift.moved"] == {
        "distance": "psi",
        "value": watched.of("feature.moved"),
        "reference": 200,
        "window": 100,
        "p_value": pytest.approx(0, abs=1e-6),
    }
    assert 0.001 < found["drift.still"]["p_value"] < 1
    assert math.isfinite(np.log(found["drift.still"]["p_value"]))
