"""The committed schemas: they are what the code says, they are valid, and they accept and refuse what the code does."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from streamproc.cli.schemas import differing, files, schemas
from streamproc.errors import BadRecord, UserError
from streamproc.events.base import Event
from streamproc.events.codec import KEYED_BY, decoder
from streamproc.events.command import Command
from streamproc.events.dead_letter import DeadLetterHeaders
from streamproc.events.deploy import Deploy
from streamproc.events.examples import EXAMPLES, Example
from streamproc.events.journal import JournalRecord
from streamproc.events.schema import WRITTEN_BY_US, event_schema, event_schemas
from streamproc.events.topics import BY_NAME, TOPICS, Topic

COMMITTED = Path(__file__).parents[3] / "schemas"
NOW = 1_767_225_600_000
SCHEMAS = event_schemas()
FILES = files()
every_example = pytest.mark.parametrize(
    ("topic", "example"),
    [(BY_NAME[name], example) for name, examples in EXAMPLES.items() for example in examples],
    ids=lambda value: value.name,
)


@functools.cache
def validator(topic: Topic) -> Draft202012Validator:
    """The validator of a topic's schema."""
    return Draft202012Validator(event_schema(topic))


def test_the_committed_files_are_what_the_code_says() -> None:
    """If this fails: `streamproc schemas`, and look at the difference before it is committed."""
    assert differing(COMMITTED, FILES) == []


def test_two_runs_write_the_same_bytes() -> None:
    """Nothing in the files depends on the run: no set order, no time, no path."""
    assert files() == FILES
    assert all(text.endswith("}\n") and "0x" not in text for text in FILES.values())


def test_check_names_the_files_that_differ(tmp_path: Path) -> None:
    """`--check` fails for a changed, a missing and a left-over file, and writes nothing."""
    run = CliRunner()
    assert run.invoke(schemas, ["--out", str(tmp_path / "new")]).exit_code == 0
    assert run.invoke(schemas, ["--check", "--out", str(tmp_path / "new")]).exit_code == 0
    (tmp_path / "new" / "label.schema.json").unlink()
    (tmp_path / "new" / "old.schema.json").write_text("{}")
    (tmp_path / "new" / "asyncapi.json").write_text("{}")
    result = run.invoke(schemas, ["--check", "--out", str(tmp_path / "new")])
    assert isinstance(result.exception, UserError)
    assert "asyncapi.json, label.schema.json, old.schema.json" in str(result.exception)
    assert not (tmp_path / "new" / "label.schema.json").exists()
    missing = run.invoke(schemas, ["--check", "--out", str(tmp_path / "nowhere")])
    assert isinstance(missing.exception, UserError)


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_json_schema_is_valid_and_says_what_it_is(name: str) -> None:
    """Draft 2020-12, with an id of its own, a title and a description."""
    if name == "asyncapi.json":
        return
    schema = json.loads(FILES[name])
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"].startswith("urn:streamproc:schema:")
    assert schema["title"]
    assert len(schema["description"]) > 10


def test_ids_are_different() -> None:
    """No two schemas share an id."""
    ids = [json.loads(text)["$id"] for name, text in FILES.items() if name != "asyncapi.json"]
    assert len(set(ids)) == len(ids)


def test_docstrings_of_attributes_become_descriptions() -> None:
    """Also in models that inherit the attribute, and not another one's."""
    score = "Binary tasks: the probability of the positive label."
    assert SCHEMAS["prediction"]["properties"]["score"]["description"] == score
    assert SCHEMAS["journal-record"]["$defs"]["Outcome"]["properties"]["score"]["description"] == score
    assert "description" not in SCHEMAS["prediction"]["properties"]["weight"]


def test_every_topic_has_examples() -> None:
    """And no example is of a topic that does not exist."""
    assert EXAMPLES.keys() == BY_NAME.keys()


@every_example
def test_every_example_is_valid(topic: Topic, example: Example) -> None:
    """By its JSON schema, and by the code that reads it."""
    value = example.headers if topic.event is DeadLetterHeaders else example.payload
    assert value is not None
    validator(topic).validate(value)
    if topic.event in KEYED_BY:
        decoder(topic.event)(orjson.dumps(value), b"key", NOW)  # type: ignore[arg-type]
    else:
        topic.event.model_validate(value)


@every_example
def test_no_example_is_valid_by_luck(topic: Topic, example: Example) -> None:
    """Without a required field, or with a field of the wrong type, the schema refuses the same example."""
    value = example.headers if topic.event is DeadLetterHeaders else example.payload
    assert value is not None
    schema = event_schema(topic)
    if "oneOf" in schema:
        schema = next(
            definition
            for definition in schema["$defs"].values()
            if definition["properties"].get("kind", {}).get("const") == value["kind"]
        )
    check = validator(topic)
    for name in schema["required"]:
        assert not check.is_valid({k: v for k, v in value.items() if k != name}), name
    for name in value:
        assert not check.is_valid({**value, name: [[]]}), name


