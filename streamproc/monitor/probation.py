"""A new version beside what the one before it did: is it clearly worse?

Each outcome of the new version meets one of the old version's, the newest one first, and each of these once. What is
bet on (`betting`) is how much the new one is worse:

    classification   error of the new - error of the old - tolerance             errors are 0 or 1
    regression       (new - old) / (new + old)                                   absolute errors; old is raised by the
                                                                                 tolerance; bounded, whatever the scale

If the new version is no worse, its errors being drawn as the old one's were, these have a mean of at most zero. So no
error rate of the old version has to be taken for known: it is as much a sample as the new one's. What that rests on is
that outcomes are comparable: a world that changes with the deploy speaks for or against a version too.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Any

from streamproc.config.model import Model
from streamproc.config.retrain import Probation as Settings
from streamproc.config.units import format_duration
from streamproc.monitor.betting import Capital
from streamproc.monitor.reference import MOST_LAGS, comparable, middle, run_length
from streamproc.monitor.signals import LIMIT, labelled
from streamproc.policy.memory import TIME
from streamproc.stateful import COUNT, FLAG, NUMBER, PART, Stateful, check_ring, fields, numbers, require, within

Figures = tuple[tuple[str, float], ...]
"""Name -> value."""


class Probation(Stateful):
    """The newest losses of the version in service, and, while it is on probation, those of the one before."""

    FIELDS = fields(
        _losses=numbers("d"),
        _place=COUNT,
        on=FLAG,
        _against=numbers("d"),
        capital=PART,
        _run=within(1.0, 1.0 + 2 * MOST_LAGS),
        _began=TIME,
        _pairs=COUNT,
        _better=COUNT,
        _worse=COUNT,
        _sum=NUMBER,
        _sum_before=NUMBER,
    )

    def __init__(self, model: Model, settings: Settings) -> None:
        self._settings, self._enough = settings, model.min_samples
        self._is_regression = model.task == "regression"
        self._loss = labelled("error", model)
        self.capital = Capital(1.0 if self._is_regression else 1.0 + settings.tolerance)
        self.reset()

    def reset(self) -> None:
        """Forget everything: the same as new."""
        self._losses = array("d")
        """A ring, as long as a probation is at most."""
        self._place = 0
        self._stop()

    def _stop(self) -> None:
        self.on = False
        self._against = array("d")
        """Losses of the version before that have not met one of the new version's; the newest is the last."""
        self.capital.reset()
        self._run = 1.0
        """As many outcomes in a row as tell no more than one."""
        self._began = self._pairs = self._better = self._worse = 0
        self._sum = self._sum_before = 0.0

    def _settle(self) -> None:
        most = self._settings.outcomes
        check_ring(len(self._losses), self._place, most)
        require(len(self._against) + self._pairs <= most, "more pairs than a probation has")
        require(self._better + self._worse <= self._pairs, "more pairs that differ than pairs")
        require(self.on or not (self._against or self._pairs), "a comparison without a probation")
        require(all(0.0 <= loss <= LIMIT for ring in (self._losses, self._against) for loss in ring), "not losses")

    def deployed(self, changed: int | None, now: int, *, begins: bool) -> str | None:
        """Another version is in service. If a probation should begin for it: why there can be none, or None.

        `changed`: before so many outcomes a detector has seen a change.
        """
        place, losses = self._place, self._losses
        self.reset()
        if not begins:
            return None
        before = losses[place:] + losses[:place]
        if changed is not None:
            before = before[max(0, len(before) - changed) :]
        level = middle(before) if self._is_regression and before else 0.0
        before = before[len(before) - comparable(before, level) :]
        if len(before) < self._enough:
            known = "" if len(before) == len(losses) else f" of {len(losses)}, those since the error rose or changed"
            return f"only {len(before)} outcomes{known}, to compare with; min_samples is {self._enough}"
        self.on, self._began, self._against, self._run = True, now, before, run_length(before, level)
        return None

    def outcome(self, record: Mapping[str, Any]) -> None:
        """An outcome of the version in service; what has no error is passed over."""
        loss = self._loss(record)
        if loss is None:
            return
        if len(self._losses) < self._settings.outcomes:
            self._losses.append(loss)
        else:
            self._losses[self._place] = loss
            self._place = (self._place + 1) % self._settings.outcomes
        if self.on and self._against and not self.is_worse:
            self._compare(loss, self._against.pop())

    def _compare(self, loss: float, before: float) -> None:
        self._pairs += 1
        self._better += loss < before
        self._worse += loss > before
        self._sum += loss
        self._sum_before += before
        if self._is_regression:
            before *= 1.0 + self._settings.tolerance
            both = loss + before
            self.capital.take((loss - before) / both if both else 0.0)
        else:
            self.capital.take(loss - before - self._settings.tolerance)

    @property
    def is_worse(self) -> bool:
        """The evidence is enough."""
        return self.on and self.e_value * self._settings.alpha >= 1.0

    @property
    def e_value(self) -> float:
        """The evidence. Errors that come in runs of L are L bets on one thing: it counts as one."""
        return self.capital.e_value if self._run == 1.0 else self.capital.e_value ** (1.0 / self._run)

    def is_over(self, now: int) -> bool:
        """Nothing more is to be compared."""
        return self.on and (not self._against or now >= self._began + self._settings.duration)

    def end(self) -> None:
        """It has been decided, one way or the other."""
        self._stop()

    def plan(self) -> str:
        """What is going to be done."""
        duration = format_duration(self._settings.duration)
        return f"{len(self._against)} outcomes before the deploy, for as many of its own or {duration}"

    def figures(self) -> Figures:
        """For the deploy event."""
        n = self._pairs or 1
        return (
            ("outcomes", float(self._pairs)),
            ("error", self._sum / n),
            ("error_before", self._sum_before / n),
            ("better", float(self._better)),
            ("worse", float(self._worse)),
            ("e_value", self.e_value),
            ("e_value_needed", 1.0 / self._settings.alpha),
            ("run_length", self._run),
        )

    def __str__(self) -> str:
        of = dict(self.figures())
        what = "mean absolute error" if self._is_regression else "error rate"
        return (
            f"{what} {of['error']:.4g} against {of['error_before']:.4g} before, on {self._pairs} outcomes each "
            f"({self._worse} pairs worse, {self._better} better; e-value {of['e_value']:.3g}, "
            f"{of['e_value_needed']:.3g} is enough)"
        )
