"""How good triggers were where it is known when the world changed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from streamproc.replay.tally import ModelTally


@dataclass(frozen=True, slots=True)
class Detection:
    """One true drift, and the trigger that answered it: the first one after it, before the next drift."""

    drift: int
    """Epoch ms."""
    trigger_id: str | None = None
    """None: it was missed."""
    delay_ms: int | None = None
    delay_outcomes: int | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """Triggers against the truth."""

    detections: tuple[Detection, ...]
    false_alarms: tuple[str, ...]
    """Ids of triggers that no drift had come before, or only one that lay more than the horizon back."""
    repeats: int
    """Further triggers within the horizon of a drift that had been answered."""

    @property
    def found(self) -> int:
        """Drifts that were answered."""
        return sum(each.trigger_id is not None for each in self.detections)

    @property
    def median_delay_outcomes(self) -> float | None:
        """Over the drifts that were answered."""
        delays = [each.delay_outcomes for each in self.detections if each.delay_outcomes is not None]
        return float(median(delays)) if delays else None

    @property
    def median_delay_ms(self) -> float | None:
        """Over the drifts that were answered."""
        delays = [each.delay_ms for each in self.detections if each.delay_ms is not None]
        return float(median(delays)) if delays else None


def judge(model: ModelTally, drifts: Sequence[int], horizon: int | None = None) -> Judgement:
    """`drifts`: epoch ms, sorted; none: every trigger is a false alarm. `horizon`: ms, else up to the next drift."""
    detections: dict[int, Detection] = {}
    false: list[str] = []
    repeats = 0
    for raised in model.raised:
        time, trigger_id = raised.trigger.time, raised.trigger.trigger_id
        before = [number for number, drift in enumerate(drifts) if drift <= time]
        if not before or (horizon is not None and time - drifts[before[-1]] > horizon):
            false.append(trigger_id)
            continue
        number = before[-1]
        if number in detections:
            repeats += 1
            continue
        seen = model.at_drift[number] if number < len(model.at_drift) else model.outcomes
        delay = raised.outcomes - seen
        detections[number] = Detection(drifts[number], trigger_id, time - drifts[number], max(0, delay))
    found = tuple(detections.get(number, Detection(drift)) for number, drift in enumerate(drifts))
    return Judgement(found, tuple(false), repeats)