def test_what_the_record_supplies_is_optional_for_those_who_write_inputs() -> None:
    """`time` and the key, and only there: what streamproc writes always has both."""
    for topic in TOPICS:
        schema = event_schema(topic)
        if topic.name in WRITTEN_BY_US:
            continue
        assert not {"time", KEYED_BY[topic.event]} & set(schema["required"])
        assert schema["properties"]["time"]["description"].endswith("Without it, the record's timestamp.")
        assert schema["properties"][topic.key]["description"].endswith("Without it, the record's key.")
    assert {"time", "model_id"} <= set(SCHEMAS["trigger"]["required"])


def test_what_streamproc_writes_has_times_in_one_form_and_no_nulls() -> None:
    """Readers of triggers, decisions and the journal meet epoch milliseconds only, and absent fields."""
    for stem in ("trigger", "decision", "journal-record"):
        text = json.dumps(SCHEMAS[stem])
        assert "date-time" not in text
        assert '"default"' not in text
    optional = SCHEMAS["trigger"]["properties"]["model_version"]
    assert optional["type"] == "string"
    assert "evidence" in SCHEMAS["trigger"]["required"], "a default is written out"


@pytest.mark.parametrize(
    ("topic", "event", "valid"),
    [
        ("commands", {"command_id": "c", "command": "snooze", "until": NOW}, True),
        ("commands", {"command_id": "c", "command": "snooze"}, False),
        ("commands", {"command_id": "c", "command": "snooze", "until": None}, False),
        ("commands", {"command_id": "c", "command": "pause", "until": None}, True),
        ("deploys", {"status": "deployed", "model_version": "v"}, True),
        ("deploys", {"status": "deployed"}, False),
        ("deploys", {"status": "rolled_back", "model_version": None}, False),
        ("deploys", {"status": "failed"}, True),
    ],
)
def test_rules_between_fields_are_in_the_schema_too(topic: str, event: dict[str, Any], valid: bool) -> None:
    """The schema and the model's own validator say the same."""
    assert validator(BY_NAME[topic]).is_valid(event) is valid
    models: dict[str, type[Event]] = {"commands": Command, "deploys": Deploy}
    try:
        decoder(models[topic])(orjson.dumps(event), b"m", NOW)
    except BadRecord:
        assert not valid
    else:
        assert valid


FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "id": st.sampled_from(["a", "", "x" * 256, "x" * 257, "a\x00", "\x7f", 7, None]),
    "number": st.sampled_from([0, 1, -1, 0.5, 1.5, 2**62, True, "1", None, []]),
    "time": st.sampled_from([NOW, NOW // 1000, -1, "2026-01-01T00:00:00Z", "2026-01-01", True, None, 0.5]),
    "map": st.sampled_from(
        [{}, {"a": 1}, {"a": None}, {"a": "x"}, {"a": ""}, {"a": "x" * 1025}, {"a": 1e300}, {"a": {}}, [], None]
    ),
    "answer": st.sampled_from([0, 1.5, 2**63, 2**63 - 1, "yes", "", "x" * 1025, True, None, [], {}]),
}
KINDS = {
    "predictions": {
        "prediction_id": "id",
        "model_id": "id",
        "model_version": "id",
        "time": "time",
        "prediction": "answer",
        "score": "number",
        "scores": "map",
        "features": "map",
        "segments": "map",
        "weight": "number",
    },
    "labels": {"prediction_id": "id", "label": "answer", "time": "time"},
    "metrics": {"model_id": "id", "model_version": "id", "time": "time", "metrics": "map"},
}


@pytest.mark.parametrize("name", sorted(KINDS))
@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_the_schema_of_an_input_accepts_just_what_the_code_accepts(name: str, data: st.DataObject) -> None:
    """Whatever mix of right and wrong fields: jsonschema and the decoder agree."""
    topic = BY_NAME[name]
    event = data.draw(st.fixed_dictionaries({}, optional={field: FIELDS[kind] for field, kind in KINDS[name].items()}))
    try:
        decoder(topic.event)(orjson.dumps(event), b"key", NOW)  # type: ignore[arg-type]
        accepted = True
    except BadRecord:
        accepted = False
    assert validator(topic).is_valid(event) is accepted


def test_the_journal_has_a_schema_for_each_kind() -> None:
    """The kinds of the schema are those of the model, each one required."""
    definitions = SCHEMAS["journal-record"]["$defs"]
    kinds = {
        definitions[choice["$ref"].rpartition("/")[2]]["properties"]["kind"]["const"]
        for choice in SCHEMAS["journal-record"]["oneOf"]
    }
    assert kinds == {"prediction", "outcome", "metric", "command", "deploy", "config", "claim", "tick"}
    for choice in SCHEMAS["journal-record"]["oneOf"]:
        assert "kind" in definitions[choice["$ref"].rpartition("/")[2]]["required"]
    JournalRecord.model_validate({"kind": "tick", "time": NOW})
