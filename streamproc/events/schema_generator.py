"""pydantic's JSON Schema generator, with attribute docstrings as descriptions, and without noise.

pydantic can read attribute docstrings by itself, but then it parses the source of each model at every import.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from itertools import pairwise
from typing import Any

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from streamproc.events.command import Command
from streamproc.events.deploy import Deploy

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TAG = "x-tag"
_ORDER = ("$schema", "$id", "title", "description", "type", "const", "enum", "$ref", ..., "if", "then", "else", "$defs")
"""How a schema's words are sorted; `...` stands for all others, in pydantic's order."""
_NULL = {"type": "null"}
_IMPLIED: dict[type, tuple[str, tuple[str, ...], str]] = {
    Command: ("command", ("snooze",), "until"),
    Deploy: ("status", ("deployed", "rolled_back"), "model_version"),
}
"""Model -> (field, values, what they ask for): the rules that the models' own validators check."""


class Generator(GenerateJsonSchema):
    """Pass it to `model_json_schema`, and what comes out to `tidy`.

    In the mode `serialization` the schema is that of `Event.wire`: fields that are None are left out.
    """

    def field_title_should_be_set(self, schema: Any) -> bool:
        """No title `Prediction Id` beside `prediction_id`."""
        return False

    def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: FBT001 - pydantic's signature
        """What is written holds every field that has a value."""
        if self.mode == "validation":
            return super().field_is_required(field, total)
        return field["schema"].get("default", ...) is not None

    def model_schema(self, schema: core_schema.ModelSchema) -> Schema:
        """A model, with its attributes described."""
        model, json = schema["cls"], super().model_schema(schema)
        docs = attribute_docs(model)
        for name, field in json.get("properties", {}).items():
            if name in docs:
                field.setdefault("description", docs[name])
            self._without_default(field)
        for base, (field, values, asked) in _IMPLIED.items():
            if issubclass(model, base):
                json["if"] = {"properties": {field: {"enum": list(values)}}, "required": [field]}
                json["then"] = {"properties": {asked: {"not": _NULL}}, "required": [asked]}
        return json

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> Schema:
        """`discriminator` is a word of OpenAPI; `tidy` turns it into a required tag."""
        json = super().tagged_union_schema(schema)
        json[_TAG] = json.pop("discriminator")["propertyName"]
        return json

    def _without_default(self, field: Schema) -> None:
        """A default of null says nothing; and what is written has no defaults, and no nulls of optional fields."""
        optional = field.get("default", ...) is None
        if optional or self.mode == "serialization":
            field.pop("default", None)
        if optional and self.mode == "serialization":
            choices = [choice for choice in field.pop("anyOf") if choice != _NULL]
            field.update({"anyOf": choices} if len(choices) > 1 else {**choices[0], **field})


def attribute_docs(model: type) -> dict[str, str]:
    """The string below each field in the class bodies of a model and its bases, by field name."""
    ours = [cls for cls in reversed(model.__mro__) if cls.__module__.startswith("streamproc.")]
    return {name: text for cls in ours if "[" not in cls.__name__ for name, text in _own_docs(cls).items()}


@functools.cache
def _own_docs(cls: type) -> dict[str, str]:
    docs: dict[str, str] = {}
    tree = ast.walk(ast.parse(textwrap.dedent(inspect.getsource(cls))))
    body = next(node.body for node in tree if isinstance(node, ast.ClassDef))
    for field, below in pairwise(body):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                docs[name] = " ".join(text.split())
    return docs


def tidy(schema: Schema) -> Schema:
    """Tags made required where a union needs them, also those that have a default; names of maps held to their pattern.

    What says what a schema is comes first in it.
    """
    definitions = schema.get("$defs", {})
    for node in _objects(schema):
        if "patternProperties" in node:
            node.setdefault("additionalProperties", False)
        tag = node.pop(_TAG, None)
        for choice in node["oneOf"] if tag else ():
            definition = definitions[choice["$ref"].rpartition("/")[2]]
            definition["required"] = [tag, *(name for name in definition.get("required", ()) if name != tag)]
    ordered: Schema = _ordered(schema)
    return ordered


def _objects(node: Any) -> list[Schema]:
    if isinstance(node, list):
        return [found for item in node for found in _objects(item)]
    return [node, *_objects(list(node.values()))] if isinstance(node, dict) else []


def _ordered(node: Any) -> Any:
    if isinstance(node, list):
        return [_ordered(item) for item in node]
    if not isinstance(node, dict):
        return node
    names = sorted(node, key=lambda name: _ORDER.index(name) if name in _ORDER else _ORDER.index(...))
    return {name: _ordered(node[name]) for name in names}
