"""A reader of committed records that runs during the chaos, as any program downstream would."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from zlib import crc32

import orjson
from confluent_kafka import Consumer, TopicPartition

from streamproc.config.pipeline import Config
from streamproc.events.deploy import FINAL
from streamproc.kafka.properties import reader
from tests.chaos.pipeline import RETRAINED

ANSWERED_BY_HAND: Final = 50


def _outcome(event: Mapping[str, Any]) -> object:
    if event["kind"] == "outcome" and "revises" not in event:
        return event["prediction_id"]
    return ("tick", event["time"]) if event["kind"] == "tick" else None


def _key(name: str) -> Callable[[Mapping[str, Any]], object]:
    return lambda event: event.get(name)


IDS: Final[Mapping[str, Callable[[Mapping[str, Any]], object]]] = {
    "journal": _outcome,
    "triggers": _key("trigger_id"),
    "decisions": _key("decision_id"),
    "deploys": _key("deploy_id"),
}
"""What may be seen once only, by topic."""


class Tail:
    """Follows what the stages write, in a thread of its own. `servers` leads to the brokers directly."""

    def __init__(self, config: Config, servers: str, partitions: int) -> None:
        self.names = {getattr(config.topics, name): name for name in (*IDS, "dead_letters")}
        self._consumer = Consumer(
            {
                **reader({"bootstrap.servers": servers, "log_level": 0}),
                "group.id": "tail",
                "enable.partition.eof": False,
            }
        )
        self._consumer.assign([TopicPartition(topic, n, 0) for topic in self.names for n in range(partitions)])
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tail", daemon=True)
        self.seen: dict[tuple[str, int], dict[int, int]] = {
            (topic, n): {} for topic in self.names for n in range(partitions)
        }
        """Checksums by partition and offset."""
        self.positions: dict[tuple[str, int], int] = {}
        """The next offset of each partition, past what nobody sees, when nothing was waiting."""
        self.breaches: list[str] = []
        self.to_answer: list[dict[str, Any]] = []
        """Triggers that the user's own pipeline is to answer, the newest last."""
        self._unanswered: set[str] = set()
        self._answered: set[str] = set()
        self._ids: Counter[tuple[str, int, object]] = Counter()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Read no more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(30)
            self._consumer.close()

    @property
    def duplicates(self) -> int:
        """Records beyond the first of their id."""
        return sum(count - 1 for count in self._ids.values())

    def unanswered(self) -> str:
        """Triggers that the worker has still to answer; empty if there are none."""
        return f"{len(self._unanswered)} triggers wait for the worker" if self._unanswered else ""

    def last(self, topic: str, number: int) -> int:
        """The newest offset seen; -1: none."""
        return next(reversed(self.seen[topic, number]), -1)

    def _run(self) -> None:
        places = [TopicPartition(*place) for place in self.seen]
        while not self._stop.is_set():
            messages = self._consumer.consume(1, 0.1)
            messages += self._consumer.consume(1000, 0) if messages else []
            self._take(m for m in messages if m.error() is None)
            if not messages:
                # Here, since asking from another thread hangs while this one consumes.
                self.positions = {(p.topic, p.partition): p.offset for p in self._consumer.position(places)}

    def _take(self, messages: Iterable[Any]) -> None:
        for message in messages:
            place, offset = (message.topic(), message.partition()), message.offset()
            if offset <= self.last(*place):
                self.breaches.append(f"{place} goes back from {self.last(*place)} to {offset}")
            self.seen[place][offset] = crc32(message.value() or b"")
            self._look(self.names[place[0]], place[1], message)

    def _look(self, name: str, number: int, message: Any) -> None:
        if name == "dead_letters":
            headers = dict(message.headers())
            id_: object = (headers["source_topic"], headers["source_partition"], headers["source_offset"])
        else:
            try:
                event = orjson.loads(message.value() or b"")
                id_ = IDS[name](event)
            except (orjson.JSONDecodeError, KeyError, AttributeError, TypeError):
                return  # rubbish that users write to deploys
            self._follow(name, event)
        if id_ is not None:
            key = (name, number if isinstance(id_, tuple) and id_[0] == "tick" else -1, id_)
            self._ids[key] += 1
            if self._ids[key] == 2:
                self.breaches.append(f"a live reader sees {id_} of {name} twice: {number}@{message.offset()}")

    def _follow(self, name: str, event: Mapping[str, Any]) -> None:
        """Topics come in any order: an answer may be seen before its trigger."""
        if name == "triggers" and event["model_id"] not in RETRAINED:
            self.to_answer = [*self.to_answer[-ANSWERED_BY_HAND:], dict(event)]
        elif name == "triggers" and event["trigger_id"] not in self._answered:
            self._unanswered.add(event["trigger_id"])
        elif name == "deploys" and event.get("status") in FINAL:
            self._answered.add(event["trigger_id"])
            self._unanswered.discard(event["trigger_id"])
