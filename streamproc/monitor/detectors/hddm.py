"""HDDM_A and HDDM_W, from river: whether the means before and after a cut point differ.

(Frías-Blanco et al., Online and non-parametric drift detection methods based on Hoeffding's bounds, IEEE Transactions
on Knowledge and Data Engineering 27, 2015.) The change is estimated to lie at the cut point.
"""

from __future__ import annotations

import math
from typing import Any

from streamproc.config.detectors import HddmA, HddmW
from streamproc.monitor import river_state
from streamproc.monitor.detectors.binary import BinaryDetector
from streamproc.monitor.detectors.from_river import drift
from streamproc.monitor.detectors.latch import LATCH
from streamproc.monitor.detectors.protocol import watched
from streamproc.monitor.river_state import SUM
from streamproc.stateful import COUNT, fields, require

# ruff: noqa: SLF001 - river has no public view of what a detection rests on


def _options(config: HddmA | HddmW) -> dict[str, Any]:
    return {
        "drift_confidence": config.drift_confidence,
        "warning_confidence": config.drift_confidence,  # warnings are not used
        "two_sided_test": watched(config) == "both",
    }


class HddmADetector(BinaryDetector):
    """HDDM_A: moving averages."""

    __slots__ = ()

    FIELDS = fields(**LATCH, _river=river_state.HDDM_A)

    def _make(self) -> Any:
        return drift().binary.HDDMA(**_options(self._config))

    def _change_at(self) -> tuple[int, float]:
        river = self._river
        before = river._x_min if river._mean_incr(river.drift_confidence) else river._x_max
        at, ones = int(before.n), round(before.n * before.get())
        return at, float(at - ones if self._flips else ones)

    def _seen(self) -> float:
        return self._river._z.n  # type: ignore[no-any-return]

    def _settle(self) -> None:
        super()._settle()
        river = self._river
        low = 1 if river._z.n else 0
        require(low <= river._x_min.n <= river._z.n and low <= river._x_max.n <= river._z.n, "a cut beyond the values")


class HddmWDetector(BinaryDetector):
    """HDDM_W: exponentially weighted moving averages. river does not count the values before a cut: it is done here."""

    __slots__ = ("_at_down", "_at_up", "_total_at_down", "_total_at_up")

    FIELDS = fields(
        **LATCH, _river=river_state.HDDM_W, _at_up=COUNT, _at_down=COUNT, _total_at_up=SUM, _total_at_down=SUM
    )

    def reset(self) -> None:
        super().reset()
        self._at_up = self._at_down = 0
        self._total_at_up = self._total_at_down = 0.0

    def _restart(self) -> None:
        super()._restart()
        self._at_up = self._at_down = 0
        self._total_at_up = self._total_at_down = 0.0

    def _make(self) -> Any:
        return drift().binary.HDDMW(**_options(self._config), lambda_val=self._config.lambda_val)

    def _note(self) -> None:
        river = self._river
        if not river._s2_incr._is_init:
            self._at_up, self._total_at_up = self._n, self._total
        if not river._s2_decr._is_init:
            self._at_down, self._total_at_down = self._n, self._total

    def _change_at(self) -> tuple[int, float]:
        river = self._river
        if river._detect_mean_incr(river.drift_confidence):
            return self._at_up, self._total_at_up
        return self._at_down, self._total_at_down

    def _seen(self) -> float:
        return self._n  # river does not count

    def _settle(self) -> None:
        super()._settle()
        river, n, low = self._river, self._n, 1 if self._n else 0
        for at, total in ((self._at_up, self._total_at_up), (self._at_down, self._total_at_down)):
            require(low <= at <= n and 0 <= total <= at, "a place that is not among the values")
        infinite = math.isinf(river._incr_cutpoint), math.isinf(river._decr_cutpoint)
        begun = bool(n) or river.drift_detected
        require(infinite == (not begun, not begun) and river._total._is_init == begun, "no cut, or one too early")
