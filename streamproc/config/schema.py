"""JSON Schema of a streamproc.yaml, for editors: what the loader accepts, as a person writes it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic_core import core_schema

from streamproc.config.model import Model
from streamproc.config.pipeline import Config
from streamproc.config.units import format_duration, parse_duration
from streamproc.events.schema_generator import DIALECT, Generator, Schema, tidy

_DEFINITION = "#/$defs/"
_PARTIAL = "Partial"


def config_schema() -> Schema:
    """The schema of a streamproc.yaml, with `defaults:`, which the models are laid over."""
    schema = Config.model_json_schema(mode="validation", schema_generator=_Generator)
    schema = tidy({"$schema": DIALECT, "$id": "urn:streamproc:schema:config", **schema})
    _add_defaults(schema)
    return tidy(schema)


class _Generator(Generator):
    """Defaults are written as a person would write them."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> Schema:
        json, default = super().default_schema(schema), schema.get("default")
        if isinstance(default, BaseModel):
            json["default"] = {}  # the section's own fields have theirs
        elif schema["schema"].get("function", {}).get("function") is parse_duration:
            json["default"] = format_duration(default) if default else 0
        return json


def _add_defaults(schema: Schema) -> None:
    """A key `defaults`: a model section with anything left out. What it holds, a model may leave out too."""
    definitions, models = schema["$defs"], schema["properties"]["models"]
    _add_partial(Model.__name__, definitions)
    whole, partial = _or_nothing(Model.__name__), _or_nothing(_PARTIAL + Model.__name__)
    described = "What all models have in common: each model's section is laid over it, name by name."
    schema["properties"]["defaults"] = {"description": described, **partial}
    (pattern,) = models["patternProperties"]
    models["patternProperties"] = {pattern: partial}
    schema["if"] = {"not": {"required": ["defaults"]}}
    schema["then"] = {"properties": {"models": {"patternProperties": {pattern: whole}}}}


def _or_nothing(name: str) -> Schema:
    return {"anyOf": [{"$ref": _DEFINITION + name}, {"type": "null"}]}


def _add_partial(name: str, definitions: dict[str, Any]) -> None:
    """A definition in which nothing is required, nor in what it holds; but the items of lists are whole ones."""
    if _PARTIAL + name in definitions:
        return
    definitions[_PARTIAL + name] = partial = _without_items(definitions[name], definitions)
    partial["title"] = _PARTIAL + name
    partial.pop("required", None)
    partial.pop("anyOf", None)


def _without_items(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_without_items(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    copy = {}
    for word, value in node.items():
        if word == "$ref":
            name = value.removeprefix(_DEFINITION)
            _add_partial(name, definitions)
            copy[word] = _DEFINITION + _PARTIAL + name
        elif word == "items":
            copy[word] = value
        else:  # without its tag, a part of a detector may be of either kind
            copy["anyOf" if word == "oneOf" else word] = _without_items(value, definitions)
    return copy
