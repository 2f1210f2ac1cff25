"""ADWIN, from river."""

from __future__ import annotations

from streamproc.config.detectors import Adwin
from streamproc.monitor import river_state
from streamproc.monitor.detectors.from_river import drift
from streamproc.monitor.detectors.latch import LATCH, Latch
from streamproc.monitor.detectors.protocol import watched
from streamproc.monitor.signals import LIMIT
from streamproc.stateful import fields, require


class AdwinDetector(Latch):
    """ADWIN (Bifet and Gavaldà, Learning from time-changing data with adaptive windowing, SDM 2007).

    river tells that it cut, not in which direction. The older part that a cut dropped is what was in the window
    less what is left, so the two means and the direction follow from the window's sums before and after. A cut in
    the other direction is no detection; river starts afresh after it all the same.
    """

    __slots__ = ("_config", "_down", "_river", "_up")

    FIELDS = fields(**LATCH, _river=river_state.ADWIN)

    def __init__(self, config: Adwin) -> None:
        self._config = config
        self._up, self._down = watched(config) != "down", watched(config) != "up"
        self.reset()

    def reset(self) -> None:
        super().__init__()
        config = self._config
        self._river = drift().ADWIN(delta=config.delta, clock=config.clock, grace_period=config.grace_period)

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
        return self._cut() if river.drift_detected else False

    def _cut(self) -> bool:
        width = int(self._river.width)
        mean_after: float = self._river.estimation
        mean_before = (self._total - self._river.total) / (self._n - width)
        found = self._up if mean_after > mean_before else self._down
        if found:
            self._latch(width, mean_before, mean_after)
        self._restart()
        return found

    def _settle(self) -> None:
        require(self._n == (0 if self._river.drift_detected else self._river.width), "not as many values as river has")
