"""quixstreams: both topics in one frame, the waiting side in its state (RocksDB, changelog in Kafka)."""

from __future__ import annotations

import os

import orjson
from common import BOOTSTRAP, GROUP, LABELS, PREDICTIONS, TRIGGERS, Job
from quixstreams import Application

job = Job()
app = Application(
    broker_address=BOOTSTRAP,
    consumer_group=GROUP,
    auto_offset_reset="earliest",
    processing_guarantee=os.environ["GUARANTEE"],
    commit_interval=1.0,
    state_dir=os.environ["STATE"],
    loglevel="WARNING",
    consumer_extra_config={"isolation.level": "read_committed"},
)
inputs = [app.topic(name, key_deserializer="str", value_deserializer="json") for name in (PREDICTIONS, LABELS)]
triggers = app.topic(TRIGGERS, key_serializer="str", value_serializer="json")


def meet(event: dict, state) -> dict | None:
    other = state.get("other")
    if other is None:
        state.set("other", event)
        return None
    state.delete("other")
    prediction, label = (event, other) if "model_id" in event else (other, event)
    found = job.outcome(prediction, label)
    return None if found is None else orjson.loads(found)


frame = app.dataframe(inputs[0]).concat(app.dataframe(inputs[1]))
frame = frame.apply(meet, stateful=True)
frame = frame.filter(lambda found: found is not None)
frame.to_topic(triggers, key=lambda found: found["model_id"])

if __name__ == "__main__":
    app.run()
