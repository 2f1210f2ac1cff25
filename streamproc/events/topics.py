"""The one table of topics: who writes them, what keys them, what they carry. Configuration may rename each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from streamproc.events.base import Event
from streamproc.events.command import Command
from streamproc.events.dead_letter import DeadLetterHeaders
from streamproc.events.decision import Decision
from streamproc.events.deploy import Deploy
from streamproc.events.journal import JournalRecord
from streamproc.events.label import Label
from streamproc.events.metric import Metric
from streamproc.events.prediction import Prediction
from streamproc.events.trigger import Trigger


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: `name` is its name in the code and the configuration, and the default on the broker."""

    name: str
    writer: str
    key: Literal["prediction_id", "model_id", "source key"]
    carries: str
    event: type[Event | JournalRecord]
    retention_ms: int
    """For `streamproc topics create`; -1 keeps for ever."""


_DAY = 86_400_000
TOPICS: tuple[Topic, ...] = (
    Topic("predictions", "your model server", "prediction_id", "what a model answered", Prediction, 14 * _DAY),
    Topic("labels", "you", "prediction_id", "what was true", Label, 14 * _DAY),
    Topic("metrics", "you, or another tool", "model_id", "named numbers of a model", Metric, 7 * _DAY),
    Topic("commands", "people, CI", "model_id", "trigger now, pause, resume, snooze", Command, 30 * _DAY),
    Topic("journal", "join; monitor: ticks, config", "model_id", "all that the monitor reacts to", JournalRecord, -1),
    Topic("triggers", "monitor", "model_id", "retrain this model on this data", Trigger, -1),
    Topic("decisions", "monitor", "model_id", "why a policy fired or did not", Decision, -1),
    Topic(
        "deploys",
        "retrain worker or your pipeline; monitor",
        "model_id",
        "what became of a retrain",
        Deploy,
        -1,
    ),
    Topic(
        "dead_letters", "every stage", "source key", "raw bytes that could not be used", DeadLetterHeaders, 30 * _DAY
    ),
)
BY_NAME = {topic.name: topic for topic in TOPICS}


@dataclass(frozen=True, slots=True)
class InternalTopic:
    """A topic whose records are nobody else's business: no schema, no promise between versions."""

    name: str
    writer: str
    key: Literal["prediction_id", "model_id"]
    carries: str


INTERNAL = (
    InternalTopic("snapshots", "monitor", "model_id", "state of the monitor, a cache of the journal; binary"),
    InternalTopic("predictions_by_id", "join, to repartition", "prediction_id", "copies of the predictions"),
    InternalTopic("labels_by_id", "join, to repartition", "prediction_id", "copies of the labels"),
)
