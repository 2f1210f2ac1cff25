"""FHDDM, from river."""

from __future__ import annotations

from typing import Any, ClassVar

from streamproc.monitor import river_state
from streamproc.monitor.detectors.binary import BinaryDetector
from streamproc.monitor.detectors.from_river import drift
from streamproc.monitor.detectors.latch import LATCH
from streamproc.stateful import fields, require

# ruff: noqa: SLF001 - river has no public view of what a detection rests on


class FhddmDetector(BinaryDetector):
    """FHDDM (Pesaranghader and Viktor, Fast Hoeffding drift detection method, ECML-PKDD 2016).

    As in the paper, river's code fires when the share of ones falls: ones are right answers there, whatever its
    documentation says. So it is given the other value. The change is taken to lie at the beginning of the window.
    """

    __slots__ = ()

    FIRES_ON_ONES: ClassVar[bool] = False
    FIELDS = fields(**LATCH, _river=river_state.FHDDM)

    def _make(self) -> Any:
        config = self._config
        return drift().binary.FHDDM(
            sliding_window_size=config.sliding_window_size, confidence_level=config.confidence_level
        )

    def _change_at(self) -> tuple[int, float]:
        # river has dropped the oldest value of the window already, so it holds one fewer than the window's size.
        river, width = self._river, self._config.sliding_window_size - 1
        ones = width - river.n_one if self._flips else river.n_one
        return self._n - width, self._total - ones

    def _seen(self) -> float:
        held = len(self._river._sliding_window)
        return held if held < self._config.sliding_window_size - 1 else max(held, self._n)

    def _settle(self) -> None:
        river, most = self._river, self._config.sliding_window_size - 1
        require(len(river._sliding_window) <= most, "longer than the window")
        river.n_one = sum(river._sliding_window)
        super()._settle()
