"""The AsyncAPI document: complete, without loose ends, and true to the stages and the events."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from streamproc.cli.schemas import files
from streamproc.config.model import Model
from streamproc.config.pipeline import Config, Topics
from streamproc.events.asyncapi import CLOUD_EVENTS, OPERATIONS, asyncapi
from streamproc.events.examples import EXAMPLES
from streamproc.events.identity import cloud_event_headers
from streamproc.events.topics import TOPICS
from streamproc.join.stage import JoinStage
from streamproc.monitor.stage import MonitorStage

DOCUMENT: dict[str, Any] = json.loads(files()["asyncapi.json"])


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Every object in a document."""
    if isinstance(node, dict):
        yield node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(inner)


def at(reference: str) -> Any:
    """What a reference points to."""
    found: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def alone(schema: dict[str, Any]) -> Draft202012Validator:
    """A validator for a schema that refers to the components."""
    return Draft202012Validator({**schema, "components": DOCUMENT["components"]})


def test_it_has_the_shape_of_asyncapi_3() -> None:
    """Fixed fields only, all required ones, and names that the specification allows."""
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= DOCUMENT["info"].keys()
    fixed = {"asyncapi", "id", "info", "servers", "defaultContentType", "channels", "operations", "components"}
    assert DOCUMENT.keys() <= fixed
    for channel in DOCUMENT["channels"].values():
        assert channel.keys() <= {"address", "title", "description", "messages", "bindings"}
    for operation in DOCUMENT["operations"].values():
        assert {"action", "channel"} <= operation.keys()
        assert operation.keys() <= {"action", "channel", "summary", "tags", "messages", "bindings"}
        assert operation["action"] in ("send", "receive")
    for message in DOCUMENT["components"]["messages"].values():
        allowed = {"name", "title", "summary", "contentType", "bindings", "examples", "headers", "payload"}
        assert message.keys() <= allowed
        assert all(example.keys() <= {"name", "summary", "headers", "payload"} for example in message["examples"])
    for name in (*DOCUMENT["components"]["schemas"], *DOCUMENT["components"]["messages"]):
        assert re.fullmatch(r"[\w.-]+", name)


def test_every_reference_leads_somewhere() -> None:
    """And within the document: it can be given away as one file."""
    references = [node["$ref"] for node in nodes(DOCUMENT) if "$ref" in node]
    assert len(references) > 40
    for reference in references:
        assert reference.startswith("#/")
        assert at(reference)


def test_no_schema_is_left_over() -> None:
    """Every component is used."""
    used = {node["$ref"] for node in nodes(DOCUMENT) if "$ref" in node}
    for kind in ("schemas", "messages"):
        assert {f"#/components/{kind}/{name}" for name in DOCUMENT["components"][kind]} <= used


def test_messages_of_an_operation_are_messages_of_its_channel() -> None:
    """AsyncAPI asks for it: an operation refers to the channel's messages, not to the components'."""
    for operation in DOCUMENT["operations"].values():
        for message in operation["messages"]:
            assert message["$ref"].startswith(operation["channel"]["$ref"] + "/messages/")


def test_every_topic_is_a_channel_with_its_key_and_its_layout() -> None:
    """Addresses, partitions and retention are those of the default configuration."""
    topics = Topics()
    assert DOCUMENT["channels"].keys() == {topic.name for topic in TOPICS}
    for topic in TOPICS:
        channel = DOCUMENT["channels"][topic.name]
        assert channel["address"] == getattr(topics, topic.name)
        binding = channel["bindings"]["kafka"]
        assert (binding["partitions"], binding["replicas"]) == (topics.partitions, topics.replication)
        assert binding["topicConfiguration"]["retention.ms"] == topic.retention_ms
        (message,) = channel["messages"].values()
        assert at(message["$ref"])["bindings"]["kafka"]["key"]["type"] == "string"


def test_it_follows_the_names_of_a_configuration() -> None:
    """Another address, another layout: another document."""
    document = asyncapi({topic.name: f"x.{topic.name}" for topic in TOPICS}, 12, 3, "kafka:29092")
    assert document["channels"]["journal"]["address"] == "x.journal"
    assert document["channels"]["journal"]["bindings"]["kafka"]["partitions"] == 12
    assert document["servers"]["kafka"]["host"] == "kafka:29092"


@pytest.mark.parametrize("name", sorted(DOCUMENT["components"]["messages"]))
def test_the_examples_are_valid_by_the_document_itself(name: str) -> None:
    """Payload by the payload's schema, headers by the headers'; every example of the topic is there."""
    message = DOCUMENT["components"]["messages"][name]
    for example in message["examples"]:
        assert example.keys() & {"headers", "payload"}
        for part in ("headers", "payload"):
            if part in example:
                alone(message[part]).validate(example[part])


def test_every_example_is_in_the_document() -> None:
    """None is lost on the way."""
    shown = [example["name"] for m in DOCUMENT["components"]["messages"].values() for example in m["examples"]]
    assert sorted(shown) == sorted(example.name for examples in EXAMPLES.values() for example in examples)


@pytest.mark.parametrize("topic", sorted(CLOUD_EVENTS))
def test_the_cloud_events_headers_are_those_that_are_written(topic: str) -> None:
    """What `cloud_event_headers` gives is what the document promises: no header more, none less."""
    (message,) = DOCUMENT["channels"][topic]["messages"].values()
    headers = at(message["$ref"])["headers"]
    written = cloud_event_headers(CLOUD_EVENTS[topic], "id_1", "shop", "churn", 1_767_225_600_000)
    as_text = {name: value.decode() for name, value in written}
    alone(headers).validate(as_text)
    assert headers["properties"].keys() == as_text.keys()
    other = {**as_text, "ce_type": "dev.streamproc.other"}
    assert not alone(headers).is_valid(other)
    assert alone(headers).is_valid({}) is (topic == "deploys"), "a pipeline of one's own may leave them out"


def test_the_stages_read_what_the_document_says() -> None:
    """`receive` operations are the inputs of the real stages."""
    config = Config(pipeline="p", models={"m": Model()})
    topics = {getattr(config.topics, topic.name): topic.name for topic in TOPICS}
    for stage in (JoinStage(config, 1), MonitorStage(config, 1)):
        read = {op.topic for op in OPERATIONS if (op.stage, op.action) == (stage.name, "receive") and op.in_group}
        assert {topics[name] for name in stage.inputs} == read


def test_every_topic_is_written_and_read_by_somebody_named() -> None:
    """A topic that no stage of ours writes is written by the user, as the table of topics says."""
    for topic in TOPICS:
        actions = {operation.action for operation in OPERATIONS if operation.topic == topic.name}
        assert actions
        assert "send" in actions or topic.name in ("predictions", "labels", "metrics")
