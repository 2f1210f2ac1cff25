"""The figures of a replay as plain data: what `--json` writes, and what the page and the table are made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from streamproc.events.base import format_time
from streamproc.replay.arms import Arm
from streamproc.replay.judge import judge
from streamproc.replay.tally import ModelTally, Raised, Tally, finite
from streamproc.replay.world import Deploys

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """What the replay was asked, beside the configurations."""

    source: str
    deploys: Deploys
    takes: int | None = None
    """Milliseconds from a trigger to its deploy, with deploys `retrain`."""
    drifts: tuple[int, ...] | None = None
    """Epoch ms; None: not known."""
    horizon: int | None = None
    retrain_cost: float | None = None
    error_cost: float | None = None


@dataclass(frozen=True, slots=True)
class Replayed:
    """One arm, through."""

    arm: Arm
    tally: Tally
    rejected: Mapping[str, int]
    """Dead-letter reason -> events that could not be used."""
    seconds: float
    """Wall time that it took."""


def results(question: Question, replayed: Sequence[Replayed], notes: Sequence[str] = ()) -> Figures:
    """Everything, as JSON can say it. The figures of `never`, if it is among the arms, are what others are held to."""
    told = {k: v for k, v in asdict(question).items() if k != "drifts"}
    models = {}
    for model_id in dict.fromkeys(m for each in replayed for m in each.tally.models):
        arms = [_arm(each, each.tally.models[model_id], question) for each in replayed if model_id in each.tally.models]
        _against_never(arms, question)
        models[model_id] = {"task": replayed[0].arm.config.models[model_id].task, "arms": arms}
    return {
        **told,
        "drifts": None if question.drifts is None else [format_time(drift) for drift in question.drifts],
        "models": models,
        "rejected": {each.arm.name: dict(each.rejected) for each in replayed if each.rejected},
        "notes": list(notes),
    }


def _arm(replayed: Replayed, model: ModelTally, question: Question) -> Figures:
    statuses = Counter(raised.status for raised in model.raised)
    figures: Figures = {
        "name": replayed.arm.name,
        "kind": replayed.arm.kind,
        "seconds": round(replayed.seconds, 3),
        "outcomes": model.outcomes,
        "from": format_time(model.first) if model.first else None,
        "to": format_time(model.last) if model.last else None,
        "errors": round(model.error, 6),
        "error_rate": model.error_rate,
        "triggers": len(model.raised),
        "deployed": statuses["deployed"],
        "rejected": statuses["rejected"],
        "failed": statuses["failed"],
        "decisions": dict(sorted(model.decisions.items())),
        "versions": model.versions,
        "raised": [_raised(each) for each in model.raised],
        "curve": _curve(model),
    }
    if question.drifts is not None:
        figures["judged"] = _judged(model, question)
    return figures


def _judged(model: ModelTally, question: Question) -> Figures:
    judged = judge(model, question.drifts or (), question.horizon)
    return {
        "drifts": len(judged.detections),
        "found": judged.found,
        "false_alarms": len(judged.false_alarms),
        "repeats": judged.repeats,
        "median_delay_outcomes": judged.median_delay_outcomes,
        "median_delay_ms": judged.median_delay_ms,
        "detections": [asdict(each) | {"drift": format_time(each.drift)} for each in judged.detections],
    }


def _raised(raised: Raised) -> Figures:
    trigger = raised.trigger
    return {
        "trigger_id": trigger.trigger_id,
        "time": format_time(trigger.time),
        "outcomes": raised.outcomes,
        "policy": trigger.policy,
        "cause": trigger.cause,
        "reason": trigger.reason,
        "values": dict(trigger.evidence.values),
        "status": raised.status,
        "ended": format_time(raised.ended) if raised.ended else None,
        "version": raised.version,
        "why": raised.reason,
    }


def _curve(model: ModelTally) -> Figures:
    pieces = [piece for piece in model.curve.pieces if piece.outcomes]
    names = list(dict.fromkeys(name for piece in pieces for name in piece.values))
    return {
        "piece": model.curve.size,
        "time": [format_time(piece.end) for piece in pieces],
        "error_rate": [round(piece.error / piece.outcomes, 6) for piece in pieces],
        "values": {name: [finite(piece.values.get(name)) for piece in pieces] for name in names},
    }


def _against_never(arms: list[Figures], question: Question) -> None:
    never = next((arm for arm in arms if arm["kind"] == "never"), None)
    for arm in arms:
        if question.retrain_cost is not None or question.error_cost is not None:
            arm["cost"] = round(
                arm["triggers"] * (question.retrain_cost or 0) + arm["errors"] * (question.error_cost or 0), 6
            )
        if never is not None:
            arm["errors_avoided"] = round(never["errors"] - arm["errors"], 6)
