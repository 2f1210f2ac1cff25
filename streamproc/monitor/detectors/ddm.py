"""DDM and EDDM, from river. The change is estimated to lie where the statistic was at its best."""

from __future__ import annotations

from typing import Any

from streamproc.monitor import river_state
from streamproc.monitor.detectors.binary import BinaryDetector
from streamproc.monitor.detectors.from_river import drift
from streamproc.monitor.detectors.latch import LATCH
from streamproc.monitor.river_state import SUM
from streamproc.stateful import COUNT, fields, require

# ruff: noqa: SLF001 - river has no public view of what a detection rests on


class _Placed(BinaryDetector):
    __slots__ = ("_at", "_total_at")

    def reset(self) -> None:
        super().reset()
        self._at, self._total_at = 0, 0.0  # of the best place

    def _restart(self) -> None:
        super()._restart()
        self._at, self._total_at = 0, 0.0

    def _change_at(self) -> tuple[int, float]:
        return self._at, self._total_at

    def _settle(self) -> None:
        super()._settle()
        require(self._at <= self._n and 0 <= self._total_at <= self._at, "a place that is not among the values")
        require(not self._n or (self._at > 0) == self._has_best(), "a best value without its place")

    def _has_best(self) -> bool:
        raise NotImplementedError


class DdmDetector(_Placed):
    """DDM (Gama, Medas, Castillo and Rodrigues, Learning with drift detection, SBIA 2004).

    While no error at all was seen its deviation is 0, and the first error is a detection: so a good model needs a
    `warm_start` that is long enough for some errors.
    """

    __slots__ = ()

    FIELDS = fields(**LATCH, _river=river_state.DDM, _at=COUNT, _total_at=SUM)

    def _make(self) -> Any:
        most = self._config.drift_threshold
        return drift().binary.DDM(warm_start=self._config.warm_start, warning_threshold=most, drift_threshold=most)

    def _note(self) -> None:
        # Equal means taken at this very value: an equal rate later has a smaller deviation, and is a new minimum.
        river = self._river
        if river._p_min == river._p.get():
            self._at, self._total_at = self._n, self._total

    def _has_best(self) -> bool:
        return self._river._p_min is not None

    def _settle(self) -> None:
        river_state.settle_ddm(self._river)
        super()._settle()

    def _seen(self) -> float:
        return self._river._p.n  # type: ignore[no-any-return]


class EddmDetector(_Placed):
    """EDDM (Baena-García et al., Early drift detection method, 2006): the distance between errors has fallen."""

    __slots__ = ("_best",)

    FIELDS = fields(**LATCH, _river=river_state.EDDM, _at=COUNT, _total_at=SUM)

    def reset(self) -> None:
        super().reset()
        self._best: float = self._river._p2s_prime_max

    def _make(self) -> Any:
        return drift().binary.EDDM(warm_start=self._config.warm_start, alpha=1.0, beta=self._config.beta)

    def _note(self) -> None:
        best = self._river._p2s_prime_max  # it only grows, until river starts afresh with -1
        if best != self._best:
            self._best = best
            if best > 0:
                self._at, self._total_at = self._n, self._total

    def _has_best(self) -> bool:
        return self._best > 0

    def _seen(self) -> float:
        return self._river._n  # type: ignore[no-any-return]

    def _settle(self) -> None:
        river_state.settle_eddm(self._river)
        self._best = self._river._p2s_prime_max
        super()._settle()
