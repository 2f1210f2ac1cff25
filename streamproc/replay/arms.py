"""What is compared: configurations, and the baselines that each of them should beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from streamproc.config.detectors import Adwin
from streamproc.config.model import Model
from streamproc.config.pipeline import Config
from streamproc.config.policies import Policy, Schedule

NAIVE = "naive_adwin"
ALWAYS = 100
"""Outcomes between two retrains of the always-firing baseline: one that fires at each of its looks."""

Kind = Literal["configuration", "never", "every", "cron", "always", "naive"]


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to decide, to be replayed."""

    name: str
    kind: Kind
    config: Config
    every: int | None = None
    """Ask for a retrain after each so many outcomes of a model."""


def configured(name: str, config: Config) -> Arm:
    """A configuration as it is."""
    return Arm(name, "configuration", config)


def baselines(config: Config, everies: Sequence[int], crons: Sequence[str] = ()) -> list[Arm]:
    """Never, every N outcomes, by cron (UTC), always, and what a tutorial would build; none has a gate or guards."""
    asked = _with(config, {"policies": (), "detectors": {}, "drift": None, "warm_up": 0})
    arms = [Arm("never", "never", asked)]
    arms += [Arm(f"every {every:,} outcomes", "every", asked, every) for every in everies]
    arms += [Arm(f"cron {cron}", "cron", _with(config, _by_cron(cron))) for cron in crons]
    arms.append(Arm(f"always (every {ALWAYS})", "always", asked, ALWAYS))
    naive: dict[str, object] = {
        "detectors": {NAIVE: Adwin()},
        "policies": (Policy(name=NAIVE, condition=NAIVE),),
        "drift": None,
        "warm_up": 0,
    }
    return [*arms, Arm("naive ADWIN loop", "naive", _with(config, naive))]


def _by_cron(cron: str) -> dict[str, object]:
    policy = Policy(name="cron", schedule=Schedule(cron=cron))
    return {"policies": (policy,), "detectors": {}, "drift": None, "warm_up": 0}


def _with(config: Config, changes: dict[str, object]) -> Config:
    models = {name: _model(model, changes) for name, model in config.models.items()}
    none: dict[str, object] = {
        name: None for name in ("budget", "incidents") if name in Config.model_fields
    }  # what models share
    return config.model_copy(update={"models": models, **none})


def _model(model: Model, changes: dict[str, object]) -> Model:
    unguarded = {"budget": None, "segment_by": (), "probation": None}
    changes = {**changes, **{name: value for name, value in unguarded.items() if name in Model.model_fields}}
    if model.retrain is not None:
        changes = {**changes, "retrain": model.retrain.model_copy(update={"gate": None})}
    return model.model_copy(update=changes)


class Asking:
    """When an arm that does not look asks for its next retrain: one model's count of outcomes."""

    def __init__(self, every: int) -> None:
        self._every = self._next = every

    def due(self, outcomes: int, *, busy: bool) -> bool:
        """Whether to ask now. While a retrain goes on nothing is asked; what was due then is asked for after it."""
        if busy or outcomes < self._next:
            return False
        self._next = outcomes - outcomes % self._every + self._every
        return True
