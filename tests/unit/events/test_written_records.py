"""What the real stages write is what the schemas of the output topics describe."""

from __future__ import annotations

import functools
import hashlib
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from streamproc.config.pipeline import Config
from streamproc.engine.dead_letters import MAX_VALUE_BYTES, dead_letter
from streamproc.errors import BadRecord
from streamproc.events.schema import event_schema
from streamproc.events.topics import BY_NAME
from streamproc.join.stage import JoinStage
from streamproc.monitor.stage import MonitorStage
from streamproc.replay.memory import MemoryOutputs, MemoryRecord

NOW = 1_767_225_600_000
CONFIG = Config.model_validate(
    {
        "pipeline": "shop",
        "models": {
            "churn": {
                "min_samples": 5,
                "window": 10,
                "detectors": {"errors": {"type": "adwin"}, "age": {"type": "page_hinkley", "signal": "feature.age"}},
                "external_metrics": ["drift"],
                "policies": [
                    {"name": "worse", "condition": "accuracy < 0.7 and not age", "cooldown": "1h"},
                    {"name": "drifted", "condition": "drift > limit", "parameters": {"limit": 0.1}},
                    {"name": "nightly", "schedule": {"cron": "0 0 * * *"}},
                ],
            }
        },
    }
)


def pipeline() -> list[tuple[str, Any]]:
    """(topic, event) pairs that make the stages say all they can say."""
    model = {"model_id": "churn"}
    events: list[tuple[str, Any]] = []
    for n in range(40):
        one = {**model, "prediction_id": f"p{n}", "prediction": 1, "score": 0.9, "features": {"age": n, "x": None}}
        events.append(("predictions", {**one, "time": NOW + n, "segments": {"country": "de"}, "weight": 0.5}))
        events.append(("labels", {"prediction_id": f"p{n}", "label": int(n < 20), "time": NOW + n + 1000}))
    return [
        ("deploys", {**model, "status": "deployed", "model_version": "v1", "time": NOW - 1}),
        *events,
        ("labels", {"prediction_id": "p3", "label": 0, "time": NOW + 5000}),
        ("metrics", {**model, "metrics": {"drift": 0.5}}),
        ("commands", {**model, "command_id": "c1", "command": "pause", "reason": "holiday"}),
        ("commands", {**model, "command_id": "c2", "command": "resume"}),
        ("commands", {**model, "command_id": "c3", "command": "snooze", "until": NOW + 60_000}),
        (
            "deploys",
            {**model, "status": "rejected", "metrics": {"champion": {"accuracy": 0.5}}, "rows": {"holdout": 9}},
        ),
        ("commands", {**model, "command_id": "c4", "command": "trigger"}),
        ("deploys", {**model, "status": "deployed", "model_version": "v2", "artifact": {"uri": "a/b"}}),
    ]


@functools.cache
def written() -> list[tuple[str, dict[str, Any]]]:
    """(topic, event) pairs that join and monitor write."""
    join, monitor, out = JoinStage(CONFIG, 1).task(0), MonitorStage(CONFIG, 1).task(0), MemoryOutputs()
    found: list[tuple[str, dict[str, Any]]] = []

    def follow(topic: str, value: bytes, key: bytes | None) -> None:
        found.append((topic, orjson.loads(value)))
        if topic == "journal":
            monitor.process(topic, [MemoryRecord(topic, 0, len(found), value, key, NOW + len(found))], out)
            for sent in out.take():
                follow(*sent)

    for topic, event in pipeline():
        join.process(topic, [MemoryRecord(topic, 0, 0, orjson.dumps(event), None, NOW)], out)
        monitor.wake(NOW + len(found) * 60_000, out)
        for sent in out.take():
            follow(*sent)
    assert not out.rejected
    return found


def test_the_run_makes_every_kind_of_record() -> None:
    """Or the checks below would say little."""
    kinds = {event["kind"] for topic, event in written() if topic == "journal"}
    assert kinds == {"prediction", "outcome", "metric", "command", "deploy", "tick", "config"}
    assert any("revises" in event for _, event in written())
    assert {event["cause"] for topic, event in written() if topic == "triggers"} >= {"condition", "manual"}
    verdicts = {event["verdict"] for topic, event in written() if topic == "decisions"}
    assert {"fired", "suppressed", "lifecycle", "paused", "resumed", "snoozed"} <= verdicts


@pytest.mark.parametrize("topic", ["journal", "triggers", "decisions"])
def test_what_is_written_is_as_its_schema_says(topic: str) -> None:
    """Each record by the JSON schema, and by the model that reads it; and nothing in it is null but features."""
    validator = Draft202012Validator(event_schema(BY_NAME[topic]))
    records = [event for name, event in written() if name == topic]
    for event in records:
        validator.validate(event)
        BY_NAME[topic].event.model_validate(event)
        assert None not in event.values()


@pytest.mark.parametrize("topic", ["triggers", "decisions"])
def test_a_reader_gets_back_what_was_written(topic: str) -> None:
    """Reading with the model and writing again changes nothing."""
    for event in (event for name, event in written() if name == topic):
        again = BY_NAME[topic].event.model_validate(event)
        assert again.model_dump(mode="json", exclude_none=True) == event


@pytest.mark.parametrize("value", [b"nope", None, b"x" * (MAX_VALUE_BYTES + 1)])
def test_the_headers_of_a_dead_letter_are_as_their_schema_says(value: bytes | None) -> None:
    """All text; a value that had to be cut has the hash of the whole beside it."""
    record = MemoryRecord("predictions", 3, 1204, value, b"\xff", NOW)
    kept, key, headers = dead_letter(record, BadRecord("not_json", "unexpected end"), "join")
    as_text = {name: text.decode() for name, text in headers}
    Draft202012Validator(event_schema(BY_NAME["dead_letters"])).validate(as_text)
    assert key == b"\xff"
    if value is not None and len(value) > MAX_VALUE_BYTES:
        assert kept == value[:MAX_VALUE_BYTES]
        assert as_text["truncated_sha256"] == hashlib.sha256(value).hexdigest()
    else:
        assert kept == value
        assert "truncated_sha256" not in as_text
