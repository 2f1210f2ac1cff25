"""The labelled rows of a trigger, from Kafka: what its retrain reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from streamproc.app.retrain_child import journal_values
from streamproc.config.pipeline import Config
from streamproc.engine.ports import Kafka
from streamproc.errors import TopicError, UserError
from streamproc.events.trigger import Trigger
from streamproc.retrain.rows import Survey, stream, survey
from streamproc.retrain.spans import spans, widest
from streamproc.retrain.window import Row
from streamproc.stage import Record


@dataclass(frozen=True, slots=True)
class TriggerData:
    """The rows of one trigger; `rows` may be called again, and reads them again."""

    trigger: Trigger
    known: Survey
    kafka: Kafka

    def rows(self) -> Iterator[Row]:
        """Oldest label first; constant memory."""
        return stream(self._values, self.trigger.model_id, self.known)

    @property
    def missing(self) -> int:
        """Outcomes that the trigger counted and the journal no longer holds (retention)."""
        return max(0, self.trigger.data.outcomes - self.known.seen)

    def _values(self) -> Iterator[bytes | None]:
        return journal_values(self.kafka, self.trigger.data)


def open_data(kafka: Kafka, config: Config, trigger: Trigger) -> TriggerData:
    """Look at a trigger's range. Raises BrokerUnavailable, UserError."""
    whole = widest(spans(trigger, config))
    known = survey(lambda: journal_values(kafka, trigger.data), trigger.model_id, whole.newest, whole.since)
    return TriggerData(trigger, known, kafka)


def find_trigger(records: Iterable[Record], trigger_id: str) -> Trigger:
    """The trigger with this id. Raises UserError."""
    wanted = trigger_id.encode()
    for record in records:
        value = record.value()
        if value is None or wanted not in value:
            continue
        try:
            trigger = Trigger.model_validate(orjson.loads(value))
        except (ValidationError, orjson.JSONDecodeError):
            continue
        if trigger.trigger_id == trigger_id:
            return trigger
    raise UserError(f"there is no trigger {trigger_id}: `streamproc status` shows the latest of each model")


def training_data(trigger_id: str, config: Config) -> TriggerData:
    """The rows of a trigger, by its id. Raises BrokerUnavailable, UserError."""
    from streamproc.kafka.admin import Admin
    from streamproc.kafka.client import ConfluentKafka
    from streamproc.kafka.tail import read_all

    partitions: dict[str, Any] = dict(Admin(config.kafka).partitions())
    topic = config.topics.triggers
    if topic not in partitions:
        raise TopicError(f"the topic {topic} is missing\n  Make it with: streamproc topics create")
    trigger = find_trigger(read_all(config.kafka, {topic: partitions[topic]}), trigger_id)
    return open_data(ConfluentKafka(config.kafka), config, trigger)
