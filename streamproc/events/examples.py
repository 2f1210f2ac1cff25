"""One or two events of each topic, as they are found in the schemas and the documentation."""

from __future__ import annotations

from typing import Any, NamedTuple

from streamproc.events.identity import derived_id

_AT = 1_767_225_600_000  # 2026-01-01T00:00:00Z


class Example(NamedTuple):
    """A record: what its value holds, or for dead letters its headers."""

    name: str
    summary: str
    payload: dict[str, Any] | None
    headers: dict[str, str] | None = None


_TRIGGER_ID = derived_id("trg", "shop", "churn", None, "worse", "5d41402abc4b2a76", 2, 40_311)
_POSITION = {"partition": 2, "offset": 40_311}
_EVIDENCE = {
    "values": {"accuracy": 0.8, "drift": None},
    "terms": ["accuracy < 0.85: true (0.8)", "drift > 0.2: unknown"],
    "detectors": {},
    "drift": {},
    "outcomes": 1260,
}
_BINARY = {
    "prediction_id": "order-1932",
    "model_id": "churn",
    "model_version": "v7",
    "time": "2026-01-01T00:00:00.000Z",
    "prediction": 1,
    "score": 0.83,
    "features": {"age": 41, "plan": "basic", "monthly_spend": 12.5, "referred_by": None},
    "segments": {"country": "de"},
}
_OUTCOME = {**_BINARY, "kind": "outcome", "time": _AT, "label": 0, "label_time": _AT + 86_400_000}
_FIRED = {
    "pipeline": "shop",
    "model_id": "churn",
    "policy": "worse",
    "reason": "accuracy < 0.85 or drift > 0.2",
    "time": _AT + 86_400_000,
    "evidence": _EVIDENCE,
    "config_hash": "5d41402abc4b2a76",
    "journal": _POSITION,
}
_WINDOW = {"topic": "journal", "partition": 2, "from_offset": 35_020, "to_offset": 40_312, "outcomes": 5000}

EXAMPLES: dict[str, tuple[Example, ...]] = {
    "predictions": (
        Example("binary", "A classifier with a score and its features", _BINARY),
        Example(
            "least",
            "The least there may be: the record's key is the prediction_id, its timestamp the time",
            {"model_id": "demand", "prediction": 112.5},
        ),
    ),
    "labels": (
        Example("late", "What really was, a day later", {"prediction_id": "order-1932", "label": 0, "time": _AT}),
    ),
    "metrics": (
        Example("drift", "A number from another tool", {"model_id": "churn", "metrics": {"drift": 0.12}, "time": _AT}),
    ),
    "commands": (
        Example(
            "trigger",
            "Retrain now",
            {"command_id": "cmd-17", "model_id": "churn", "command": "trigger", "reason": "new price list"},
        ),
        Example(
            "snooze",
            "No trigger before noon",
            {"command_id": "cmd-18", "model_id": "churn", "command": "snooze", "until": "2026-01-01T12:00:00Z"},
        ),
    ),
    "journal": (
        Example("outcome", "A prediction with its label", _OUTCOME),
        Example("tick", "The clock", {"kind": "tick", "time": _AT}),
    ),
    "triggers": (
        Example(
            "condition",
            "A condition came true",
            {"trigger_id": _TRIGGER_ID, "model_version": "v7", "cause": "condition", **_FIRED, "data": _WINDOW},
        ),
    ),
    "decisions": (
        Example(
            "suppressed",
            "A policy would have fired, but for its cooldown",
            {
                "decision_id": derived_id("dec", "shop", "churn", "5d41402abc4b2a76", 2, 40_311, 0),
                **_FIRED,
                "verdict": "suppressed",
                "rule": "cooldown",
                "reason": "cooling down until 2026-01-02T06:00:00.000Z (6h)",
            },
        ),
    ),
    "deploys": (
        Example(
            "deployed",
            "The challenger won and is in service",
            {
                "model_id": "churn",
                "status": "deployed",
                "trigger_id": _TRIGGER_ID,
                "model_version": "v8",
                "previous_version": "v7",
                "metrics": {"champion": {"accuracy": 0.79}, "challenger": {"accuracy": 0.88}},
                "time": "2026-01-02T00:10:00Z",
            },
        ),
        Example(
            "own-pipeline",
            "A pipeline of one's own put a version in service",
            {"model_id": "churn", "status": "deployed", "model_version": "2026-01-02"},
        ),
    ),
    "dead_letters": (
        Example(
            "not-json",
            "A prediction that was no JSON; the value is what was received",
            None,
            {
                "source_topic": "predictions",
                "source_partition": "0",
                "source_offset": "1204",
                "source_timestamp": str(_AT),
                "stage": "join",
                "reason": "not_json",
                "detail": "unexpected end of data: line 1 column 43 (char 42)",
            },
        ),
    ),
}
"""Topic -> examples."""
