"""faust-streaming: an agent for each topic, the waiting side in a dict of the process (no table: lost with it)."""

from __future__ import annotations

import sys

import faust
import orjson
from common import BOOTSTRAP, GROUP, LABELS, PREDICTIONS, TRIGGERS, Job

job = Job()
app = faust.App(
    GROUP,
    broker=f"kafka://{BOOTSTRAP}",
    store="memory://",
    topic_partitions=4,
    topic_disable_leader=True,
    consumer_auto_offset_reset="earliest",
    web_enabled=False,
    stream_buffer_maxsize=16_384,
    broker_max_poll_records=5000,
    consumer_max_fetch_size=4 << 20,
)
inputs = [app.topic(name, key_type=bytes, value_type=bytes, value_serializer="raw") for name in (PREDICTIONS, LABELS)]
triggers = app.topic(TRIGGERS, key_type=bytes, value_type=bytes, value_serializer="raw")
waiting: dict[str, dict] = {}


async def meet(event: dict) -> None:
    other = waiting.pop(event["prediction_id"], None)
    if other is None or ("model_id" in other) == ("model_id" in event):  # the same again: at least once
        waiting[event["prediction_id"]] = event
        return
    prediction, label = (event, other) if "model_id" in event else (other, event)
    found = job.outcome(prediction, label)
    if found is not None:
        await triggers.send(key=prediction["model_id"].encode(), value=found)


@app.agent(inputs[0])
async def of_predictions(stream):
    async for value in stream:
        await meet(orjson.loads(value))


@app.agent(inputs[1])
async def of_labels(stream):
    async for value in stream:
        await meet(orjson.loads(value))


if __name__ == "__main__":
    sys.argv = [sys.argv[0], "worker", "-l", "warn", "--without-web"]
    app.main()
