"""A DAG that runs for streamproc's triggers (Airflow 3; providers apache-kafka and common-messaging).

Leave `retrain` out of the models in streamproc.yaml: this DAG answers. The connection `streamproc_kafka` has as extra

    {"bootstrap.servers": "kafka-1:9092", "group.id": "airflow-retrain", "auto.offset.reset": "earliest",
     "enable.auto.commit": false, "isolation.level": "read_committed"}

The triggerer waits for a message, `wanted` says whether it is for us, and the asset's event starts a run. Runs do not
overlap; what comes meanwhile is given to the next one, all at once.

Airflow commits the offset before the event is in its database. A triggerer that dies in between loses that trigger;
streamproc gives it up after `retrain_timeout`, and its policy fires again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamproc_triggers
from airflow.providers.apache.kafka.hooks.produce import KafkaProducerHook
from airflow.providers.common.messaging.triggers.msg_queue import MessageQueueTrigger
from airflow.sdk import Asset, AssetWatcher, dag, task

CONNECTION = "streamproc_kafka"
MODELS = ["fraud"]
TRAIN = ["python", "/opt/models/fraud/train.py"]  # is called with the rows and the file for the model
CONFIG, ARTIFACTS = "/etc/streamproc/streamproc.yaml", Path("/srv/artifacts")

TRIGGERS = Asset(
    "streamproc_triggers",
    watchers=[
        AssetWatcher(
            name="kafka",
            trigger=MessageQueueTrigger(
                scheme="kafka",
                kafka_config_id=CONNECTION,
                topics=["triggers"],
                apply_function="streamproc_triggers.wanted",
                apply_function_kwargs={"models": MODELS},
                poll_interval=0,  # else a message that is not for us costs five seconds
            ),
        )
    ],
)


@dag(schedule=[TRIGGERS], catchup=False, max_active_runs=1)
def streamproc_retrain() -> None:
    """One mapped task for each trigger."""

    @task
    def due(triggering_asset_events: Any = None) -> list[dict[str, Any]]:
        return streamproc_triggers.each_once(triggering_asset_events[TRIGGERS])

    @task(retries=2)
    def retrain(trigger: dict[str, Any]) -> None:
        fields = streamproc_triggers.retrain(trigger, TRAIN, config=CONFIG, artifacts=ARTIFACTS)
        kafka = KafkaProducerHook(CONNECTION).get_connection(CONNECTION).extra_dejson
        streamproc_triggers.answer(trigger, fields, kafka, "deploys")

    retrain.expand(trigger=due())


streamproc_retrain()
