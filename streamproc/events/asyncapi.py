"""The AsyncAPI 3.0 document: what streamproc reads and writes, seen from streamproc ("receive" is what it reads)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from streamproc.events.dead_letter import DeadLetterHeaders
from streamproc.events.examples import EXAMPLES, Example
from streamproc.events.identity import cloud_event_headers
from streamproc.events.schema import event_schema
from streamproc.events.schema_generator import Schema
from streamproc.events.topics import BY_NAME, TOPICS, Topic

CONTRACT_VERSION = "0.1.0"
"""Of what travels on the topics; it moves when that does, not with every release."""
CLOUD_EVENTS = {"triggers": "trigger", "decisions": "decision", "deploys": "deploy"}
"""Topics whose records carry CloudEvents headers -> the kind in their `ce_type`."""
_KAFKA_BINDING = "0.5.0"
_KEYS = {
    "prediction_id": "The prediction's id: by it, predictions and labels of one id lie in partitions of one number.",
    "model_id": "The model's id.",
    "source key": "The key of the record that could not be used.",
}


class Operation(NamedTuple):
    """What a stage does with a topic."""

    stage: str
    action: str
    topic: str
    summary: str
    in_group: bool = True
    """Whether a reader is a member of the stage's consumer group."""

    @property
    def name(self) -> str:
        """`joinReceivesLabels`."""
        topic = "".join(word.capitalize() for word in self.topic.split("_"))
        return f"{self.stage}{self.action.capitalize()}s{topic}"


OPERATIONS = (
    Operation("join", "receive", "predictions", "Let predictions wait for their labels"),
    Operation("join", "receive", "labels", "Join labels with their predictions"),
    Operation("join", "receive", "metrics", "Pass outside numbers on to the journal"),
    Operation("join", "receive", "commands", "Pass commands on to the journal"),
    Operation("join", "receive", "deploys", "Pass deploy events on to the journal"),
    Operation("join", "send", "journal", "Write outcomes and all that the monitor reacts to, by model"),
    Operation("join", "send", "dead_letters", "Keep what could not be used"),
    Operation("monitor", "receive", "journal", "Follow each model's journal"),
    Operation("monitor", "send", "journal", "Write the clock's ticks, which schedules go by"),
    Operation("monitor", "send", "triggers", "Ask for a retrain"),
    Operation("monitor", "send", "decisions", "Say why a policy fired or did not"),
    Operation("monitor", "send", "deploys", "Confirm a version after its probation, or roll it back"),
    Operation("retrain", "receive", "triggers", "Retrain"),
    Operation("retrain", "receive", "journal", "Read the rows that a trigger names", in_group=False),
    Operation("retrain", "receive", "deploys", "Know what is in service, and which triggers are done"),
    Operation("retrain", "send", "deploys", "Say what became of the retrain"),
    Operation("retrain", "send", "dead_letters", "Keep what could not be used"),
    Operation("cli", "send", "commands", "Send what a person asks for: `streamproc trigger`, `pause`, ..."),
)


def asyncapi(addresses: Mapping[str, str], partitions: int, replicas: int, server: str) -> Schema:
    """The document; `addresses`: topic -> its name on the broker. `server` is a `host:port`."""
    schemas: dict[str, Schema] = {}
    messages = {_message_name(topic): _message(topic, schemas) for topic in TOPICS}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "streamproc",
            "version": CONTRACT_VERSION,
            "description": "Watches machine-learning models on Kafka, and says when a retrain is worth it.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"kafka": {"host": server, "protocol": "kafka", "description": "The cluster under `kafka:`"}},
        "channels": {topic.name: _channel(topic, addresses[topic.name], partitions, replicas) for topic in TOPICS},
        "operations": {operation.name: _operation(operation) for operation in OPERATIONS},
        "components": {"schemas": schemas, "messages": messages},
    }


def cloud_event_schema(kind: str, *, required: bool) -> Schema:
    """The headers of `identity.cloud_event_headers`; without `required`, of records that may do without."""
    text = {"type": "string", "minLength": 1}
    headers: dict[str, Any] = {
        "ce_specversion": {"const": "1.0"},
        "ce_type": {"const": f"dev.streamproc.{kind}"},
        "ce_id": {**text, "description": "The event's own id: equal ids are one event."},
        "ce_source": {"type": "string", "pattern": "^/streamproc/", "description": "/streamproc/ and the pipeline"},
        "ce_subject": {**text, "description": "The model's id."},
        "ce_time": {"type": "string", "format": "date-time"},
        "content-type": {"const": "application/json"},
    }
    return {
        "title": f"CloudEvents headers of a {kind}",
        "description": "CloudEvents 1.0, Kafka protocol binding, binary mode; UTF-8.",
        "type": "object",
        "properties": headers,
        **({"required": list(headers)} if required else {}),
    }


