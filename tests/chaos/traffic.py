"""What users write, from a seed: predictions, labels (late, early, twice, revised), metrics, commands, and rubbish."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import orjson

from streamproc.events.base import format_time
from tests.chaos.pipeline import MODELS, RETRAINED

EARLIEST_LABEL_MS: Final = 3_000
TOPICS: Final = ("predictions", "labels", "metrics", "commands", "deploys")
GOOD_MS: Final = 20_000
"""Models answer well and badly in turn, so that there is something to find."""
RUBBISH: Final = (
    b"",
    b"no json",
    b"[1, 2]",
    b'{"model_id": 7}',
    b'{"prediction_id": "x", "label": NaN}',
    b"[" * 40,
    b'{"prediction_id": "x", "model_id": "nobody", "prediction": 1, "label": [], "metrics": {}}',
    b'{"prediction_id": "x", "model_id": "clicks-0", "prediction": 1, "label": 1, "time": 4398046511104}',
)


class Event(NamedTuple):
    """One record to write."""

    at: int
    """When, epoch ms."""
    topic: str
    """Its name in the configuration."""
    key: bytes | None
    value: bytes
    fate: str = ""
    """`refused`: must become a dead letter; `unsuitable`: may become one."""


class Answer(NamedTuple):
    """Time to answer a trigger that can be seen by now, as a pipeline of the user's own would."""

    at: int
    status: str
    draw: float
    """In [0, 1): which one."""


class Traffic:
    """Iterates over all that is to be written, in the order of its time, from `start` on for `span` ms."""

    def __init__(self, seed: int, start: int, span: int, predictions_a_second: float) -> None:
        self._rng = random.Random(seed)
        self._start, self._end, self._gap = start, start + span, 1000 / predictions_a_second
        self._latest_label = span / 3
        self._agenda: list[tuple[int, int, Event | Answer]] = []
        self._entries = 0
        self._old: list[Event] = []

    def __iter__(self) -> Iterator[Event | Answer]:
        rng, at = self._rng, float(self._start + EARLIEST_LABEL_MS)
        number = 0
        while at < self._end:
            at += rng.expovariate(1 / self._gap)
            self._prediction(f"id-{number}", int(at))
            if number % 8 == 0:
                self._others(number // 8, int(at))
            number += 1
            while self._agenda and self._agenda[0][0] < at - EARLIEST_LABEL_MS:
                yield heapq.heappop(self._agenda)[2]
        while self._agenda:  # what would come after the end comes at the end
            yield heapq.heappop(self._agenda)[2]._replace(at=self._end)

    def _put(self, what: Event | Answer) -> None:
        self._entries += 1
        heapq.heappush(self._agenda, (what.at, self._entries, what))

    def _write(self, at: float, topic: str, key: str, event: dict[str, Any], fate: str = "") -> Event:
        made = Event(int(at), topic, key.encode(), orjson.dumps(event), fate)
        self._put(made)
        return made

    def _prediction(self, name: str, at: int) -> None:
        rng = self._rng
        model = rng.choice(tuple(MODELS))
        is_price = model.startswith("prices")
        answer: Any = round(rng.gauss(10, 3), 2) if is_price else rng.choice((0, 1))
        event = {"prediction_id": name, "model_id": model, "prediction": answer, "score": rng.random()}
        if rng.random() < 0.005:
            self._write(at, "predictions", name, event | {"model_id": "prices-0", "prediction": "much"}, "refused")
            return
        time = rng.choice((None, at + rng.randint(-500, 3_000), format_time(at)))
        if time is not None:
            event["time"] = time
        made = self._write(at, "predictions", name, event)
        if time is not None and rng.random() < 0.1:
            self._old = [*self._old[-50:], made]
        if self._old and rng.random() < 0.05:  # the user's producer tries again, or somebody replays an old event
            self._put(rng.choice(self._old)._replace(at=at + int(rng.expovariate(1 / 8_000))))
        self._labels(name, at, answer, is_price)

    def _labels(self, name: str, at: int, answer: Any, is_price: bool) -> None:
        rng = self._rng
        good = 0.9 if (at - self._start) // GOOD_MS % 2 == 0 else 0.45
        for n in range(rng.choice((0, 1, 1, 1, 1, 1, 2, 3))):
            delay = rng.choice((rng.uniform(-3_000, 500), rng.expovariate(1 / 4_000), rng.uniform(0, 10_000)))
            if rng.random() < 0.05:
                delay = rng.uniform(0, self._latest_label)
            other = round(rng.gauss(10, 3), 2) if is_price else 1 - answer
            event = {"prediction_id": name, "label": answer if rng.random() < good else other}
            due = max(self._start, at + delay + n * rng.randint(0, 3_000))
            if rng.random() < 0.7:
                event["time"] = int(due) - rng.choice((0, 0, 0, 1_500))
            for _ in range(rng.choice((1, 1, 1, 1, 1, 2))):
                self._write(due, "labels", name, event)
        if rng.random() < 0.01:
            text = {"prediction_id": name, "label": "text"}
            self._write(max(self._start, at + rng.uniform(-2_000, 9_000)), "labels", name, text, "unsuitable")

    def _others(self, number: int, at: int) -> None:
        """Rarer things, once for eight predictions."""
        rng = self._rng
        if number % 2 == 0:
            key = rng.choice((None, b"id-1", b"key"))
            self._put(Event(at, rng.choice(TOPICS), key, rng.choice(RUBBISH), "refused"))
            model = f"prices-{rng.randrange(3)}"
            self._write(at, "metrics", model, {"model_id": model, "metrics": {"drift": round(rng.random(), 3)}})
        if number % 5 == 0:
            self._command(f"command-{number}", at)
        if number % 4 == 0:
            status = rng.choice(("started", "failed", "rejected", "deployed", "deployed"))
            self._put(Answer(at, status, rng.random()))

    def _command(self, name: str, at: int) -> None:
        """Twice with one id, at once or later."""
        rng = self._rng
        model = rng.choice(tuple(MODELS))
        words = ("trigger",) if model in RETRAINED else ("trigger", "trigger", "pause", "resume", "resume")
        event = {"command_id": name, "model_id": model, "command": rng.choice(words), "time": at}
        self._write(at, "commands", model, event)
        self._write(at + rng.choice((0, 50, 2_000)), "commands", model, event)
