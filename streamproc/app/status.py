"""What a pipeline is doing, read from Kafka alone: lag of each stage, and where each model is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from streamproc.config.pipeline import Config
from streamproc.engine.loop import Settings
from streamproc.errors import BadRecord
from streamproc.events.codec import Decode, decoder
from streamproc.events.decision import Decision
from streamproc.events.deploy import FINAL, Deploy
from streamproc.events.trigger import Trigger
from streamproc.join.inputs import source_topics
from streamproc.kafka.admin import Admin
from streamproc.kafka.tail import read_all


@dataclass(slots=True)
class StageStatus:
    """One stage's consumer group."""

    name: str
    members: list[str]
    lag: int
    """Records that are not processed yet, over all its inputs."""


@dataclass(slots=True)
class ModelStatus:
    """What the topics say of one model; times are epoch ms."""

    model_id: str
    version: str | None = None
    since: int | None = None
    triggers: int = 0
    last_trigger: dict[str, Any] | None = None
    last_deploy: dict[str, Any] | None = None
    open_triggers: set[str] = field(default_factory=set)
    paused: bool = False
    awaiting: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Decisions that a person has still to release or refuse, by their ids."""


def stages(config: Config, admin: Admin, partitions: dict[str, int]) -> list[StageStatus]:
    """Members and lag of each stage. Raises BrokerUnavailable."""
    topics = config.topics
    inputs = {
        "join": (*source_topics(config), topics.metrics, topics.commands, topics.deploys),
        "monitor": (topics.journal,),
        "retrain": (topics.triggers, topics.deploys),
    }
    if config.join.co_partitioning == "repartition":
        inputs = {"repartition": (topics.predictions, topics.labels), **inputs}
    settings = Settings(config.pipeline, "", topics.dead_letters)
    found = []
    for name, names in inputs.items():
        group = settings.group(name)
        lags = admin.lags(group, {topic: partitions[topic] for topic in names})
        found.append(StageStatus(name, admin.members(group), sum(lag.records for lag in lags)))
    return found


def models(config: Config, partitions: dict[str, int]) -> list[ModelStatus]:
    """Where each configured model is. Reads triggers, deploys and decisions from their beginning."""
    status = {model_id: ModelStatus(model_id) for model_id in config.models}
    topics = config.topics
    folds: list[tuple[str, Decode, Callable[[ModelStatus, dict[str, Any]], None]]] = [
        (topics.triggers, decoder(Trigger), _trigger),
        (topics.deploys, decoder(Deploy), _deploy),
        (topics.decisions, decoder(Decision), _decision),
    ]
    # A trigger is folded before its deploy events, whichever partition is read first.
    for topic, decode, fold in folds:
        for record in read_all(config.kafka, {topic: partitions[topic]}):
            try:
                event = decode(record.value(), record.key(), record.timestamp()[1])
            except BadRecord:
                continue  # anybody may write to these topics
            model = status.get(event["model_id"])
            if model is not None:
                fold(model, event)
    return list(status.values())


def _trigger(model: ModelStatus, event: dict[str, Any]) -> None:
    model.triggers += 1
    model.last_trigger = event
    model.open_triggers.add(event["trigger_id"])


def _deploy(model: ModelStatus, event: dict[str, Any]) -> None:
    model.last_deploy = event
    if event.get("status") in ("deployed", "rolled_back"):
        model.version, model.since = event.get("model_version"), event.get("time")
    if event.get("status") in FINAL:
        model.open_triggers.discard(event.get("trigger_id", ""))


def _decision(model: ModelStatus, event: dict[str, Any]) -> None:
    verdict = event.get("verdict")
    if verdict in ("paused", "resumed"):
        model.paused = verdict == "paused"
    elif verdict == "awaiting_approval":
        model.awaiting[event["decision_id"]] = event
    elif event.get("rule") == "approval" and verdict in ("fired", "denied", "expired"):
        asked = (event.get("policy"), event.get("segment"))  # a policy awaits one answer at a time
        for decision_id, other in list(model.awaiting.items()):
            if (other.get("policy"), other.get("segment")) == asked:
                del model.awaiting[decision_id]
