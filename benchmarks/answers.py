"""The rest of the loop, in small: answers every trigger at once, so that its model goes back to be watched."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Any, Self

import orjson
from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.traffic import PARTITIONS
from streamproc.config.model import Config
from streamproc.kafka import properties


class Answers:
    """Reads triggers, committed ones only, and answers each with `rejected`: no new version, flags spent."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.triggers: list[tuple[dict[str, Any], float]] = []
        """(trigger, time.perf_counter() seconds when this consumer had it)"""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._consumer = Consumer(dict(properties.member(self._config.kafka, "answers", "answers")))
        topic = self._config.topics.triggers
        self._consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
        self._producer = Producer(properties.producer(self._config.kafka) | {"linger.ms": 0})
        self._thread.start()
        return self

    def _run(self) -> None:
        while not self._stop.is_set():
            message = self._consumer.poll(0.2)
            if message is None or message.error() is not None:
                continue
            now = time.perf_counter()
            trigger = orjson.loads(message.value() or b"")
            self.triggers.append((trigger, now))
            answer = {
                "model_id": trigger["model_id"],
                "trigger_id": trigger["trigger_id"],
                "status": "rejected",
                "reason": "nothing is retrained here",
                "time": time.time_ns() // 1_000_000,
            }
            self._producer.produce(self._config.topics.deploys, orjson.dumps(answer), trigger["model_id"].encode())
            self._producer.poll(0)

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._producer.flush(10)
        self._consumer.close()
