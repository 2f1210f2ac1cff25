"""From a trigger in its topic to the job that answers it: a real worker on a real Kafka. Needs Linux's /proc."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.process import ROOT, Stages
from benchmarks.traffic import MODELS, PARTITIONS, new_pipeline
from streamproc.config.pipeline import Config
from streamproc.events.deploy import FINAL
from streamproc.events.identity import derived_id
from streamproc.events.partitioner import partition_of
from streamproc.kafka import properties

MODEL = MODELS[0]
PATIENCE_SECONDS = 60.0
FUNCTION = """
import os, pathlib, time
def train(trigger, data):
    called = time.time()
    ticks = int(pathlib.Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    began = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK")
    pathlib.Path(os.environ["STREAMPROC_BENCHMARK"], trigger.trigger_id).write_text(f"{began} {called}")
    (data.directory / "model").write_text("x")
    from streamproc.retrain.api import Challenger
    return Challenger(data.directory / "model", lambda rows: [1 for _ in rows])
"""
"""Says when its process began (the kernel knows it to 10 ms) and when it was called itself."""


class Delay(NamedTuple):
    """In ms, since the broker was given the trigger."""

    acknowledged: float
    """Until the producer knew that the trigger is in the topic."""
    process: float
    """Until the job's process was there."""
    function: float
    """Until the user's function was called, with a window of 100 rows read from Kafka."""


def measure(bootstrap: str, rounds: int, directory: Path) -> list[Delay]:
    """One trigger after another: each is written once the one before is answered."""
    (directory / "dispatched.py").write_text(FUNCTION)
    os.environ["PYTHONPATH"] = os.pathsep.join((str(ROOT), str(directory)))
    os.environ["STREAMPROC_BENCHMARK"] = str(directory)
    retrain = {"retrain": {"function": "dispatched:train", "gate": None}}
    config, written = new_pipeline(bootstrap, retrain, artifacts=str(directory / "artifacts"))
    with Stages(written, ["retrain"], directory) as worker, _answers(config) as answers:
        worker.wait_live()
        producer = Producer(properties.producer(config.kafka) | {"linger.ms": 0})
        _fill(producer, config)
        return [_once(producer, config, answers, directory, number) for number in range(rounds)]


def _once(producer: Producer, config: Config, answers: Consumer, directory: Path, number: int) -> Delay:
    trigger = _trigger(config, number)
    began = time.time()
    producer.produce(config.topics.triggers, orjson.dumps(trigger), MODEL.encode())
    producer.flush(PATIENCE_SECONDS)
    acknowledged = time.time()
    status = _answer_to(answers, trigger["trigger_id"])
    if status["status"] != "deployed":
        raise SystemExit(str(status))
    process, function = map(float, (directory / trigger["trigger_id"]).read_text().split())
    return Delay(*((moment - began) * 1000 for moment in (acknowledged, process, function)))


def _answer_to(answers: Consumer, trigger_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        message = answers.poll(0.1)
        if message is None or message.error() is not None:
            continue
        event: dict[str, Any] = orjson.loads(message.value() or b"{}")
        if event.get("trigger_id") == trigger_id and event["status"] in FINAL:
            return event
    raise SystemExit(f"no answer to {trigger_id} within {PATIENCE_SECONDS:.0f} s")


@contextmanager
def _answers(config: Config) -> Iterator[Consumer]:
    consumer = Consumer({**properties.member(config.kafka, "dispatch", "dispatch")})
    consumer.assign([TopicPartition(config.topics.deploys, number, 0) for number in range(PARTITIONS)])
    try:
        yield consumer
    finally:
        consumer.close()


def _fill(producer: Producer, config: Config) -> None:
    """A window in the journal."""
    for number in range(100):
        outcome = {
            "kind": "outcome", "prediction_id": f"id-{number}", "model_id": MODEL, "time": 1_767_225_600_000 + number,
            "prediction": 1, "features": {"x": number}, "label": number % 2, "label_time": 1_767_225_700_000 + number,
        }  # fmt: skip
        producer.produce(config.topics.journal, orjson.dumps(outcome), MODEL.encode())
    producer.flush(PATIENCE_SECONDS)


def _trigger(config: Config, number: int) -> dict[str, Any]:
    partition, now = partition_of(MODEL, PARTITIONS), time.time_ns() // 1_000_000
    window = {"topic": config.topics.journal, "partition": partition, "from_offset": 0, "to_offset": 100}
    return {
        "trigger_id": derived_id("trg", config.pipeline, number), "pipeline": config.pipeline, "model_id": MODEL,
        "policy": "p", "cause": "manual", "reason": "benchmark", "time": now, "config_hash": "0",
        "data": {**window, "outcomes": 100}, "journal": {"partition": partition, "offset": 99},
    }  # fmt: skip
