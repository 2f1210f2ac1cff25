"""What a recording of a quiet period says: each detector's signal, and how often outcomes come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import orjson

from streamproc.config.model import Model
from streamproc.config.pipeline import Config
from streamproc.events.trigger import Trigger
from streamproc.monitor.signals import extractor
from streamproc.replay.again import Again
from streamproc.replay.arms import configured
from streamproc.replay.memory import MemoryRecord
from streamproc.replay.resample import Draw, resampled
from streamproc.stage import Record


@dataclass(slots=True)
class QuietModel:
    """One model's outcomes in the recording, as they stand in the journal."""

    outcomes: list[dict[str, Any]] = field(default_factory=list)
    first: int = 0
    last: int = 0

    @property
    def per_ms(self) -> float:
        """Outcomes a millisecond."""
        return (len(self.outcomes) - 1) / (self.last - self.first) if self.last > self.first else 0.0


def quiet_models(config: Config, journal: Iterable[Record]) -> dict[str, QuietModel]:
    """Each configured model's outcomes; revisions are passed over."""
    models = {model_id: QuietModel() for model_id in config.models}
    for record in journal:
        value = record.value() or b""
        if b'"outcome"' not in value[:24]:
            continue
        event = orjson.loads(value)
        model = models.get(event["model_id"])
        if model is None or event.get("revises") is not None:
            continue
        now = record.timestamp()[1]
        model.first, model.last = model.first or now, now
        model.outcomes.append(event)
    return models


def values_of(model: Model, signal: str, outcomes: Sequence[dict[str, Any]]) -> list[float]:
    """The numbers of a signal, in their order."""
    extract = extractor(signal, model)
    found = map(extract, outcomes)
    return [value for value in found if value is not None and not isinstance(value, str)]


@dataclass(frozen=True, slots=True)
class Checked:
    """What the whole configuration did over a long quiet stream."""

    outcomes: int
    triggers: Mapping[str, int]
    """Policy -> how many."""


def checked(config: Config, model_id: str, quiet: QuietModel, count: int, draw: Draw) -> Checked:
    """The real monitor over resampled outcomes, each trigger rejected at once: metrics, guards and all."""
    again = Again(configured("check", config), 1, "none", numbered=False)
    triggers: dict[str, int] = {}
    tally = again.run(_records(config, model_id, quiet, count, draw))
    for raised in tally.models[model_id].raised:
        trigger: Trigger = raised.trigger
        triggers[trigger.policy] = triggers.get(trigger.policy, 0) + 1
    return Checked(count, triggers)


def _records(config: Config, model_id: str, quiet: QuietModel, count: int, draw: Draw) -> Iterator[MemoryRecord]:
    model, topic = config.models[model_id], config.topics.journal
    apart = 1 / quiet.per_ms if quiet.per_ms else 1000.0
    offset = 0
    for number, outcome in enumerate(islice(resampled(quiet.outcomes, draw), count)):
        now = quiet.first + round(number * apart)
        event = {k: v for k, v in outcome.items() if k not in ("model_version", "revises")}
        event |= {"prediction_id": f"q{number}", "time": now, "label_time": now}
        kinds = [event]
        if model.watches_predictions:
            shown = {k: v for k, v in event.items() if k not in ("label", "label_time")}
            kinds.insert(0, shown | {"kind": "prediction"})
        for each in kinds:
            yield MemoryRecord(topic, 0, offset, orjson.dumps(each), None, now)
            offset += 1
