"""The schema of streamproc.yaml: an editor with it says what `streamproc check` says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from streamproc.config.findings import InvalidConfig
from streamproc.config.load import from_mapping
from streamproc.config.pipeline import Config
from streamproc.config.schema import config_schema
from streamproc.config.units import parse_duration

SCHEMA = config_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
RETRAIN = {"function": "training:retrain"}


def config(model: Any = None, **more: Any) -> dict[str, Any]:
    """A configuration with one model."""
    return {"pipeline": "shop", "models": {"churn": {} if model is None else model}, **more}


VALID = {
    "least": config(),
    "empty model": {"pipeline": "shop", "models": {"churn": None}},
    "empty defaults": config(defaults=None),
    "durations": config({"volume_period": "90m", "retrain_timeout": "1.5h"}, join={"label_ttl": "30d"}),
    "no cooldown": config({"policies": [{"name": "p", "condition": "accuracy < 1", "cooldown": 0}]}),
    "detectors": config({"detectors": {"a": {"type": "adwin"}, "b": {"type": "page_hinkley", "threshold": 5}}}),
    "kafka": config(kafka={"bootstrap.servers": "a:1,b:2", "ssl.ca.location": "/x", "linger.ms": 5, "debug": True}),
    "no gate": config({"retrain": {**RETRAIN, "gate": None}}),
    "schedule": config({"policies": [{"name": "p", "schedule": {"cron": "0 0 * * *", "time_zone": "Asia/Tokyo"}}]}),
    "mapped fields": config(inputs={"predictions": {"fields": {"prediction_id": "$.request.id"}}}),
    "no page": config(engine={"http": ""}),
    "shared function": config({"retrain": {"window": {"outcomes": 9}}}, defaults={"retrain": RETRAIN}),
    "shared retrain": config({}, defaults={"retrain": {"time_limit": "2h", **RETRAIN}}),
    "part of a detector": config(
        {"detectors": {"a": {"delta": 0.1}}}, defaults={"detectors": {"a": {"type": "adwin"}}}
    ),
    "part of drift": config({"drift": {"bins": 5}}, defaults={"drift": {"signals": ["score"]}}),
}
INVALID = {
    "nothing": {},
    "no models": {"pipeline": "shop", "models": {}},
    "unknown section": config(topic={}),
    "unknown setting": config({"windw": 5}),
    "unknown default": config(defaults={"windw": 5}),
    "a number for a duration": config({"volume_period": 90}),
    "a duration without a unit": config({"volume_period": "90"}),
    "no length": config({"volume_period": 0}),
    "a detector without a type": config({"detectors": {"a": {"delta": 0.1}}}),
    "an unknown detector": config({"detectors": {"a": {"type": "crystal_ball"}}}),
    "another detector's setting": config({"detectors": {"a": {"type": "adwin", "threshold": 5}}}),
    "a bad name": config({"detectors": {"my detector": {"type": "adwin"}}}),
    "a bad id": {"pipeline": "shop", "models": {"a\nb": {}}},
    "no function": config({"retrain": {"window": {"outcomes": 9}}}),
    "a bad function": config({"retrain": {"function": "training.retrain"}}),
    "a bad share": config({"retrain": {**RETRAIN, "gate": {"holdout": 1}}}),
    "a policy without a name, among the defaults": config(defaults={"policies": [{"condition": "accuracy < 1"}]}),
    "a bad topic": config(topics={"labels": "a b"}),
    "a bad path": config(inputs={"predictions": {"fields": {"time": "request.at"}}}),
    "a list for kafka": config(kafka=["localhost:9092"]),
}


@pytest.mark.parametrize("name", sorted(VALID))
def test_what_the_loader_takes_an_editor_takes(name: str) -> None:
    """No red line below what is right."""
    VALIDATOR.validate(VALID[name])
    from_mapping(VALID[name])


@pytest.mark.parametrize("name", sorted(INVALID))
def test_what_an_editor_refuses_the_loader_refuses(name: str) -> None:
    """Typing errors show while the file is written."""
    assert not VALIDATOR.is_valid(INVALID[name])
    with pytest.raises(InvalidConfig):
        from_mapping(INVALID[name])


def test_with_defaults_a_model_may_leave_out_what_they_may_hold() -> None:
    """Only then: without `defaults`, a model's own section must be whole."""
    part = config({"retrain": {"window": {"outcomes": 9}}})
    assert not VALIDATOR.is_valid(part)
    assert VALIDATOR.is_valid({**part, "defaults": {"retrain": RETRAIN}})


def test_every_section_is_described() -> None:
    """Editors show it on hover."""
    assert all(definition["description"] for definition in SCHEMA["$defs"].values())
    assert SCHEMA["properties"]["defaults"]["description"]


def test_defaults_are_written_as_a_person_would() -> None:
    """Durations with their units; and every default is a value that the schema itself takes."""
    join = SCHEMA["$defs"]["Join"]["properties"]["label_ttl"]["default"]
    assert parse_duration(join) == Config.model_fields["join"].get_default(call_default_factory=True).label_ttl
    seen = 0
    for where in (SCHEMA, *SCHEMA["$defs"].values()):
        for field in where["properties"].values():
            if "default" in field:
                seen += 1
                Draft202012Validator({**field, "$defs": SCHEMA["$defs"]}).validate(field["default"])
    assert seen > 40


def test_it_holds_no_secret_and_no_place() -> None:
    """The schema is published."""
    assert "/" not in json.dumps(SCHEMA["properties"]["kafka"]["default"])
