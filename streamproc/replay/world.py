"""Replays recorded events through join and monitor; answers triggers as the replay's `deploys` asks.

With `retrain`, each trigger's retrain is run in the replay, on the rows that it names, with the labels known by then;
after `takes` the new model is in service and answers the later rows. So what follows is what would have happened,
save that the world does not react to other answers.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import orjson

from streamproc.config.pipeline import Config, Inputs
from streamproc.errors import ConditionError, RetrainError
from streamproc.events.deploy import FINAL
from streamproc.events.trigger import Trigger
from streamproc.replay.arms import Arm, Asking
from streamproc.replay.captured import retrained
from streamproc.replay.observed import observed_by
from streamproc.replay.pipeline import Found, Pipeline
from streamproc.replay.recorded import ROLES, Recorded, Role
from streamproc.replay.service import Service
from streamproc.replay.tally import Tally, condition_names
from streamproc.retrain.api import Challenger
from streamproc.retrain.course import MakeMeasure
from streamproc.retrain.fold import RetrainState
from streamproc.retrain.job import Result, directory_name, failed
from streamproc.retrain.report import final, job_of, started
from streamproc.stage import Record

Deploys = Literal["recorded", "none", "retrain"]
_DEPLOY = b'{"kind":"deploy"'
_PREDICTIONS, _DEPLOYS = ROLES.index("predictions"), ROLES.index("deploys")


class Training(NamedTuple):
    """What a retrain in the replay needs."""

    make_measure: MakeMeasure
    takes: int
    """Milliseconds from a trigger to its deploy."""
    directory: Path
    """An empty one, for artifacts."""


class _Ending(NamedTuple):
    due: int
    trigger: Trigger
    result: Result
    challenger: Challenger | None


class World:
    """One arm over recorded events."""

    def __init__(
        self,
        arm: Arm,
        events: Sequence[Recorded],
        deploys: Deploys,
        training: Training | None = None,
        drifts: Sequence[int] = (),
    ) -> None:
        """`events` are sorted, and under our own field names. `training`: with deploys `retrain`."""
        self._config = config = _of_our_own(arm.config, training)
        self._events, self._deploys, self._training = events, deploys, training
        self.tally = Tally(config, drifts)
        self.pipeline = Pipeline(config, self._keep, rolls_back=deploys == "retrain", monitors=observed_by(self.tally))
        self.tally.values_of = self._values
        self._names = {
            model_id: condition_names(monitor.model, monitor.getters)
            for model_id, monitor in self.pipeline.monitors.items()
        }
        self._asking = {m: Asking(arm.every) for m in config.models} if arm.every else {}
        self._journal: list[bytes | None] = []
        self._state = RetrainState()
        self._endings: dict[str, _Ending] = {}
        self._services: dict[str, Service] = {}
        self._asked = 0

    def run(self) -> Tally:
        """All of it. Raises UserError."""
        if self._training is not None:
            self._services = self._serve()
        for event in self._events:
            self._end_what_is_due(event.time)
            if event.rank == _DEPLOYS and self._deploys != "recorded":
                continue
            value = event.value
            if event.rank == _PREDICTIONS and self._services:
                value = self._answered(value)
            self._note(self.pipeline.feed(event.role, value, event.time, event.key))
            if self._asking:
                self._ask()
        self._end_what_is_due(self.pipeline.now)
        return self.tally

    def _serve(self) -> dict[str, Service]:
        rows: dict[str, list[dict[str, Any]]] = {model_id: [] for model_id in self._config.models}
        for event in self._events:
            if event.rank == _PREDICTIONS:
                prediction = orjson.loads(event.value)
                if prediction.get("model_id") in rows:
                    rows[prediction["model_id"]].append(prediction)
        return {model_id: Service(found, self._config.models[model_id].task) for model_id, found in rows.items()}

    def _answered(self, value: bytes) -> bytes:
        service = self._services.get(orjson.loads(value).get("model_id"))
        return value if service is None else orjson.dumps(service.answer())

    def _keep(self, record: Record) -> None:
        """For retrains: they read the journal."""
        if self._training is None:
            return
        value = record.value() or b""
        self._journal.append(value)
        if value.startswith(_DEPLOY):
            self._roll_back(orjson.loads(value))

    def _roll_back(self, event: dict[str, Any]) -> None:
        """What the monitor has asked for; other deploy events are written here, and known."""
        if event["status"] == "rolled_back":
            self._state.deploy(event)
            if (service := self._services.get(event["model_id"])) is not None:
                service.back_to(event["model_version"])

    def _values(self, model_id: str) -> dict[str, float | bool | None]:
        return dict(self.pipeline.monitors[model_id].values(self._names[model_id]))

    def _note(self, found: Sequence[Found]) -> None:
        self.tally.found(found)
        for each in found:
            if isinstance(each, Trigger):
                self._answer(each)

    def _ask(self) -> None:
        """Commands of the arms that do not look."""
        for model_id, asking in self._asking.items():
            model = self.tally.models[model_id]
            busy = bool(model.raised) and model.raised[-1].status not in FINAL
            if asking.due(model.outcomes, busy=busy):
                self._asked += 1
                command = {"command_id": f"replay-{self._asked}", "model_id": model_id, "command": "trigger"}
                self._send("commands", command | {"time": self.pipeline.now, "reason": "due"})

    def _answer(self, trigger: Trigger) -> None:
        if self._deploys == "recorded":
            return
        now = self.pipeline.now
        if self._deploys == "none" or self._config.models[trigger.model_id].retrain is None:
            nothing = Result(status="rejected", reason="this replay deploys nothing")
            self._send("deploys", final(trigger, 1, nothing, self._state, now).wire())
            return
        self._send("deploys", started(trigger, 1, self._state, now).wire())
        assert self._training is not None  # noqa: S101 - with deploys `retrain`
        result, challenger = self._retrain(trigger, self._training)
        self._endings[trigger.model_id] = _Ending(now + self._training.takes, trigger, result, challenger)
        self._end_what_is_due(now)

    def _retrain(self, trigger: Trigger, training: Training) -> tuple[Result, Challenger | None]:
        job = job_of(trigger, 1, self._config, self._state)
        directory = training.directory / "jobs" / job.version
        directory.mkdir(parents=True)
        values = self._journal[trigger.data.from_offset : trigger.data.to_offset]
        try:
            return retrained(job, values, training.make_measure, directory)
        except (RetrainError, ConditionError) as error:
            return failed(str(error)), None
        finally:
            if directory.exists():
                shutil.rmtree(directory, ignore_errors=True)
            else:  # it has become the artifact; a model may still look for its files where it wrote them
                directory.symlink_to(training.directory / directory_name(trigger.model_id) / job.version)

    def _end_what_is_due(self, now: int) -> None:
        for ending in [each for each in self._endings.values() if each.due <= now]:
            del self._endings[ending.trigger.model_id]
            event = final(ending.trigger, 1, ending.result, self._state, max(ending.due, self.pipeline.now)).wire()
            if event["status"] == "deployed" and ending.challenger is not None:
                self._services[ending.trigger.model_id].deployed(event["model_version"], ending.challenger)
            self._send("deploys", event)

    def _send(self, role: Role, event: dict[str, Any]) -> None:
        if role == "deploys":
            self._state.deploy(event)
        self._note(self.pipeline.send(role, event))


def _of_our_own(config: Config, training: Training | None) -> Config:
    """The configuration for events that are mapped already; artifacts go to the replay's own directory."""
    update: dict[str, Any] = {"inputs": Inputs()}
    if training is not None:
        update["artifacts"] = str(training.directory)
    return config.model_copy(update=update)


def models_that_retrain(config: Config) -> Iterator[str]:
    """Those with a training function."""
    return (model_id for model_id, model in config.models.items() if model.retrain and model.retrain.function)
