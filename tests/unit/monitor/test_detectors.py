"""What detectors find: their directions, the figures of the literature, and golden traces that notice another river."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from river import drift

from streamproc.config.detectors import (
    Adwin,
    Cusum,
    Ddm,
    Eddm,
    Ewma,
    Fhddm,
    HddmA,
    HddmW,
    Kswin,
    PageHinkley,
)
from streamproc.monitor.detectors import ChangeDetector, build, watched


def errors(*parts: tuple[float, int], seed: int = 7) -> list[float]:
    """Seeded 0/1 errors: for each (rate, count) so many values at that rate."""
    rng = random.Random(seed)
    return [float(rng.random() < rate) for rate, count in parts for _ in range(count)]


def found_at(detector: ChangeDetector, values: list[float]) -> list[int]:
    """How many values had been taken at each detection."""
    return [n for n, x in enumerate(values, start=1) if detector.update(x)]


QUICK: dict[type[Any], dict[str, Any]] = {
    Adwin: {},
    PageHinkley: {},
    Kswin: {"clock": 1, "window_size": 200, "stat_size": 60},
    HddmA: {},
    HddmW: {"drift_confidence": 0.00001},
    Cusum: {"reference": 300, "threshold": 40},
    Ewma: {"min_instances": 300},
    Fhddm: {},
    Ddm: {},
    Eddm: {"beta": 0.5},
}
by_type = pytest.mark.parametrize("kind", [Adwin, PageHinkley, Kswin, HddmA, HddmW, Cusum, Ewma])
one_way = pytest.mark.parametrize("kind", [Ddm, Eddm, Fhddm])


@by_type
def test_direction(kind: type[Any]) -> None:
    """A detector reports its own direction only, though river cuts in the other as well."""
    rise, fall = errors((0.1, 1000), (0.6, 1000)), errors((0.6, 1000), (0.1, 1000))
    made = {d: kind(signal="error", direction=d, **QUICK[kind]) for d in ("up", "down", "both")}
    seen = {d: (bool(found_at(build(c), rise)), bool(found_at(build(c), fall))) for d, c in made.items()}
    assert seen == {"up": (True, False), "down": (False, True), "both": (True, True)}


@one_way
def test_one_way(kind: type[Any]) -> None:
    """A detector that is of errors by its nature sees their rise, or with `down` their fall, and cannot have both."""
    rise, fall = errors((0.1, 1000), (0.6, 1000)), errors((0.6, 1000), (0.1, 1000))
    up, down = (build(kind(direction=d, **QUICK[kind])) for d in ("degradation", "down"))
    assert found_at(up, rise)
    up.reset()
    assert not found_at(up, fall)
    assert found_at(down, fall)
    with pytest.raises(ValidationError, match="'degradation', 'up' or 'down'"):
        kind(direction="both")


def test_the_other_cut_is_silent() -> None:
    """Where river's ADWIN cuts because errors became fewer, nothing is latched, and a later rise is still found."""
    values = errors((0.6, 1000), (0.1, 1000))
    make: Any = drift.ADWIN
    river, ours = make(), build(Adwin())
    cuts = 0
    for x in values:
        river.update(x)
        cuts += river.drift_detected
        assert ours.update(x) is False
    assert cuts > 0
    assert (ours.flag, ours.detections, ours.evidence()["mean_after"]) == (False, 0, None)
    assert len(found_at(ours, errors((0.6, 200)))) == 1
    evidence: Any = ours.evidence()
    assert evidence["mean_before"] < 0.2  # of the values since river's last cut
    assert evidence["mean_after"] > 0.3
    assert evidence["n"] == 2200


@pytest.mark.parametrize(
    ("signal", "direction", "means"),
    [
        ("error", "degradation", "up"),
        ("loss", "degradation", "up"),
        ("score", "degradation", "both"),
        ("prediction", "degradation", "both"),
        ("feature.x", "degradation", "both"),
        ("error", "down", "down"),
        ("score", "up", "up"),
        ("label_delay", "degradation", "up"),
        ("missing", "degradation", "up"),
        ("missing.x", "degradation", "up"),
        ("confidence", "degradation", "both"),
        ("features", "degradation", "both"),
    ],
)
@by_type
def test_degradation(kind: type[Any], signal: str, direction: Any, means: str) -> None:
    """Degradation is upwards for errors and losses, and any change for signals of which nothing is known."""
    assert watched(kind(signal=signal, direction=direction)) == means


