"""What stays after a detection: a flag that is up until the reset, and what was found."""

from __future__ import annotations

from streamproc.monitor.detectors.protocol import Evidence
from streamproc.monitor.river_state import SUM
from streamproc.stateful import COUNT, FLAG, Stateful

LATCH = {
    "flag": FLAG,
    "detections": COUNT,
    "_past": COUNT,
    "_n": COUNT,
    "_total": SUM,
    "_change": COUNT,
    "_width": COUNT,
    "_mean_before": SUM,
    "_mean_after": SUM,
}


class Latch(Stateful):
    """What detectors have in common: counts, flag, evidence of the newest detection."""

    __slots__ = ("_change", "_mean_after", "_mean_before", "_n", "_past", "_total", "_width", "detections", "flag")

    def __init__(self) -> None:
        self.flag = False
        self.detections = 0
        self._past = 0  # values before the detector's last restart
        self._n = 0  # values since then
        self._total = 0.0  # and their sum
        self._change = 0  # values up to the estimated change
        self._width = 0
        self._mean_before = self._mean_after = 0.0

    def _latch(self, width: int, mean_before: float, mean_after: float) -> None:
        self.flag = True
        self.detections += 1
        self._change = self._past + self._n - width
        self._width, self._mean_before, self._mean_after = width, mean_before, mean_after

    def _restart(self) -> None:
        self._past += self._n
        self._n, self._total = 0, 0.0

    def evidence(self) -> Evidence:
        n = self._past + self._n
        found = self.flag
        return {
            "n": n,
            "detections": self.detections,
            "mean_before": self._mean_before if found else None,
            "mean_after": self._mean_after if found else None,
            "width": self._width if found else None,
            "change_age": n - self._change if found else None,
        }
