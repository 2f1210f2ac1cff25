"""What the detectors of 0/1 values have in common. Most are of errors, and see a rise of their share.

`down` is a rise of the zeros: such a detector is given the other value. All start afresh at the value after a
detection, as river has them.
"""

from __future__ import annotations

from typing import Any, ClassVar

from streamproc.config.detectors import Ddm, Eddm, Fhddm, HddmA, HddmW
from streamproc.monitor.detectors.latch import Latch
from streamproc.monitor.detectors.protocol import watched
from streamproc.stateful import require


class BinaryDetector(Latch):
    """A detector of river's that takes 0 and 1, and nothing else."""

    __slots__ = ("_config", "_flips", "_river")

    FIRES_ON_ONES: ClassVar[bool] = True
    """What the river detector takes for a degradation: more ones, or fewer."""

    def __init__(self, config: Ddm | Eddm | Fhddm | HddmA | HddmW) -> None:
        self._config: Any = config
        self._flips = (watched(config) == "down") is self.FIRES_ON_ONES
        self.reset()

    def reset(self) -> None:
        super().__init__()
        self._river: Any = self._make()  # river has no types

    def update(self, x: float) -> bool:
        if x == 1:
            self._total += 1.0
        elif x != 0:  # text, NaN and all other numbers
            return False
        self._n += 1
        river = self._river
        river.update(1.0 - x if self._flips else float(x))
        self._note()
        if not river.drift_detected:
            return False
        at, total_at = self._change_at()
        width = self._n - at or 1  # no state that was ever had makes either of them 0
        self._latch(width, total_at / (at or 1), (self._total - total_at) / width)
        self._restart()
        return True

    def _settle(self) -> None:
        require(0 <= self._total <= self._n, "not a sum of zeros and ones")
        require(self._n == (0 if self._river.drift_detected else self._seen()), "not as many values as river has")

    def _make(self) -> Any:
        """A new detector of river's."""
        raise NotImplementedError

    def _note(self) -> None:
        """Note the place where a change would have begun."""

    def _change_at(self) -> tuple[int, float]:
        """How many values were before the change that was just detected, and their sum."""
        raise NotImplementedError

    def _seen(self) -> float:
        """How many values river's detector has taken since it started afresh."""
        raise NotImplementedError
