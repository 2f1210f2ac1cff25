"""What a replay comes to: for each model its errors along the time, its triggers, and what became of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from streamproc.config.model import Model
from streamproc.config.pipeline import Config
from streamproc.events.deploy import FINAL
from streamproc.events.trigger import Trigger
from streamproc.monitor.signals import labelled
from streamproc.replay.pipeline import Found

MOST_PIECES = 400
Values = Mapping[str, float | bool | None]
ValuesOf = Callable[[str], Values]
"""Model id -> the present values of the names that its conditions use."""


@dataclass(slots=True)
class Piece:
    """A part of the way: so many outcomes, one after the other."""

    outcomes: int = 0
    error: float = 0.0
    """The sum of 0/1 errors, or of absolute errors."""
    end: int = 0
    """Time of its last outcome, epoch ms."""
    values: Values = field(default_factory=dict)
    """At its end."""


@dataclass(slots=True)
class Curve:
    """Pieces of equal size; when they become too many, neighbours are joined."""

    size: int = 50
    pieces: list[Piece] = field(default_factory=list)

    def add(self, time: int, error: float, values: Callable[[], Values]) -> None:
        """One outcome at `time` (epoch ms); `values` is asked for at the end of a piece."""
        if not self.pieces or self.pieces[-1].outcomes >= self.size:
            if len(self.pieces) >= MOST_PIECES:
                self._join()
            self.pieces.append(Piece())
        piece = self.pieces[-1]
        piece.outcomes += 1
        piece.error += error
        piece.end = time
        if piece.outcomes == self.size:
            piece.values = values()

    def _join(self) -> None:
        pairs = zip(self.pieces[::2], self.pieces[1::2], strict=True)
        self.pieces = [Piece(a.outcomes + b.outcomes, a.error + b.error, b.end, b.values) for a, b in pairs]
        self.size *= 2


@dataclass(slots=True)
class Raised:
    """One trigger of the replay, and what became of it."""

    trigger: Trigger
    outcomes: int
    """Of its model, up to it."""
    status: str = "open"
    version: str | None = None
    ended: int = 0
    """Epoch ms."""
    reason: str = ""


@dataclass(slots=True)
class ModelTally:
    """One model's figures."""

    outcomes: int = 0
    error: float = 0.0
    first: int = 0
    last: int = 0
    curve: Curve = field(default_factory=Curve)
    raised: list[Raised] = field(default_factory=list)
    decisions: Counter[str] = field(default_factory=Counter)
    """Verdict and rule -> how many."""
    versions: dict[str, int] = field(default_factory=dict)
    """Outcomes by the version that answered, in order of appearance."""
    at_drift: list[int] = field(default_factory=list)
    """Outcomes before each true drift that has been reached."""

    @property
    def error_rate(self) -> float | None:
        """Errors / outcomes, or the mean absolute error."""
        return self.error / self.outcomes if self.outcomes else None


class Tally:
    """All models' figures: observes what the monitors take, and is given what was found."""

    def __init__(self, config: Config, drifts: Sequence[int] = ()) -> None:
        """`drifts`: epoch ms at which the world is known to have changed."""
        self.models = {model_id: ModelTally() for model_id in config.models}
        self._errors = {model_id: labelled("error", model) for model_id, model in config.models.items()}
        self._raised_at: dict[str, int] = {}
        """Trigger id -> outcomes of its model, up to it."""
        self._drifts = sorted(drifts)
        self.values_of: ValuesOf = _none

    def outcome(self, record: dict[str, Any], now: int) -> None:
        """A prediction with its label; a revised label counts for nothing here."""
        model_id = record["model_id"]
        model, error = self.models[model_id], self._errors[model_id](record)
        if error is None or record.get("revises") is not None:
            return
        while len(model.at_drift) < len(self._drifts) and now >= self._drifts[len(model.at_drift)]:
            model.at_drift.append(model.outcomes)
        model.first = model.first or now
        model.last = now
        model.outcomes += 1
        model.error += error
        version = str(record.get("model_version") or "-")
        model.versions[version] = model.versions.get(version, 0) + 1
        model.curve.add(now, error, lambda: self.values_of(model_id))

    def found(self, found: Sequence[Found]) -> None:
        """What the monitor raised and decided."""
        for each in found:
            model = self.models[each.model_id]
            if isinstance(each, Trigger):
                model.raised.append(Raised(each, self._raised_at.pop(each.trigger_id)))
            else:
                model.decisions[f"{each.verdict}: {each.rule}"] += 1

    def raised(self, model_id: str, trigger_id: str) -> None:
        """A trigger was raised; it is given to `found` later."""
        self._raised_at[trigger_id] = self.models[model_id].outcomes

    def deploy(self, record: dict[str, Any], now: int) -> None:
        """A step of a retrain."""
        if record.get("trigger_id") is None:
            return
        for raised in reversed(self.models[record["model_id"]].raised):
            if raised.trigger.trigger_id == record["trigger_id"] and raised.status not in FINAL:
                raised.status, raised.ended = record["status"], now
                raised.version, raised.reason = record.get("model_version"), record.get("reason") or ""
                return


def _none(model_id: str) -> Values:
    return {}


def condition_names(model: Model, names: Mapping[str, Any]) -> list[str]:
    """The numbers among `names`, the getters of conditions, that the model's conditions use, in order."""
    written = ("condition", "clear", "arm", "veto")
    text = " ".join(str(getattr(policy, name, None) or "") for policy in model.policies for name in written)
    words = set(text.replace("(", " ").replace(")", " ").replace(",", " ").split())
    return [name for name in names if name in words]


def finite(value: float | None) -> float | None:
    """A value of a condition as a number that JSON can say."""
    return float(value) if value is not None and math.isfinite(value) else None
