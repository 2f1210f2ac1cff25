"""JSON Schema (draft 2020-12) of every event, made from the models and their docstrings.

What users write (predictions, labels, metrics, commands, deploys) is described as it is read: times in both forms,
and what the record itself can supply (`time`, the key) left optional. What streamproc writes (journal, triggers,
decisions, dead letters) is described as it is written: times in epoch milliseconds, absent fields left out.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode

from streamproc.events.codec import KEYED_BY
from streamproc.events.schema_generator import DIALECT, Generator, Schema, tidy
from streamproc.events.topics import TOPICS, Topic

WRITTEN_BY_US = frozenset({"journal", "triggers", "decisions", "dead_letters"})


def event_schemas() -> dict[str, Schema]:
    """File stem -> schema, for all topics."""
    return {file_stem(topic.event): event_schema(topic) for topic in TOPICS}


def event_schema(topic: Topic) -> Schema:
    """The schema of a topic's events (of the dead letters: their headers)."""
    schema = document(topic.event, mode_of(topic))
    return supplied_by_record(schema, topic) if mode_of(topic) == "validation" else schema


def document(model: type[BaseModel], mode: JsonSchemaMode) -> Schema:
    """One model's schema, able to stand alone."""
    schema = model.model_json_schema(mode=mode, schema_generator=Generator)
    return tidy({"$schema": DIALECT, "$id": f"urn:streamproc:schema:{file_stem(model)}", **schema})


def mode_of(topic: Topic) -> JsonSchemaMode:
    """Whether a topic's events are described as they are read, or as they are written."""
    return "serialization" if topic.name in WRITTEN_BY_US else "validation"


def file_stem(model: type[BaseModel]) -> str:
    """How a model's schema is called: `dead-letter-headers` for DeadLetterHeaders."""
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in model.__name__).lstrip("-")


def supplied_by_record(schema: Schema, topic: Topic) -> Schema:
    """The schema of an event that may leave out `time` and its key: the record has both."""
    key = KEYED_BY[topic.event]
    fields: dict[str, Any] = dict(schema["properties"])
    time = _also(fields["time"], "Without it, the record's timestamp.")
    fields["time"] = {**time, "anyOf": [*time["anyOf"], {"type": "null"}]}
    fields[key] = _also(fields[key], "Without it, the record's key.")
    required = [name for name in schema["required"] if name not in ("time", key)]
    return {**schema, "properties": fields, "required": required}


def _also(field: Schema, remark: str) -> Schema:
    described = f"{field['description']} {remark}" if "description" in field else remark
    return {"description": described, **{k: v for k, v in field.items() if k != "description"}}
