"""Puts a calibration together: a recording of a quiet period, a budget, and the settings that keep to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from streamproc.app.replay import Recording
from streamproc.config.model import Model
from streamproc.config.pipeline import Config
from streamproc.errors import UserError
from streamproc.replay.arms import baselines
from streamproc.replay.calibrate import Chosen, Quiet, calibrated
from streamproc.replay.pipeline import Pipeline
from streamproc.replay.quiet import Checked, QuietModel, checked, quiet_models, values_of
from streamproc.replay.resample import Draw
from streamproc.stage import Record

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Budget:
    """At most so many false alarms in a period, of everything that is watched together."""

    false_alarms: float
    per: int
    """Milliseconds."""
    segments: int | None = None
    """Segments of each model that are watched by detectors of their own; None: as each model's policies have it."""

    def streams(self, model: Model) -> tuple[int, int]:
        """(segments that are watched apart; how often each outcome is looked at by a detector)."""
        apart = [policy.per_segment and bool(model.segment_by) for policy in model.policies]
        segments = self.segments if self.segments is not None else model.max_segments if any(apart) else 1
        return segments, 2 if any(apart) and not all(apart) else 1


@dataclass(frozen=True, slots=True)
class Simulation:
    """How streams are made."""

    draw: Draw
    most: int = 1_000_000
    """Values simulated for one setting of one detector."""
    shift: float | None = None
    """Of each signal's mean, to say how soon it is seen."""


@dataclass(slots=True)
class Calibrated:
    """One model's new settings."""

    outcomes: int
    per_period: float
    """Outcomes in the budget's period."""
    share: float
    """False alarms that each detector may raise in that period."""
    chosen: dict[str, Chosen] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    """Detector -> why nothing could be chosen for it."""
    check: Checked | None = None


def calibrate(
    config: Config, recording: Recording, budget: Budget, simulation: Simulation, say: Say
) -> dict[str, Calibrated]:
    """Model id -> its settings. Raises UserError, BrokerUnavailable."""
    watching = sum(len(model.detectors) * prod(budget.streams(model)) for model in config.models.values())
    if not watching:
        raise UserError("no model has detectors: there is nothing to calibrate")
    quiet = quiet_models(config, _journal(config, recording))
    found = {}
    for model_id, model in config.models.items():
        if not model.detectors:
            continue
        seen = quiet[model_id]
        per_period = seen.per_ms * budget.per / budget.streams(model)[0]
        if not per_period:
            raise UserError(f"{model_id}: the recording has no outcomes of it, or all at one time")
        found[model_id] = made = Calibrated(len(seen.outcomes), per_period, budget.false_alarms / watching)
        _detectors(config, model_id, seen, made, simulation)
        say(f"{model_id}: {len(made.chosen)} of {len(model.detectors)} detectors")
        made.check = _check(config, model_id, seen, made, simulation)
    return found


def _journal(config: Config, recording: Recording) -> Iterable[Record]:
    """The records of a journal; events are joined first, by the real join."""
    if recording.journal is not None:
        return recording.journal()
    records: list[Record] = []
    quiet = baselines(config, [])[0].config
    pipeline = Pipeline(quiet.model_copy(update={"inputs": Config.model_fields["inputs"].default}), records.append)
    for event in recording.events or ():
        pipeline.feed(event.role, event.value, event.time, event.key)
    return records


def _detectors(config: Config, model_id: str, seen: QuietModel, made: Calibrated, simulation: Simulation) -> None:
    model: Any = config.models[model_id]
    for name, detector in model.detectors.items():
        values = values_of(model, detector.signal, seen.outcomes)
        quiet = Quiet(detector.signal, values, simulation.draw.named(f"{model_id}/{name}"))
        try:
            chosen = calibrated(detector, quiet, made.share / made.per_period, simulation.most, simulation.shift)
        except UserError as error:
            made.failed[name] = str(error)
        else:
            made.chosen[name] = chosen


def _check(config: Config, model_id: str, seen: QuietModel, made: Calibrated, simulation: Simulation) -> Checked | None:
    if not made.chosen:
        return None
    changed = with_settings(config, {model_id: made})
    count = min(simulation.most // 4, 200_000)
    return checked(changed, model_id, seen, count, simulation.draw.named(f"{model_id}/check"))


def with_settings(config: Config, found: Mapping[str, Calibrated]) -> Config:
    """The configuration with the calibrated detectors."""
    models = dict(config.models)
    for model_id, made in found.items():
        detectors = {**models[model_id].detectors, **{name: c.detector for name, c in made.chosen.items()}}
        models[model_id] = models[model_id].model_copy(update={"detectors": detectors})
    return config.model_copy(update={"models": models})
