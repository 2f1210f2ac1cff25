"""The demo's world by itself, for a pipeline that runs elsewhere: `python -m streamproc.demo.producer`.

It predicts, labels later, and serves what deploy events put in service, like `streamproc demo`; the market begins
again when it is over, and ids differ each time. SIGTERM and Ctrl-C end it.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import orjson
import structlog

from streamproc.app.run import wall_clock
from streamproc.config.load import load
from streamproc.config.pipeline import Config
from streamproc.demo import feed, settings
from streamproc.demo.market import HalfHour
from streamproc.demo.market import load as load_market
from streamproc.demo.pace import Pace
from streamproc.demo.server import MarketServer, first_model
from streamproc.errors import StreamprocError
from streamproc.kafka.plain import Follower, Sender
from streamproc.telemetry.logs import set_up_logs

NAP_SECONDS = 0.02
SAY_SECONDS = 30.0


class World:
    """A model server, the rows that it is asked, and the labels that come later."""

    def __init__(self, config: Config, half_hours: Sequence[HalfHour], should_stop: Callable[[], bool]) -> None:
        self._kafka, self._topics, self._should_stop = config.kafka, config.topics, should_stop
        self._half_hours = half_hours
        self._server = MarketServer(first_model(half_hours), Path(config.artifacts))
        self._log: Any = structlog.get_logger()
        self._said = time.monotonic()

    def run(self, rows_per_second: float) -> None:
        """Until it is told to stop. Raises UserError, BrokerUnavailable."""
        pace = Pace(rows_per_second)
        deploys = {self._topics.deploys: self._topics.partitions}
        with Follower(self._kafka, deploys) as self._orders, Sender(self._kafka) as self._out:
            self._take_up()
            while not self._should_stop():
                self._once_through(pace, f"{wall_clock():x}")

    def _take_up(self) -> None:
        """Serve the version that is in service already, or say that the first one is."""
        while self._attend(1.0):
            pass
        if self._server.version == settings.FIRST_VERSION:
            event = {"status": "deployed", "model_version": settings.FIRST_VERSION, "time": wall_clock()}
            self._send(self._topics.deploys, settings.MODEL, {"model_id": settings.MODEL, **event})

    def _once_through(self, pace: Pace, mark: str) -> None:
        for kind, row in feed.steps(settings.TRAINING_ROWS, len(self._half_hours)):
            features, label = self._half_hours[row]
            if kind == "label":
                self._send_marked(self._topics.labels, feed.label(row, wall_clock(), label), mark)
                continue
            while not pace.take(time.monotonic()):
                if self._should_stop():
                    return
                self._attend(NAP_SECONDS)
            self._attend(0.0)
            answer = self._server.answer(features)
            event = feed.prediction(row, wall_clock(), self._server.version, answer, features)
            self._send_marked(self._topics.predictions, event, mark)
            self._say(row)

    def _attend(self, wait: float) -> bool:
        """Take in deploy events, waiting at most so many seconds for one. False: there is none."""
        before, records = self._server.version, self._orders.read(timeout=wait)
        for record in records:
            self._server.deployed(orjson.loads(record.value() or b""))
        if self._server.version != before:
            self._log.info("another version is in service", version=self._server.version, before=before)
        return bool(records)

    def _send_marked(self, topic: str, event: dict[str, Any], mark: str) -> None:
        event["prediction_id"] = f"{event['prediction_id']}-{mark}"
        self._send(topic, event["prediction_id"], event)

    def _send(self, topic: str, key: str, event: dict[str, Any]) -> None:
        self._out.send(topic, key.encode(), orjson.dumps(event))

    def _say(self, row: int) -> None:
        if time.monotonic() - self._said >= SAY_SECONDS:
            self._said = time.monotonic()
            self._log.info("feeding", row=row, rows=len(self._half_hours), version=self._server.version)


@click.command()
@click.option("--config", "-c", default="streamproc.yaml", envvar="STREAMPROC_CONFIG", metavar="FILE")
@click.option("--speed", type=click.FloatRange(min=1), default=50.0, show_default=True, metavar="ROWS")
def main(config: str, speed: float) -> None:
    """Write the demo's predictions and labels to the topics of FILE, ROWS a second; follow its deploys."""
    stop: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: stop.append(number))
    set_up_logs()
    try:
        World(load(config), load_market(), lambda: bool(stop)).run(speed)
    except StreamprocError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
