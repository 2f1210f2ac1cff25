"""Copies predictions and labels, keyed and partitioned by prediction id, for inputs whose ids would not meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from streamproc.config.pipeline import Config
from streamproc.errors import BadRecord
from streamproc.events.codec import decoder
from streamproc.events.label import Label
from streamproc.events.prediction import Prediction
from streamproc.stage import Outputs, Record, Task, Uncached


class RepartitionStage:
    """Runs before the join when `join.co_partitioning` is `repartition`. It keeps no state."""

    name = "repartition"

    def __init__(self, config: Config) -> None:
        topics = config.topics
        self.inputs = (topics.predictions, topics.labels)
        self.folded: tuple[str, ...] = ()
        self.snapshots = None
        inputs = config.inputs
        self.routes = {
            topics.predictions: (topics.predictions_by_id, decoder(Prediction, inputs.predictions.fields)),
            topics.labels: (topics.labels_by_id, decoder(Label, inputs.labels.fields)),
        }

    def task(self, partition: int) -> Task:
        return RepartitionTask(self)

    def gauges(self) -> Mapping[str, float]:
        return {}


class RepartitionTask(Uncached):
    """Passes on what it could decode, in streamproc's own field names and with its time."""

    def __init__(self, stage: RepartitionStage) -> None:
        self._routes = stage.routes

    def process(self, topic: str, records: Sequence[Record], out: Outputs) -> None:
        target, decode = self._routes[topic]
        for record in records:
            try:
                event = decode(record.value(), record.key(), record.timestamp()[1])
            except BadRecord as error:
                out.reject(record, error)
            else:
                out.send(target, orjson.dumps(event), event["prediction_id"].encode())

    def wake(self, now: int, out: Outputs) -> None:
        """Nothing happens here but by records."""

    def bookmark(self, topic: str) -> int | None:
        return None

    def close(self) -> None:
        """Nothing is held."""
