"""The demo's world at work: rows are asked for, answered, and labelled later; deploys change the model in service.

One thread does it all. What streamproc makes of it is read from its topics, as anybody would.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson

from streamproc.app.run import wall_clock
from streamproc.config.pipeline import Config
from streamproc.demo import feed, settings, words
from streamproc.demo.machinery import Machinery
from streamproc.demo.market import HalfHour
from streamproc.demo.pace import Pace
from streamproc.demo.page import Page
from streamproc.demo.server import MarketServer, answers
from streamproc.demo.status import Display, Kind, Moment, Status
from streamproc.demo.tally import Tally
from streamproc.errors import UserError
from streamproc.kafka.plain import Follower, Sender

NAP_SECONDS = 0.002
LONGEST_WAIT_SECONDS = 120.0
MOST_BEHIND = 200
"""Labels that streamproc may be behind before the feed waits for it."""
SETTLE_SECONDS = 20.0
CHECK_SECONDS = 0.5


class Loop:
    """One run over the rows after the training ones."""

    def __init__(
        self, machinery: Machinery, config: Config, half_hours: Sequence[HalfHour], model: Any, display: Display
    ) -> None:
        self._machinery, self._config, self._half_hours, self._display = machinery, config, half_hours, display
        self._server, self._never = MarketServer(model, Path(config.artifacts)), answers(model, half_hours)
        self._early: list[dict[str, Any]] = []
        """Deploy events whose trigger is not read yet: two topics have no common order."""
        self._began = self._checked = 0.0
        self._waits_since: float | None = None
        self._measured = (0.0, 0)
        """When, and at which row, the measurement of the present rate began."""
        self.status = Status(Tally(len(half_hours) - settings.TRAINING_ROWS), machinery.broker.bootstrap_servers)

    def run(self, rows_per_second: float, seconds: float, *, hold: bool) -> Status:
        """All rows, at this pace, but at most for so many seconds; with `hold` none while a retrain runs.

        Raises UserError, BrokerUnavailable.
        """
        kafka, topics, partitions = self._config.kafka, self._config.topics, self._config.topics.partitions
        self.status.hold, pace, self._began = hold, Pace(rows_per_second), time.monotonic()
        with (
            Follower(kafka, {topics.deploys: partitions}) as self._orders,  # the model server's own
            Follower(kafka, {topics.triggers: partitions, topics.decisions: partitions}) as self._news,
            Page(self._config.engine.http, lambda: self.status.labels) as self._page,
            Sender(kafka) as self._sender,
        ):
            self._put_in_service()

            def enough() -> bool:
                """Wait for the next row's turn; whether there is no time left for it."""
                while self._held() or not pace.take(time.monotonic()):
                    self._attend(NAP_SECONDS)
                    if time.monotonic() - self._began > seconds:
                        return True
                return False

            for kind, row in feed.steps(settings.TRAINING_ROWS, len(self._half_hours), enough=enough):
                if kind == "prediction":
                    self._predict(row)
                else:
                    self._label(row)
            self._settle()
        self.status.versions = self._read_back()
        return self.status

    def _put_in_service(self) -> None:
        """Say which version is in service from the beginning."""
        model_id, version = settings.MODEL, settings.FIRST_VERSION
        event = {"model_id": model_id, "status": "deployed", "model_version": version, "time": wall_clock()}
        self._sender.send(self._config.topics.deploys, model_id.encode(), orjson.dumps(event))

    def _predict(self, row: int) -> None:
        features, truth = self._half_hours[row]
        answer = self._server.answer(features)
        now = wall_clock()
        self.status.tally.answered(now, right=answer[0] == truth, right_never=self._never[row] == truth)
        event = feed.prediction(row, now, self._server.version, answer, features)
        self._send(self._config.topics.predictions, event)

    def _label(self, row: int) -> None:
        self._send(self._config.topics.labels, feed.label(row, wall_clock(), self._half_hours[row].label))
        self.status.labels += 1

    def _send(self, topic: str, event: dict[str, Any]) -> None:
        self._sender.send(topic, event["prediction_id"].encode(), orjson.dumps(event))

    def _held(self) -> bool:
        """Whether the feed has to wait: hours of the market are milliseconds here, and what is slow would be late."""
        status = self.status
        if not status.hold:
            return False
        behind = status.labels - self._page.figures.watched
        status.waits_for = "retrain" if status.tally.waiting else "labels" if behind > MOST_BEHIND else None
        if status.waits_for is None:
            self._waits_since = None
            return False
        now = time.monotonic()
        self._waits_since = self._waits_since or now
        if now - self._waits_since > LONGEST_WAIT_SECONDS:
            raise UserError(f"nothing has happened for {LONGEST_WAIT_SECONDS:.0f} s. See {self._machinery.log_file}")
        return True

    def _attend(self, wait: float) -> None:
        """Take in what streamproc has to say, waiting at most `wait` seconds for it, and show it."""
        for record in self._news.read(timeout=wait):
            self._hear(record.topic(), orjson.loads(record.value() or b""))
        orders = [orjson.loads(record.value() or b"") for record in self._orders.read()]
        for event in orders:
            self._server.deployed(event)
        self._early = [event for event in [*self._early, *orders] if not self._answered(event)]
        self._look(time.monotonic())

    def _hear(self, topic: str, event: dict[str, Any]) -> None:
        tally = self.status.tally
        if topic == self._config.topics.triggers:
            tally.trigger(event)
            self._tell("trigger", words.why(event))
            return
        tally.decision(event)
        # That a model is being retrained already can be seen anyway.
        if event["verdict"] == "suppressed" and event["rule"] != "lifecycle":
            self._tell("suppressed", event["reason"])

    def _answered(self, event: dict[str, Any]) -> bool:
        """Take in a deploy event; False if it answers a trigger that has not been read."""
        if "trigger_id" not in event:
            return True
        retrain = self.status.tally.deploy(event, wall_clock())
        if retrain is None:
            return False
        if not retrain.is_open:
            self._tell(event["status"], words.outcome(retrain))
        return True

    def _tell(self, kind: Kind, text: str) -> None:
        self._display.tell(Moment(time.monotonic() - self._began, self.status.tally.rows, kind, text), self.status)

    def _look(self, now: float) -> None:
        status = self.status
        status.seconds, status.version, status.figures = now - self._began, self._server.version, self._page.figures
        since, row = self._measured
        if now - since >= 1.0:
            status.rate = (status.tally.rows - row) / (now - since)
            self._measured = now, status.tally.rows
        if now - self._checked >= CHECK_SECONDS:
            self._checked = now
            self._machinery.check()
        self._display.refresh(status)

    def _settle(self) -> None:
        """Let the last labels have their effect: read by the join, by the monitor, and answered by the worker."""
        self._sender.flush()
        self._until(lambda: self._page.figures.watched >= self.status.labels)
        self._until(lambda: self.status.tally.waiting is None, LONGEST_WAIT_SECONDS)

    def _until(self, done: Callable[[], bool], seconds: float = SETTLE_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not done() and time.monotonic() < deadline:
            self._attend(0.05)
        self._attend(0.2)

    def _read_back(self) -> Counter[str]:
        """How many labelled predictions of each version the journal holds: what was joined, from Kafka itself."""
        kafka, topics = self._config.kafka, self._config.topics
        found: Counter[str] = Counter()
        with Follower(kafka, {topics.journal: topics.partitions}) as journal:
            while records := journal.read(10_000, 5.0):
                for record in records:
                    event = orjson.loads(record.value() or b"{}")
                    if event["kind"] == "outcome":
                        found[event["model_version"]] += 1
                if found.total() == self.status.tally.rows:
                    break
        return found
