"""The demo's loop without Kafka, in seconds: the same feed, configuration, stages, gate and retrain function.

python -m streamproc.demo.offline [--set SETTING=VALUE ...] [--takes ROWS] [--orders NUMBER]

For trying policies: `--set detectors.errors_rise.threshold=30`, `--set policies.0.condition='accuracy < 0.7'`. What
differs from the demo: time is counted in rows, and from a trigger to its deploy it is always the same number of them.
The order in which labels come decides on which row a policy fires, and so about all that follows: one run says little,
hence several orders.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import orjson
from ruamel.yaml import YAML

from streamproc.app.retrain_child import measure
from streamproc.config.load import from_mapping
from streamproc.config.pipeline import Config
from streamproc.demo import feed, settings
from streamproc.demo.market import HalfHour, load
from streamproc.demo.server import MarketServer, answers, first_model
from streamproc.demo.tally import Tally
from streamproc.events.trigger import Trigger
from streamproc.replay.pipeline import Found, Pipeline
from streamproc.retrain.course import retrain
from streamproc.retrain.fold import RetrainState
from streamproc.retrain.job import Result
from streamproc.retrain.report import final, job_of, started

START, ROW_MS = 1_700_000_000_000, 1000
"""Made-up time: a row a second."""
TAKES = 100
"""Rows from a trigger to its end: in the demo those that are still under way when the feed stops for a retrain."""


class _Ending(NamedTuple):
    row: int
    trigger: Trigger
    result: Result


class Offline:
    """One run in memory; its figures are in `tally`."""

    def __init__(self, config: Config, half_hours: Sequence[HalfHour], takes: int = TAKES) -> None:
        """Writes to the configured `artifacts` directory only."""
        self._config, self._half_hours, self._takes = config, half_hours, takes
        self._pipeline = Pipeline(config)
        model = first_model(half_hours)
        self._server, self._never = MarketServer(model, Path(config.artifacts)), answers(model, half_hours)
        self._predictions: dict[int, dict[str, Any]] = {}
        self._outcomes: list[bytes] = []
        """As they stand in the journal."""
        self._state = RetrainState()
        self._ending: _Ending | None = None
        self._now = START
        self.tally = Tally(len(half_hours) - settings.TRAINING_ROWS)

    def run(self, order: int = feed.SEED) -> Tally:
        """All rows, their labels in this order."""
        first = {"model_id": settings.MODEL, "status": "deployed", "model_version": settings.FIRST_VERSION}
        self._deploy({**first, "time": START})
        for kind, row in feed.steps(settings.TRAINING_ROWS, len(self._half_hours), order):
            if kind == "prediction":
                self._now += ROW_MS
                if self._ending is not None and row >= self._ending.row:
                    self._end(self._ending)
                self._predict(row)
            else:
                self._label(row)
        return self.tally

    def _predict(self, row: int) -> None:
        features, truth = self._half_hours[row]
        answer = self._server.answer(features)
        self.tally.answered(self._now, right=answer[0] == truth, right_never=self._never[row] == truth)
        event = feed.prediction(row, self._now, self._server.version, answer, features)
        self._predictions[row] = event
        self._note(self._pipeline.send("predictions", event))

    def _label(self, row: int) -> None:
        event = feed.label(row, self._now, self._half_hours[row].label)
        outcome = {"kind": "outcome", **self._predictions.pop(row), "label": event["label"], "label_time": self._now}
        self._outcomes.append(orjson.dumps(outcome))
        self._note(self._pipeline.send("labels", event))

    def _note(self, found: Sequence[Found]) -> None:
        for each in found:
            if isinstance(each, Trigger):
                self._retrain(each)
            else:
                self.tally.decision(each.wire())

    def _retrain(self, trigger: Trigger) -> None:
        self.tally.trigger(trigger.wire())
        self._deploy(started(trigger, 1, self._state, self._now).wire())
        job = job_of(trigger, 1, self._config, self._state)
        directory = Path(job.artifacts) / "jobs" / job.version
        directory.mkdir(parents=True)
        result = retrain(job, self._outcomes[-trigger.data.outcomes :], measure(job), directory)
        self._ending = _Ending(self.tally.rows + settings.TRAINING_ROWS + self._takes, trigger, result)

    def _end(self, ending: _Ending) -> None:
        self._ending = None
        self._deploy(final(ending.trigger, 1, ending.result, self._state, self._now).wire())

    def _deploy(self, event: dict[str, Any]) -> None:
        self._state.deploy(event)
        self._server.deployed(event)
        self.tally.deploy(event, self._now)
        self._note(self._pipeline.send("deploys", event))


def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--set", action="append", default=[], metavar="SETTING=VALUE", help="of the model's section")
    parser.add_argument("--takes", type=int, default=TAKES, metavar="ROWS", help="from a trigger to its end")
    parser.add_argument("--orders", type=int, default=1, metavar="NUMBER", help="of runs, each with another order")
    arguments = parser.parse_args()
    yaml, half_hours, rates = YAML(typ="safe"), load(), []
    for order in range(1, arguments.orders + 1):
        with tempfile.TemporaryDirectory(prefix="streamproc-offline-") as directory:
            data = yaml.load(settings.text("localhost:9092", "", Path(directory)))
            for assignment in arguments.set:
                path, _, value = assignment.partition("=")
                _assign(data["models"][settings.MODEL], path.split("."), yaml.load(value))
            tally = Offline(from_mapping(data), half_hours, arguments.takes).run(order)
        rates.append(tally.loop.error_rate)
        _say(
            f"order {order}: errors {tally.loop.error_rate:.2%}, never retrained {tally.never.error_rate:.2%}; "
            f"{tally.count('deployed')} deployed, {tally.count('rejected')} rejected, {tally.count('failed')} failed"
        )
    if arguments.orders > 1:
        _say(f"errors: mean {fmean(rates):.2%}, from {min(rates):.2%} to {max(rates):.2%}")


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - what a command says


def _assign(section: Any, path: list[str], value: Any) -> None:
    for name in path[:-1]:
        section = section[int(name)] if isinstance(section, list) else section.setdefault(name, {})
    section[path[-1]] = value


if __name__ == "__main__":
    main()
