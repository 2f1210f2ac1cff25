"""bytewax: two Kafka sources, its own join, a step per outcome. In memory: no recovery store is set up."""

from __future__ import annotations

import os

import bytewax.operators as op
import orjson
from bytewax.connectors.kafka import KafkaSinkMessage, KafkaSource
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow
from bytewax.run import cli_main
from common import BOOTSTRAP, LABELS, PREDICTIONS, TRIGGERS, Job

BATCH = 5000
job = Job()
flow = Dataflow("compare")
sides = []
for topic in (PREDICTIONS, LABELS):
    settings = {"isolation.level": "read_committed"}
    source = KafkaSource([BOOTSTRAP], [topic], tail=True, batch_size=BATCH, add_config=settings)
    raw = op.input(topic, flow, source)
    sides.append(op.map(f"parse-{topic}", raw, lambda m: (m.key.decode(), orjson.loads(m.value))))
pairs = op.join("join", *sides)


def detect(pair: tuple[str, tuple[dict, dict]]) -> KafkaSinkMessage | None:
    _, (prediction, label) = pair
    event = job.outcome(prediction, label)
    return None if event is None else KafkaSinkMessage(prediction["model_id"].encode(), event)


found = op.filter_map("detect", pairs, detect)
kop.output("triggers", found, brokers=[BOOTSTRAP], topic=TRIGGERS)

if __name__ == "__main__":
    addresses = os.environ["ADDRESSES"].split(";")
    several = {"process_id": int(os.environ["NUMBER"]), "addresses": addresses} if len(addresses) > 1 else {}
    cli_main(flow, **several)
