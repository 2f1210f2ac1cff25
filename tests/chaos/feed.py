"""Writes the traffic at its times through a real producer, and knows what became of every record."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

import orjson
from confluent_kafka import Producer

from streamproc.config.pipeline import Config
from streamproc.kafka.properties import producer
from tests.chaos.traffic import Answer, Event, Traffic

FATE: Final = "fate"
NUMBER: Final = "number"
"""Headers: what must become of a record, and which one it is."""
PATIENCE: Final = 120.0
RECENT: Final = 4

Triggers = Callable[[], "list[dict[str, Any]]"]


class Feed:
    """A thread of its own. `servers` leads to the brokers directly."""

    def __init__(self, config: Config, servers: str, traffic: Traffic, triggers: Triggers) -> None:
        """`triggers` gives those that the feed may answer, the newest last."""
        self._producer = Producer(producer({"bootstrap.servers": servers, "log_level": 0}))
        self._topics, self._traffic, self._triggers = config.topics, traffic, triggers
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self.written = 0
        self.delivered = 0
        self.failed: list[str] = []

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Write nothing more."""
        self._stop.set()

    def finish(self) -> None:
        """Wait until everything has been written and acknowledged. Raises TimeoutError."""
        self._thread.join(PATIENCE)
        if self._thread.is_alive() or self._producer.flush(PATIENCE):
            raise TimeoutError("the brokers do not take what users write")
        if self.failed or self.delivered != self.written:
            raise TimeoutError(f"{self.written} written, {self.delivered} delivered; {self.failed[:3]}")

    def _run(self) -> None:
        for event in self._traffic:
            while (wait := event.at / 1000 - time.time()) > 0:
                self._producer.poll(min(wait, 0.2))
                if self._stop.is_set():
                    return
            if isinstance(event, Answer):
                self._answer(event)
            else:
                self._write(event)

    def _write(self, event: Event) -> None:
        headers: list[tuple[str, Any]] = [(NUMBER, b"%d" % self.written)] + (
            [(FATE, event.fate.encode())] if event.fate else []
        )
        topic = getattr(self._topics, event.topic)
        while True:
            try:
                self._producer.produce(topic, event.value, event.key, on_delivery=self._on_delivery, headers=headers)
            except BufferError:
                self._producer.poll(0.1)
            else:
                break
        self.written += 1
        self._producer.poll(0)

    def _on_delivery(self, error: Any, _: Any) -> None:
        if error is None:
            self.delivered += 1
        else:
            self.failed.append(error.str())

    def _answer(self, answer: Answer) -> None:
        recent = self._triggers()[-RECENT:]
        if not recent:
            return
        trigger = recent[int(answer.draw * len(recent))]
        model, now = trigger["model_id"], answer.at
        event = {"model_id": model, "trigger_id": trigger["trigger_id"], "status": answer.status, "time": now}
        if answer.status == "deployed":
            event["model_version"] = f"v{now}"
        self._write(Event(now, "deploys", model.encode(), orjson.dumps(event)))
