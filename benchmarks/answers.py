"""The rest of the loop, in small: answers every trigger, so that its model goes back to be watched."""

from __future__ import annotations

import threading
import time
from collections import deque
from types import TracebackType
from typing import Any, Self

import orjson
from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.traffic import PARTITIONS
from streamproc.config.pipeline import Config
from streamproc.kafka import properties


class Answers:
    """Reads triggers, committed ones only, and answers each with `rejected`: no new version, flags spent."""

    def __init__(self, config: Config, after: float | None = 0.0) -> None:
        """`after`: how many seconds an answer takes; None: there is none."""
        self._config, self._after = config, after
        self.triggers: list[tuple[dict[str, Any], float]] = []
        """(trigger, time.perf_counter() seconds when this consumer had it)"""
        self._due: deque[tuple[float, dict[str, Any]]] = deque()
        """Triggers that are not answered yet, each with when it is to be."""
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
            message = self._consumer.poll(self._patience())
            now = time.perf_counter()
            if message is not None and message.error() is None:
                trigger = orjson.loads(message.value() or b"")
                self.triggers.append((trigger, now))
                if self._after is not None:
                    self._due.append((now + self._after, trigger))
            while self._due and self._due[0][0] <= now:
                self._answer(self._due.popleft()[1])

    def _patience(self) -> float:
        """Seconds until an answer is due, 0.2 at most."""
        return min(0.2, max(0.0, self._due[0][0] - time.perf_counter())) if self._due else 0.2

    def _answer(self, trigger: dict[str, Any]) -> None:
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
