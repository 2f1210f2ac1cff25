"""`streamproc demo --tutorial`: the textbook case on a real Kafka, with the real join and monitor.

The models here have no predictions to be trained on, so the retrain is played: whatever raises a trigger is answered at
once by the events that a pipeline of your own would write, `started` and `deployed`.
"""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from streamproc.app.run import wall_clock
from streamproc.check import lint
from streamproc.config.load import read
from streamproc.config.pipeline import Config
from streamproc.demo import textbook
from streamproc.demo.interrupt import interruptible
from streamproc.demo.machinery import Machinery
from streamproc.demo.textbook import CASES, Case, Step
from streamproc.errors import BrokerUnavailable
from streamproc.events.base import format_time, parse_time
from streamproc.kafka.plain import Follower, Sender
from streamproc.policy.schedule import Schedule

PATIENCE_SECONDS = 20.0
WIDTH = 80
Say = Callable[[str], None]
_COLUMNS = "  {:<4} {:<40} {:<9} {}"


def run(keep: Path | None, say: Say) -> bool:
    """Play it; whether all came out as it must. Raises UserError, BrokerUnavailable, KeyboardInterrupt."""
    machinery = Machinery(keep, say)
    with interruptible(machinery.end_by_force), machinery:
        machinery.broker.start()
        config = machinery.configure(textbook.MODELS)
        machinery.run_stages(config, "join", "monitor")
        say(f"Kafka is at {machinery.broker.bootstrap_servers}, join and monitor are up; retrains are played")
        wrong = 0
        with Player(config) as player:
            for case in CASES:
                wrong += _play(case, player, say)
        for line in (*_lint(machinery.config_file), *_schedule()):
            say(line)
        say("")
        say("all as expected" if not wrong else f"{wrong} steps did not come out as expected")
    return not wrong


def _play(case: Case, player: Player, say: Say) -> int:
    """One case as a part of the table; how many steps came out wrong."""
    say("")
    say(f"{case.condition}   (model {case.model})")
    say(_COLUMNS.format("step", "metric event", "expected", "got"))
    wrong = 0
    for number, step in enumerate(case.steps, start=1):
        got = player.step(case.model, number, step)
        sent = ", ".join(f"{name} {value:.2f}" for name, value in step.metrics.items())
        right = (got is not None) is step.retrains
        wrong += not right
        say(_COLUMNS.format(number, sent, _word(retrains=step.retrains), (got or "-") + ("" if right else "  WRONG")))
    return wrong


def _word(*, retrains: bool) -> str:
    return "retrain" if retrains else "-"


class Player:
    """Sends metric events, sees what follows, and answers triggers as a pipeline of the user's own would."""

    def __init__(self, config: Config) -> None:
        """Raises ConfigError."""
        topics, count = config.topics, config.topics.partitions
        self._topics = topics
        self._sender = Sender(config.kafka)
        self._follower = Follower(
            config.kafka, dict.fromkeys((topics.journal, topics.triggers, topics.decisions), count)
        )
        self._heard: list[tuple[str, dict[str, Any]]] = []
        self._marks = 0

    def step(self, model: str, number: int, step: Step) -> str | None:
        """One metric event; what came of it in words, None when nothing did. Ends when the monitor is past it all."""
        began = time.monotonic()
        event = {"model_id": model, "time": wall_clock(), "metrics": step.metrics}
        self._send(self._topics.metrics, event)
        self._wait(self._topics.journal, kind="metric", model_id=model, metrics=step.metrics)
        self._mark(model)
        fired = [e for topic, e in self._heard if topic == self._topics.decisions and e["verdict"] == "fired"]
        if not fired:
            self._heard.clear()
            return None
        trigger = self._wait(self._topics.triggers, trigger_id=fired[0]["trigger_id"])
        version = f"v{number}"
        for answer in ({"status": "started"}, {"status": "deployed", "model_version": version}):
            common = {"model_id": model, "trigger_id": trigger["trigger_id"], "time": wall_clock()}
            self._send(self._topics.deploys, common | answer)
        self._wait(self._topics.journal, kind="deploy", model_id=model, status="deployed", model_version=version)
        self._mark(model)
        self._heard.clear()
        return f"{version} deployed ({1000 * (time.monotonic() - began):.0f} ms)"

    def _mark(self, model: str) -> None:
        """Wait until the monitor has decided about all that the journal had before: it answers to a mark behind it."""
        self._marks += 1
        mark = f"mark {self._marks}"
        event = {"command_id": mark, "model_id": model, "command": "resume", "reason": mark, "time": wall_clock()}
        self._send(self._topics.commands, event)
        self._wait(self._topics.decisions, verdict="resumed", reason=mark)

    def _send(self, topic: str, event: dict[str, Any]) -> None:
        self._sender.send(topic, str(event["model_id"]).encode(), orjson.dumps(event))

    def _wait(self, topic: str, **fields: Any) -> dict[str, Any]:
        """The event with these fields, heard already or still to come. Raises BrokerUnavailable."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        checked = 0
        while True:
            for heard, event in self._heard[checked:]:
                if heard == topic and fields.items() <= event.items():
                    return event
            checked = len(self._heard)
            records = self._follower.read(timeout=0.05)
            self._heard += [(record.topic(), orjson.loads(record.value() or b"")) for record in records]
            if time.monotonic() > deadline:
                raise BrokerUnavailable(f"{topic} had no record with {fields} within {PATIENCE_SECONDS:.0f} s")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sender.__exit__(kind, exc, trace)
        self._follower.__exit__(kind, exc, trace)


def _lint(file: Path) -> Iterator[str]:
    """What `streamproc check` says about the condition that is the wrong way round."""
    yield ""
    yield "The last is probably not meant; `streamproc check` says so before anything runs:"
    for finding in lint(read(file)):
        if finding.severity == "warning":
            text = f"{finding.at(file.name)}: {finding.severity}: {finding.message} [{finding.code}]"
            yield from textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)


def _schedule() -> Iterator[str]:
    """The next firing times about the changes of clocks."""
    schedule = Schedule.parse(textbook.CRON, textbook.TIME_ZONE)
    yield ""
    yield f"Schedule `{textbook.CRON}`, {textbook.TIME_ZONE} (model nightly): midnight on local clocks,"
    yield "also when no event arrives; once, not thrice, after three nights out of service."
    for title, start in textbook.CHANGES.items():
        yield f"  {title}:"
        before = schedule.next_after(parse_time(start))
        for _ in range(4):
            following = schedule.next_after(before)
            hours = (following - before) / 3_600_000
            local, utc = f"{schedule.local(following):%Y-%m-%d %H:%M}", f"{format_time(following)[:16]}Z"
            yield f"    {local} = {utc}   {hours:.0f} h after the one before"
            before = following