def _message_name(topic: Topic) -> str:
    return "DeadLetter" if topic.event is DeadLetterHeaders else topic.event.__name__


def _message(topic: Topic, schemas: dict[str, Schema]) -> Schema:
    """The message of a topic; its schemas are added to `schemas`."""
    name = _message_name(topic)
    described = _shared(event_schema(topic), topic.event.__name__, schemas)
    key = {"type": "string", "description": _KEYS[topic.key]}
    message: Schema = {
        "name": name,
        "title": name,
        "summary": topic.carries[0].upper() + topic.carries[1:],
        "contentType": "application/json",
        "bindings": {"kafka": {"key": key, "bindingVersion": _KAFKA_BINDING}},
        "examples": [_example(example, topic) for example in EXAMPLES[topic.name]],
    }
    if topic.event is DeadLetterHeaders:
        return {**message, "contentType": "application/octet-stream", "headers": described}
    if topic.name in CLOUD_EVENTS:
        message["headers"] = cloud_event_schema(CLOUD_EVENTS[topic.name], required=topic.name != "deploys")
    return {**message, "payload": described}


def _example(example: Example, topic: Topic) -> Schema:
    parts = {"headers": example.headers or _cloud_event_headers(example, topic), "payload": example.payload}
    return {"name": example.name, "summary": example.summary, **{k: v for k, v in parts.items() if v is not None}}


def _cloud_event_headers(example: Example, topic: Topic) -> dict[str, str] | None:
    event, kind = example.payload, CLOUD_EVENTS.get(topic.name)
    if event is None or kind is None or "pipeline" not in event:
        return None
    headers = cloud_event_headers(kind, event[f"{kind}_id"], event["pipeline"], event["model_id"], event["time"])
    return {name: value.decode() for name, value in headers}


def _shared(document: Schema, name: str, schemas: dict[str, Schema]) -> Schema:
    """Move a stand-alone schema and its definitions to the components; a reference to it.

    Two definitions of one name (as it is read, as it is written) are told apart by the name of who refers to them.
    """
    definitions = document.get("$defs", {})
    as_they_are = {local: local for local in definitions}
    names = {
        local: local if schemas.get(local, pointed) == pointed else name + local
        for local, definition in definitions.items()
        if (pointed := _pointing(definition, as_they_are))
    }
    for local, definition in definitions.items():
        schemas[names[local]] = _pointing(definition, names)
    schemas[name] = _pointing({k: v for k, v in document.items() if k not in ("$schema", "$id", "$defs")}, names)
    return {"$ref": f"#/components/schemas/{name}"}


def _pointing(node: Any, names: Mapping[str, str]) -> Any:
    if isinstance(node, list):
        return [_pointing(item, names) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        word: f"#/components/schemas/{names[value.rpartition('/')[2]]}" if word == "$ref" else _pointing(value, names)
        for word, value in node.items()
    }


def _channel(topic: Topic, address: str, partitions: int, replicas: int) -> Schema:
    return {
        "address": address,
        "title": topic.name,
        "description": f"{topic.carries[0].upper() + topic.carries[1:]}. Written by: {topic.writer}. "
        f"Keyed by: {topic.key}.",
        "messages": {_message_name(topic): {"$ref": f"#/components/messages/{_message_name(topic)}"}},
        "bindings": {
            "kafka": {
                "partitions": partitions,
                "replicas": replicas,
                "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": topic.retention_ms},
                "bindingVersion": _KAFKA_BINDING,
            }
        },
    }


def _operation(operation: Operation) -> Schema:
    message = _message_name(BY_NAME[operation.topic])
    described: Schema = {
        "action": operation.action,
        "channel": {"$ref": f"#/channels/{operation.topic}"},
        "summary": operation.summary,
        "tags": [{"name": operation.stage}],
        "messages": [{"$ref": f"#/channels/{operation.topic}/messages/{message}"}],
    }
    if operation.action == "receive" and operation.in_group:
        group = {"type": "string", "pattern": f"-{operation.stage}$", "description": "The pipeline and the stage"}
        described["bindings"] = {"kafka": {"groupId": group, "bindingVersion": _KAFKA_BINDING}}
    return described
