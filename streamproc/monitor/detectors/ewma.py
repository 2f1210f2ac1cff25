"""EWMA: the control chart of an exponentially weighted moving average.

    z = (1 - w) z + w x        deviation of z = s sqrt(w / (2 - w) * (1 - (1 - w)^(2 n)))

(Roberts, Control chart tests based on geometric moving averages, Technometrics 1, 1959.) It is a detection when z is
more than `threshold` of its deviations away from the mean. Mean and s are those of all n values so far, as in ECDD
(Ross, Adams, Tasoulis and Hand, Exponentially weighted moving average charts for detecting concept drift, Pattern
Recognition Letters 33, 2012), of which this is the general case: for 0/1 values s^2 = p (1 - p). So no reference is
needed, and the longer it goes well the surer the mean; a decline that is slow enough becomes the normal state. The
change is estimated to lie where z last crossed the mean. After a detection it starts afresh.
"""

from __future__ import annotations

from streamproc.config.detectors import Ewma
from streamproc.monitor.detectors.latch import LATCH, Latch
from streamproc.monitor.detectors.protocol import watched
from streamproc.monitor.river_state import SQUARES, SUM
from streamproc.monitor.signals import LIMIT
from streamproc.stateful import COUNT, fields, require


class EwmaDetector(Latch):
    """An EWMA chart of individual values."""

    __slots__ = (
        "_at_down", "_at_up", "_average", "_config", "_decay", "_down", "_limit", "_mean", "_squares",
        "_total_at_down", "_total_at_up", "_up", "_weight",
    )  # fmt: skip

    FIELDS = fields(
        **LATCH,
        _average=SUM,
        _mean=SUM,
        _squares=SQUARES,
        _at_up=COUNT,
        _at_down=COUNT,
        _total_at_up=SUM,
        _total_at_down=SUM,
    )

    def __init__(self, config: Ewma) -> None:
        self._config = config
        weight = config.weight
        self._weight, self._decay = weight, (1.0 - weight) ** 2
        self._limit = config.threshold * config.threshold * weight / (2.0 - weight)
        self._up, self._down = watched(config) != "down", watched(config) != "up"
        self.reset()

    def reset(self) -> None:
        super().__init__()
        self._begin()

    def _begin(self) -> None:
        self._average = self._mean = self._squares = 0.0
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
        n, off = self._n, x - self._mean
        self._mean += off / n
        self._squares += off * (x - self._mean)  # Welford 1962
        if n > 1:
            self._average += self._weight * (x - self._average)
        else:
            self._average = self._mean
        apart = self._average - self._mean
        if apart <= 0.0:
            self._at_up, self._total_at_up = n, self._total
        if apart >= 0.0:
            self._at_down, self._total_at_down = n, self._total
        if n < self._config.min_instances or not (self._up if apart > 0.0 else self._down):
            return False
        # Squared on both sides, which saves two roots.
        if apart * apart <= self._limit * (1.0 - self._decay**n) * self._squares / n or not self._squares:
            return False
        return self._found(up=apart > 0.0)

    def _found(self, *, up: bool) -> bool:
        at, total_at = (self._at_up, self._total_at_up) if up else (self._at_down, self._total_at_down)
        width = self._n - at
        self._latch(width, total_at / at, (self._total - total_at) / width)
        self._restart()
        self._begin()
        return True

    def _settle(self) -> None:
        n, low = self._n, 1 if self._n else 0
        require(low <= self._at_up <= n and low <= self._at_down <= n, "a place that is not among the values")
        # Each value is on one side of the mean or the other, so one of the places is the newest value.
        require(n in (self._at_up, self._at_down), "neither above the mean nor below")
        apart = self._average - self._mean
        require((apart <= 0.0) == (self._at_up == n) or not n, "the average is on the other side")
        require((apart >= 0.0) == (self._at_down == n) or not n, "the average is on the other side")
