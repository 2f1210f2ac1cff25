"""CUSUM: the tabular, or decision interval, control chart.

    S+ = max(0, S+ + z - slack)      S- = max(0, S- - z - slack)      z = (x - mean) / deviation

(Page, Continuous inspection schemes, Biometrika 41, 1954; in this form Hawkins and Olwell, Cumulative sum charts and
charting for quality improvement, 1998.) It is a detection when a sum is above `threshold`; the change is estimated to
lie where that sum was last 0. Mean and deviation are those of the first `reference` values, and stay: a slow decline
does not become the normal state, as it does where the mean runs along. After a detection a new reference is taken.

Half of the shift that matters is a good `slack` (ibidem): 0.125 is for a quarter of a standard deviation, such as an
error rate that goes from 10 to 17.5 %. A reference in which all values are equal is prolonged until one differs.
"""

from __future__ import annotations

from math import sqrt

from streamproc.config.detectors import Cusum
from streamproc.monitor.detectors.latch import LATCH, Latch
from streamproc.monitor.detectors.protocol import watched
from streamproc.monitor.river_state import SQUARES, SUM
from streamproc.monitor.signals import LIMIT
from streamproc.stateful import COUNT, fields, require, within


class CusumDetector(Latch):
    """A two-sided CUSUM chart of individual values."""

    __slots__ = (
        "_at_down", "_at_up", "_config", "_deviation", "_down", "_fell", "_mean", "_rose", "_slack", "_squares",
        "_threshold", "_total_at_down", "_total_at_up", "_up", "_used",
    )  # fmt: skip

    FIELDS = fields(
        **LATCH,
        _used=COUNT,
        _mean=SUM,
        _squares=SQUARES,
        _rose=within(0, LIMIT),
        _fell=within(0, LIMIT),
        _at_up=COUNT,
        _at_down=COUNT,
        _total_at_up=SUM,
        _total_at_down=SUM,
    )

    def __init__(self, config: Cusum) -> None:
        self._config = config
        self._slack, self._threshold = config.slack, config.threshold
        self._up, self._down = watched(config) != "down", watched(config) != "up"
        self.reset()

    def reset(self) -> None:
        super().__init__()
        self._begin()

    def _begin(self) -> None:
        self._used = 0  # values in the reference
        self._mean = self._squares = 0.0  # its mean, and its sum of squared deviations
        self._deviation = 0.0  # 0 until the reference is complete
        self._rose = self._fell = 0.0
        self._at_up = self._at_down = 0
        self._total_at_up = self._total_at_down = 0.0

    def update(self, x: float) -> bool:
        try:
            if not -LIMIT <= x <= LIMIT:
                return False
        except TypeError:  # text
            return False
        self._n += 1
        self._total += x
        deviation = self._deviation
        if not deviation:
            self._learn(x)
            return False
        z = (x - self._mean) / deviation
        if self._up:
            self._rose = rose = self._rose + z - self._slack
            if rose <= 0.0:
                self._rose = 0.0
                self._at_up, self._total_at_up = self._n, self._total
            elif rose > self._threshold:
                return self._found(self._at_up, self._total_at_up)
        if self._down:
            self._fell = fell = self._fell - z - self._slack
            if fell <= 0.0:
                self._fell = 0.0
                self._at_down, self._total_at_down = self._n, self._total
            elif fell > self._threshold:
                return self._found(self._at_down, self._total_at_down)
        return False

    def _learn(self, x: float) -> None:
        """Welford's update (Note on a method for calculating corrected sums of squares, 1962)."""
        self._used += 1
        off = x - self._mean
        self._mean += off / self._used
        self._squares += off * (x - self._mean)
        if self._used >= self._config.reference and self._squares > 0.0:
            self._deviation = self._spread()
            self._at_up = self._at_down = self._n
            self._total_at_up = self._total_at_down = self._total

    def _spread(self) -> float:
        return sqrt(self._squares / (self._used - 1))

    def _found(self, at: int, total_at: float) -> bool:
        width = self._n - at
        self._latch(width, total_at / at, (self._total - total_at) / width)
        self._restart()
        self._begin()
        return True

    def _settle(self) -> None:
        complete = self._used >= self._config.reference and self._squares > 0.0
        self._deviation = self._spread() if complete else 0.0
        require(self._used <= self._n if self._deviation else self._used == self._n, "a reference beyond the values")
        low = self._used if self._deviation else 0
        high = self._n if self._deviation else 0
        require(low <= self._at_up <= high and low <= self._at_down <= high, "a place that is not among the values")
        require(max(self._rose, self._fell) <= self._threshold, "a detection that was not told")
        require(self._deviation or not (self._rose or self._fell), "a sum without a reference")
        for watched_too, sum_, at in ((self._up, self._rose, self._at_up), (self._down, self._fell, self._at_down)):
            require(watched_too or not sum_, "a sum that is not watched")
            require(not sum_ or at < self._n, "a sum of no values")
