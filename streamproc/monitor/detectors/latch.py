"""What stays after a detection: a flag that is up until the reset, and what was found.

A retrain that came to nothing spends the flag, not the evidence. The flag goes down, and the values from then on are
asked whether the change still stands: `width` of them, at least LEAST, and twice as many each further time. If their
mean is nearer to the level after the oldest change that stands than to the one before it, the flag is up again. So a
decline that no retrain has mended is never forgotten, a false alarm is, and neither makes a loop. Meanwhile a detection
raises the flag at once only where it is much worse: FURTHER times as far from the good level as ever before.
"""

from __future__ import annotations

from streamproc.monitor.detectors.protocol import Evidence
from streamproc.monitor.river_state import SUM
from streamproc.stateful import COUNT, FLAG, Stateful

LEAST, MOST = 100, 100_000
"""Values that are asked whether a change still stands."""
FURTHER = 1.5

LATCH = {
    "_raised": FLAG,
    "detections": COUNT,
    "_past": COUNT,
    "_past_total": SUM,
    "_n": COUNT,
    "_total": SUM,
    "_change": COUNT,
    "_width": COUNT,
    "_mean_before": SUM,
    "_mean_after": SUM,
    "_good": SUM,
    "_bad": SUM,
    "_worst": SUM,
    "_spent": FLAG,
    "_asked": COUNT,
    "_asked_at": COUNT,
    "_asked_total": SUM,
}


class Latch(Stateful):
    """What detectors have in common: counts, flag, evidence of the newest detection."""

    __slots__ = (
        "_asked", "_asked_at", "_asked_total", "_bad", "_change", "_good", "_mean_after", "_mean_before", "_n", "_past",
        "_past_total", "_raised", "_spent", "_total", "_width", "_worst", "detections",
    )  # fmt: skip

    def __init__(self) -> None:
        self.detections = 0
        self._raised = False
        self._past = 0  # values before the detector's last restart
        self._past_total = 0.0  # and their sum
        self._n = 0  # values since then
        self._total = 0.0  # and their sum
        self._change = 0  # values up to the estimated change
        self._width = 0
        self._mean_before = self._mean_after = 0.0
        self._good = self._bad = 0.0  # levels before and after the oldest change that stands
        self._worst = 0.0  # of the levels that raised the flag since then
        self._spent = False  # a retrain came to nothing, and the flag has not been raised anew
        self._asked = 0  # how many values are asked then whether it stands; 0: never yet
        self._asked_at = 0  # from which one on
        self._asked_total = 0.0  # the sum of those before

    @property
    def flag(self) -> bool:
        """Whether a change was seen that, as far as is known, still stands."""
        return self._raised and (not self._spent or (self._values_asked() >= self._asked and self._stands()))

    def spend(self) -> None:
        """A retrain came to nothing: what comes from now on says whether the change still stands."""
        if not self.flag:
            return
        self._spent = True
        self._asked = min(max(2 * self._asked, self._width, LEAST), MOST)
        self._asked_at, self._asked_total = self._past + self._n, self._past_total + self._total

    def _values_asked(self) -> int:
        return self._past + self._n - self._asked_at

    def _stands(self) -> bool:
        mean = (self._past_total + self._total - self._asked_total) / (self._values_asked() or 1)
        middle = self._good / 2 + self._bad / 2
        return mean >= middle if self._bad >= self._good else mean <= middle

    def _latch(self, width: int, mean_before: float, mean_after: float) -> None:
        is_over = self._spent and self._values_asked() >= self._asked and not self._stands()
        if is_over or not self._raised:
            self._good, self._bad, self._worst, self._asked = mean_before, mean_after, mean_after, 0
            self._raised, self._spent = True, False
        elif abs(mean_after - self._good) >= FURTHER * abs(self._worst - self._good):
            self._worst, self._spent = mean_after, False
        self.detections += 1
        self._change = self._past + self._n - width
        self._width, self._mean_before, self._mean_after = width, mean_before, mean_after

    def _restart(self) -> None:
        self._past += self._n
        self._past_total += self._total
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
