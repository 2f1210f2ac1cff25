"""What the DAG takes from streamproc's triggers, and what it answers. Without Airflow, so that a test can run it.

It lies beside the DAG, or anywhere on the PYTHONPATH of the triggerer and the workers.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

TRIGGER_TYPE = b"dev.streamproc.trigger"
REASON_CHARACTERS = 2000
OF_CONSUMERS = frozenset({"group.id", "auto.offset.reset", "enable.auto.commit", "isolation.level"})


def wanted(message: Any, models: Sequence[str] = ()) -> dict[str, Any] | None:
    """The trigger in a Kafka message, if it is one of these models (none named: of any). Airflow's `apply_function`.

    The headers tell, so that the JSON of others is not even read. None makes Airflow go on to the next message.
    """
    headers = dict(message.headers() or ())
    if headers.get("ce_type") != TRIGGER_TYPE or (models and headers["ce_subject"].decode() not in models):
        return None
    trigger: dict[str, Any] = json.loads(message.value())
    return trigger


def each_once(events: Iterable[Any]) -> list[dict[str, Any]]:
    """The triggers in asset events, oldest first. One run may be given several, and a message may come twice."""
    triggers = [event.extra["payload"] for event in events]
    return list({trigger["trigger_id"]: trigger for trigger in triggers}.values())


def retrain(trigger: Mapping[str, Any], train: Sequence[str], *, config: str, artifacts: Path) -> dict[str, Any]:
    """Train on exactly the rows that the trigger names -> the deploy event's fields.

    `train` is called with the file of rows and the file to write the model to. The version follows from the trigger, so
    a repeat has the same one.
    """
    version = f"airflow-{trigger['trigger_id'][4:16]}"
    below = Path(version) / "model"
    model = artifacts / below
    model.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        rows = str(Path(scratch, "rows.jsonl"))
        fetch = ["streamproc", "data", trigger["trigger_id"], "--to", "jsonl", "-o", rows, "--config", config]
        for command in (fetch, [*train, rows, str(model)]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                reason = f"{command[0]} exited with code {done.returncode}: {done.stderr[-REASON_CHARACTERS:]}"
                return {"status": "failed", "reason": reason}
    content = model.read_bytes()
    artifact = {"uri": below.as_posix(), "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    return {"status": "deployed", "model_version": version, "artifact": artifact}


def answer(trigger: Mapping[str, Any], fields: Mapping[str, Any], kafka: Mapping[str, Any], topic: str) -> None:
    """Write the deploy event; `kafka` is the connection's extra. Raises RuntimeError when Kafka does not take it."""
    from confluent_kafka import Producer  # Airflow's Kafka provider brings it

    now = time.time_ns() // 1_000_000
    event = {"model_id": trigger["model_id"], "trigger_id": trigger["trigger_id"], "time": now, **fields}
    # As Java does: with librdkafka's own partitioner it would not meet its trigger.
    ours = {name: value for name, value in kafka.items() if name not in OF_CONSUMERS}
    producer = Producer({**ours, "partitioner": "murmur2_random", "enable.idempotence": True})
    producer.produce(topic, json.dumps(event).encode(), trigger["model_id"].encode())
    if producer.flush(60):
        raise RuntimeError(f"Kafka did not take the deploy event of {trigger['trigger_id']} within a minute")
