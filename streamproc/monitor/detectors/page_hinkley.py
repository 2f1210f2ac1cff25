"""Page-Hinkley, from river."""

from __future__ import annotations

import math
from operator import attrgetter

from streamproc.config.detectors import PageHinkley
from streamproc.monitor import river_state
from streamproc.monitor.detectors.from_river import drift
from streamproc.monitor.detectors.latch import LATCH, Latch
from streamproc.monitor.detectors.protocol import watched
from streamproc.monitor.river_state import SUM
from streamproc.monitor.signals import LIMIT
from streamproc.stateful import COUNT, fields, require

_VALUES_SEEN = attrgetter("_x_mean.n")  # river has no public view of these two
_MINIMUM = attrgetter("_min_increase")


class PageHinkleyDetector(Latch):
    """Page-Hinkley (Page, Continuous inspection schemes, Biometrika 41, 1954).

    A detection means that the sum of deviations has left its extreme by more than the threshold; the change is
    estimated to lie at that extreme. river keeps the extreme's value but not its place, so it is noted here.
    """

    __slots__ = ("_at_max", "_at_min", "_config", "_down", "_river", "_total_at_max", "_total_at_min", "_up")

    FIELDS = fields(
        **LATCH,
        _river=river_state.PAGE_HINKLEY,
        _at_min=COUNT,
        _at_max=COUNT,
        _total_at_min=SUM,
        _total_at_max=SUM,
    )

    def __init__(self, config: PageHinkley) -> None:
        self._config = config
        self._up, self._down = watched(config) != "down", watched(config) != "up"
        self.reset()

    def reset(self) -> None:
        super().__init__()
        config = self._config
        self._river = drift().PageHinkley(
            min_instances=config.min_instances,
            delta=config.delta,
            threshold=config.threshold,
            alpha=config.alpha,
            mode=watched(config),
        )
        self._at_min = self._at_max = 0
        self._total_at_min = self._total_at_max = 0.0

    def update(self, x: float) -> bool:
        try:
            if not -LIMIT <= x <= LIMIT:
                return False
        except TypeError:  # text
            return False
        self._n += 1
        self._total += x
        river = self._river
        river.update(x)
        # An increase would start after the sum's minimum, a decrease after its maximum.
        if self._up and river._sum_increase == river._min_increase:  # noqa: SLF001 - no public view of the sums
            self._at_min, self._total_at_min = self._n, self._total
        if self._down and river._sum_decrease == river._max_decrease:  # noqa: SLF001
            self._at_max, self._total_at_max = self._n, self._total
        return self._detected() if river.drift_detected else False

    def _detected(self) -> bool:
        river = self._river
        rose = river._sum_increase - river._min_increase  # noqa: SLF001
        fell = river._max_decrease - river._sum_decrease  # noqa: SLF001
        up = self._up and (rose > fell or not self._down)
        at, total_at = (self._at_min, self._total_at_min) if up else (self._at_max, self._total_at_max)
        width = self._n - at or 1
        mean_after = (self._total - total_at) / width
        self._latch(width, total_at / (at or 1), mean_after)  # no state that was ever had has no value before
        self._restart()
        return True

    def _restart(self) -> None:
        super()._restart()
        self._at_min = self._at_max = 0
        self._total_at_min = self._total_at_max = 0.0

    def _settle(self) -> None:
        seen, n = _VALUES_SEEN(self._river), self._n
        require(n == (0 if self._river.drift_detected else seen), "not as many values as river has")
        require((_MINIMUM(self._river) < math.inf) == (seen > 0), "infinite after the first value")
        for watched_too, at in ((self._up, self._at_min), (self._down, self._at_max)):
            low = 1 if n and watched_too else 0
            require(low <= at <= n, "an extreme that is not among the values")
