"""KSWIN decides as river's does, when both draw the same."""

from __future__ import annotations

import random
from typing import Any

import pytest
from river import drift
from scipy import stats

from streamproc.config.detectors import Kswin
from streamproc.monitor.detectors.kswin import KswinDetector, distance, p_value, sample


class Draws:
    """In the place of river's random generator: the same draws as ours."""

    def __init__(self, seed: int) -> None:
        self._source = KswinDetector(Kswin(seed=seed))

    def sample(self, population: range, size: int) -> list[int]:
        return sample(self._source.draw, len(population), size)


@pytest.mark.parametrize(("alpha", "window", "size"), [(0.005, 100, 30), (0.05, 40, 20), (0.00001, 300, 100)])
@pytest.mark.parametrize("binary", [True, False])
def test_the_same_detections_as_river(alpha: float, window: int, size: int, binary: bool) -> None:
    """Value by value, over changes of the level and long stretches without any; and the restart after a detection."""
    rng = random.Random(5)
    ours = KswinDetector(
        Kswin(alpha=alpha, window_size=window, stat_size=size, seed=3, clock=1, direction="both", signal="score")
    )
    river: Any = drift.KSWIN(alpha=alpha, window_size=window, stat_size=size, seed=3)
    found = 0
    for n in range(1500):
        x = rng.random() + (n // 500) % 2 * 0.5
        x = float(x > 0.6) if binary else x
        if river.drift_detected or n == 0:
            river._reset()
            river._rng = Draws(3)
        river.update(x)
        assert ours.update(x) == river.drift_detected
        found += river.drift_detected
    assert found


def test_distance_and_p_value_are_scipys() -> None:
    """With ties and without, for samples of one size."""
    rng = random.Random(1)
    for size in (2, 7, 30):
        for _ in range(30):
            a, b = ([rng.choice((0.0, 1.0, rng.random())) for _ in range(size)] for _ in range(2))
            h = distance(list(a), list(b))
            if h < 2:  # scipy's exact way gives up there
                continue
            expected: Any = stats.ks_2samp(a, b, method="exact")
            assert h / size == pytest.approx(expected.statistic)
            assert float(p_value(size, h)) == pytest.approx(expected.pvalue)