def test_page_hinkley_restarts_after_a_detection() -> None:
    """After a detection the new level is the normal one: it is not reported again, but a further rise is."""
    detector = build(PageHinkley(min_instances=50, threshold=10))
    first = found_at(detector, errors((0.05, 300), (0.5, 1000)))
    assert len(first) == 1
    assert first[0] < 400
    assert detector.flag
    assert found_at(detector, errors((0.9, 500), seed=9))


def test_page_hinkley_is_silent_after_a_detection() -> None:
    """After a detection, and after a reset, Page-Hinkley needs min_instances values before the next one."""
    detector = build(PageHinkley(min_instances=50, threshold=1))
    climb = [float(n) for n in range(200)]
    found = found_at(detector, climb)
    assert found[:3] == [50, 100, 150]
    detector.reset()
    assert found_at(detector, climb)[0] == 50


# -- golden traces: another river, or another random generator, would change these --


def capymoa_stream() -> list[float]:
    """The stream of CapyMOA's drift detection tutorial: {0, 1}, and from 1000 on {6, ..., 11}."""
    rng = np.random.default_rng(42)
    stream = rng.integers(0, 2, size=2000).astype(float)
    stream[1000:] = rng.integers(6, 12, size=1000)
    return stream.tolist()  # type: ignore[no-any-return]


def test_golden_capymoa() -> None:
    """One abrupt drift at 1000 of 2000 is found where CapyMOA's tutorial finds it: ADWIN at 1024, and only there."""
    detector = build(Adwin())
    assert found_at(detector, capymoa_stream()) == [1024]
    assert detector.evidence() == {
        "n": 2000,
        "detections": 1,
        "mean_before": pytest.approx(0.508065, abs=1e-6),
        "mean_after": 6.4375,
        "width": 32,
        "change_age": 1008,
    }


def test_golden_river() -> None:
    """The examples in river's documentation come out: a change seen at index 1023 by ADWIN, 1006 by Page-Hinkley."""
    rng = random.Random(12345)
    stream = [float(x) for x in rng.choices([0, 1], k=1000) + rng.choices(range(4, 8), k=1000)]
    page_hinkley = PageHinkley(direction="both", min_instances=30, threshold=50)
    assert found_at(build(Adwin(direction="both")), stream) == [1024]
    assert found_at(build(page_hinkley), stream) == [1007]


@pytest.mark.parametrize(
    ("configured", "at"),
    [
        (Adwin(), [[1088], [1056], [1056], [1056], [1056]]),
        (Adwin(clock=1), [[1083], [1033], [1049], [1048], [1027]]),
        (PageHinkley(), [[1036], [1045, 1899], [1050], [1047], [1049]]),
    ],
)
def test_golden_errors(configured: Any, at: list[list[int]]) -> None:
    """The error rate goes from 10 to 50 % at 1000 of 2000: where it is found, for five seeds."""
    assert [found_at(build(configured), errors((0.1, 1000), (0.5, 1000), seed=s)) for s in range(5)] == at


@pytest.mark.parametrize(
    ("configured", "false_alarms"),
    [(Adwin(), 0), (PageHinkley(), 9), (Cusum(), 0), (Ewma(), 1), (Kswin(signal="error"), 0)],
)
def test_golden_false_alarms(configured: Any, false_alarms: int) -> None:
    """100,000 errors at a steady 10 %: how many false alarms the default settings raise."""
    assert len(found_at(build(configured), errors((0.1, 100_000)))) == false_alarms


def delay(configured: Any, values: list[float], change: int) -> int | None:
    """Values from the change until it is seen."""
    return next((n - change for n in found_at(build(configured), values) if n > change), None)


@pytest.mark.parametrize(("configured", "most"), [(Ewma(), 2_000), (Cusum(), 2_000), (Adwin(), 2_500)])
def test_a_rise_by_half_is_mostly_seen(configured: Any, most: int) -> None:
    """From 10 to 15 % of errors, by the default settings: docs/detectors.md has the whole table."""
    delays = [delay(configured, errors((0.1, 3000), (0.15, 5000), seed=seed), 3000) for seed in range(30)]
    assert sum(d is not None and d <= most for d in delays) >= 20


def test_kswin_sees_half_a_deviation_by_default() -> None:
    """Of normal scores; its former defaults saw it in one stream of ten."""
    seen = 0
    for seed in range(10):
        rng = random.Random(seed)
        values = [rng.gauss(0.0 if n < 3000 else 0.5, 1.0) for n in range(8000)]
        seen += delay(Kswin(), values, 3000) is not None
    assert seen >= 9
