"""Chooses how strict detectors must be to keep a budget of false alarms, by simulation of a quiet period.

The budget is for all of them together. Each may use an equal share of it (Bonferroni: the sum of the shares bounds the
rate of any of them whatever their dependence, and a policy that asks for more than one flag fires less often still).
A detector's rate is measured on long resampled streams; it is reset after each alarm, as a deploy does. The loosest
value of its setting is taken whose rate is below its share with 95 % confidence (Poisson). Where the share is too
small to be seen in a simulation, the line of log rate against the setting is drawn on from the strictest values that
still raised alarms, and a factor of two is kept in hand.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import fmean, median
from typing import Any

from pydantic import ValidationError

from streamproc.errors import UserError
from streamproc.monitor.detectors import build
from streamproc.replay.knobs import Knob, knob, turned
from streamproc.replay.resample import Draw, resampled, shifted

FEWEST_VALUES = 500
"""In the quiet period: fewer say too little of what is usual."""
ENOUGH_ALARMS = 60
"""Where a simulation may end: the rate is known to a quarter."""
FIT_ALARMS, FIT_POINTS, FEWEST_POINTS = 5, 4, 2
_Z = 1.6449
"""Of the normal distribution at 95 %."""
DELAY_RUNS, DELAY_WARM_UP, DELAY_LIMIT = 60, 1000, 20_000
IN_HAND = 2.0


@dataclass(frozen=True, slots=True)
class Measured:
    """A value of the setting, and what it did in a simulation."""

    value: float
    alarms: int
    values: int

    @property
    def rate(self) -> float:
        """Alarms a value of the signal."""
        return self.alarms / self.values

    @property
    def upper(self) -> float:
        """The rate is below this with 95 % confidence: the quantile of chi squared, by Wilson and Hilferty."""
        degrees = 2 * self.alarms + 2
        cube = 1 - 2 / (9 * degrees) + _Z * math.sqrt(2 / (9 * degrees))
        return degrees * cube**3 / 2 / self.values


@dataclass(frozen=True, slots=True)
class Delay:
    """How soon a shift of the signal's mean is seen."""

    shift: float
    median: float | None
    """Values of the signal, in half of the runs; None: not seen within 20,000 in most of them."""
    found: float
    """Share of the runs in which it was seen."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A detector's calibrated setting."""

    detector: Any
    """Its configuration with the new value."""
    field: str
    before: float
    after: float
    rate: float
    """False alarms a value: measured, with 95 % confidence, or as extrapolated."""
    extrapolated: bool
    delay: Delay | None


@dataclass(frozen=True, slots=True)
class Quiet:
    """A signal's values in a quiet period, and how streams are made of them."""

    signal: str
    values: Sequence[float]
    draw: Draw

    def stream(self, name: object) -> Iterator[float]:
        """Endless; another one for each name. Raises UserError for too few values."""
        if len(self.values) < FEWEST_VALUES:
            raise UserError(
                f"{len(self.values)} values of {self.signal} in the recording; {FEWEST_VALUES} are needed at least"
            )
        return resampled(self.values, self.draw.named(name))


def calibrated(detector: Any, quiet: Quiet, share: float, most: int, shift: float | None) -> Chosen:
    """The loosest setting that keeps to `share` false alarms a value; `most` values are simulated for one setting.

    Raises UserError.
    """
    turn = knob(detector)
    value, rate, extrapolated = _search(detector, turn, quiet, share, min(most, max(20_000, math.ceil(8 / share))))
    try:
        new = turned(detector, turn.field, value)
    except ValidationError as exc:
        raise UserError(f"{turn.field} would have to be {value:g}, which it cannot be: give a larger budget") from exc
    delay = None if shift is None else delay_of(new, quiet, shift)
    return Chosen(new, turn.field, getattr(detector, turn.field), value, rate, extrapolated, delay)


def _search(detector: Any, turn: Knob, quiet: Quiet, share: float, count: int) -> tuple[float, float, bool]:
    """(the value, its rate, whether that is extrapolated)."""
    measured: list[Measured] = []
    for value in turn.values:
        try:
            candidate = turned(detector, turn.field, value)
        except ValidationError:  # beyond what the setting may be
            continue
        found = simulated(candidate, value, quiet.stream(value), count)
        measured.append(found)
        if found.upper <= share:
            return found.value, found.upper, False
        if found.alarms < FIT_ALARMS and 3 / count > share:
            break  # stricter ones show nothing that could be seen
    return (*_drawn_on(turn, measured, share), True)


def simulated(detector: Any, value: float, stream: Iterator[float], count: int) -> Measured:
    """False alarms among so many values, or until there are enough of them; the detector is reset after each."""
    watch = build(detector)
    update, alarms = watch.update, 0
    for number, x in enumerate(islice(stream, count), start=1):
        if update(x):
            alarms += 1
            watch.reset()
            if alarms >= ENOUGH_ALARMS:
                return Measured(value, alarms, number)
    return Measured(value, alarms, count)


def _drawn_on(turn: Knob, measured: Sequence[Measured], share: float) -> tuple[float, float]:
    """Least squares through the strictest values that raised enough alarms. Raises UserError."""
    points = [(turn.place(m.value), math.log(m.rate)) for m in measured if m.alarms >= FIT_ALARMS][-FIT_POINTS:]
    if len(points) >= FEWEST_POINTS:
        x, y = fmean(p for p, _ in points), fmean(q for _, q in points)
        slope = sum((p - x) * (q - y) for p, q in points) / sum((p - x) ** 2 for p, _ in points)
        if slope < 0:
            place = max(x + (math.log(share / IN_HAND) - y) / slope, turn.place(measured[-1].value))
            value = float(f"{turn.value(place):.3g}")
            return value, math.exp(y + slope * (turn.place(value) - x))
    raise UserError(
        f"no value of {turn.field} was found that keeps the budget: the recording itself may hold drift. Give a "
        "quieter period, or a larger budget"
    )


def delay_of(detector: Any, quiet: Quiet, shift: float) -> Delay:
    """Of fresh detectors, each with a thousand quiet values before the shift. Raises UserError."""
    binary, mean = set(quiet.values) <= {0.0, 1.0}, fmean(quiet.values)
    if binary and not 0 < mean + shift < 1:
        raise UserError(f"{quiet.signal} is {mean:.3g} in the quiet period: a shift of {shift:g} leads out of 0 to 1")
    delays: list[int] = []
    for run in range(DELAY_RUNS):
        watch, stream = build(detector), quiet.stream(f"delay/{run}")
        for x in islice(stream, DELAY_WARM_UP):
            watch.update(x)
        moved = shifted(stream, shift, mean, f"{quiet.draw.seed}/shift/{run}", binary=binary)
        seen = (n for n, x in enumerate(islice(moved, DELAY_LIMIT), start=1) if watch.update(x))
        delays.append(next(seen, DELAY_LIMIT + 1))
    middle = median(delays)
    found = sum(d <= DELAY_LIMIT for d in delays) / len(delays)
    return Delay(shift, middle if middle <= DELAY_LIMIT else None, found)
