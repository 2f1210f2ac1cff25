"""The retrain worker in a simulated life: jobs that take simulated time, and what must be so of them in the end."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import orjson

from streamproc.config.model import Model
from streamproc.config.pipeline import Config, Worker
from streamproc.events.deploy import FINAL, Artifact
from streamproc.replay.memory import MemoryOutputs, MemoryRecord
from streamproc.retrain.job import Job, Result
from streamproc.retrain.queue import budgets
from streamproc.retrain.stage import RetrainStage
from streamproc.retrain.task import RetrainTask
from streamproc.stage import Stage
from tests.simulation.faults import Crash
from tests.unit.retrain.support import make_trigger

if TYPE_CHECKING:
    from tests.simulation.world import Process, World

ENDS = ("deployed", "rejected", "failed", "failed", "waiting", "waiting", "fatal")
"""How jobs end; `fatal`: their worker dies with them, as when memory runs out."""
DURATIONS_MS = (0, 300, 2_000, 8_000, 20_000)
ANSWERED_BY_USERS = 0.15
"""The share of triggers that somebody else says something of."""
SLOWEST_END_MS = 5_000
"""How long a job may take to end when it is told to."""


class Retrains:
    """All retrains of one life."""

    def __init__(self, config: Config, rng: random.Random) -> None:
        worker = {
            "on_stop": rng.choice(("give_back", "finish")),
            "max_jobs": rng.choice((1, 2)),
            "budget": rng.choice((None, {"retrains": 3, "period": "5s"})),
        }
        models = {name: _with_priority(model, rng.choice((0, 0, 1))) for name, model in config.models.items()}
        self.config = config.model_copy(update={"worker": Worker.model_validate(worker), "models": models})
        self.rng = rng
        self.world: World
        self.jobs: Counter[tuple[str, int]] = Counter()

    def stage(self) -> Stage:
        """The stage of one process."""
        executor = SimExecutor(self)
        executor.stage = RetrainStage(self.config, self._partitions, executor, NoDirectories())
        return executor.stage

    @property
    def _partitions(self) -> int:
        return self.config.topics.partitions

    # -- what happens --

    def fire(self, count: int, span_ms: int) -> None:
        """Triggers as a monitor writes them, some twice, and what else may lie in the two topics."""
        rng, topics = self.rng, self.config.topics
        for n in range(count):
            trigger = make_trigger(n, rng.choice(("clicks", "clicks", "prices", "views")))
            for _ in range(rng.choice((1, 1, 1, 2))):
                self._later(span_ms, topics.triggers, trigger.model_id, orjson.dumps(trigger.wire()))
            if rng.random() < ANSWERED_BY_USERS:
                answer = {"model_id": trigger.model_id, "trigger_id": trigger.trigger_id, "model_version": f"u{n}"}
                status = rng.choice(("started", "deployed", "rejected", "attempt_failed"))
                self._later(2 * span_ms, topics.deploys, trigger.model_id, orjson.dumps(answer | {"status": status}))
        foreign = make_trigger(count, "clicks", pipeline="another")
        self._later(span_ms, topics.triggers, "clicks", orjson.dumps(foreign.wire()))
        for topic in (topics.triggers, topics.deploys):
            self._later(span_ms, topic, "clicks", b"no json")

    def _later(self, span_ms: int, topic: str, key: str, value: bytes) -> None:
        def write() -> None:
            self.world.produce(topic, key.encode(), value)

        self.world.later(self.rng.randrange(span_ms), write)

    def leave(self, process: Process) -> None:
        """SIGTERM: the process goes on until the stage says that it may stop, or until something befalls it."""
        may_stop: list[bool] = []
        if process.alive and not process.busy:
            process.run(lambda: may_stop.append(_stage(process).may_stop(process.clock())))
        if process.alive and any(may_stop):
            process.leave()
        elif process.alive:
            self.world.later(200, lambda: self.leave(process))

    def rest(self) -> bool:
        """Whether no trigger waits for an answer."""
        stages = [_stage(p) for p in self.world.processes if p.alive and p.stage == "retrain"]
        return not any(stage.gauges()["retrain_open"] or not stage.pool.is_empty for stage in stages)

    def begins(self, executor: SimExecutor, job: Job) -> None:
        """A job is started: may it be?"""
        process = executor.process
        assert process.consumer is not None
        if process.own_group.standing(process.consumer.identity) != "ok":
            return  # it does not know yet that its partitions are gone: nothing that it does can be helped
        trigger_id, attempt = job.trigger.trigger_id, job.attempt
        self.jobs[trigger_id, attempt] += 1
        told = [e for e in self._told() if e["trigger_id"] == trigger_id]
        if not any(event["status"] == "started" and event["attempt"] == attempt for event in told):
            self.world.complain(f"attempt {attempt} of {trigger_id} was run before it was announced")
        if any(event["status"] in FINAL for event in told):
            self.world.complain(f"attempt {attempt} of {trigger_id} was run after the final event")
        if any(handle.job.model_id == job.model_id for handle in executor.handles if handle.runs):
            self.world.complain(f"two jobs of {job.model_id} at a time")

    # -- what must be so --

    def breaches(self) -> Iterator[str]:
        """All that is wrong with what the workers have written."""
        yield from (f"attempt {key} was run {count} times" for key, count in self.jobs.items() if count > 1)
        told: dict[str, list[dict[str, Any]]] = {}
        for event in self._told():
            told.setdefault(event["trigger_id"], []).append(event)
        ended = {e["trigger_id"] for e in self._read(self.config.topics.deploys) if e["status"] in FINAL}
        given_up: Counter[str] = Counter()
        for event in self._read(self.config.topics.triggers):
            if self.config.models[event["model_id"]].retrain is None or event["pipeline"] != self.config.pipeline:
                continue
            steps = told.pop(event["trigger_id"], [])
            if event["trigger_id"] not in ended:
                yield f"{event['trigger_id']} is not answered: {_story(steps)}"
            given_up[event["trigger_id"]] += sum(step["status"] == "failed" for step in steps)
            yield from (f"{event['trigger_id']}: {breach}: {_story(steps)}" for breach in self._one(steps))
        yield from (f"{trigger_id} is no trigger" for trigger_id in told)
        yield from self._superseded()
        yield from self._budget()
        letters = [
            letter
            for letter in self._records(self.config.topics.dead_letters)
            if dict(letter.header_list)["reason"] == b"retrain_failed"
        ]
        if Counter(orjson.loads(letter.value_bytes or b"")["trigger_id"] for letter in letters) != +given_up:
            yield f"{len(letters)} dead letters for {given_up.total()} triggers that have failed"

    def _superseded(self) -> Iterator[str]:
        """Who is superseded, and who says so: both sides name each other, and the newer one came later.

        What users have ended at the same moment has two ends, and the first one counts.
        """
        order: dict[str, int] = {}
        for event in self._read(self.config.topics.triggers):
            order.setdefault(event["trigger_id"], len(order))
        named: dict[str, set[str]] = {}
        for event in self._told():
            named.setdefault(event["trigger_id"], set()).update(event.get("supersedes", ()))
        gone = {e["trigger_id"]: e["superseded_by"] for e in self._told() if e["status"] == "superseded"}
        by_users = {
            event["trigger_id"]
            for event in self._read(self.config.topics.deploys)
            if event["status"] in FINAL and "deploy_id" not in event
        }
        for older, newer in gone.items():
            if order[older] > order[newer]:
                yield f"{older} is superseded by {newer}, which is older"
            if newer in named and older not in named[newer] and older not in by_users:
                yield f"{newer} does not say that it supersedes {older}"
        for newer, olders in named.items():
            yield from (f"{newer} says that it supersedes {o}" for o in olders if gone.get(o) != newer)

    def _budget(self) -> Iterator[str]:
        """In no period more retrains begin than a partition's share of the budget."""
        for number, share in budgets(self.config, self._partitions).items():
            begun = list[int]()
            for record in self.world.logs[self.config.topics.deploys, number].committed():
                event = _event(record)
                if event.get("status") == "started" and event.get("attempt") == 1:
                    if sum(time > event["time"] - share.period for time in begun[-share.retrains :]) >= share.retrains:
                        yield f"partition {number}: a retrain has begun at {event['time']} against the budget"
                    begun.append(event["time"])

    def _one(self, steps: list[dict[str, Any]]) -> Iterator[str]:
        """What is wrong with the story of one trigger, which one partition tells in order."""
        finals = [place for place, step in enumerate(steps) if step["status"] in FINAL]
        if len(finals) > 1:
            yield "more than one final event"
        if finals and finals[0] != len(steps) - 1:
            yield "it goes on after its final event"
        attempts = [step["attempt"] for step in steps if step["status"] == "started"]
        if attempts != list(range(1, len(attempts) + 1)):
            yield "attempts do not count up"
        earliest = 0
        if finals and steps[finals[0]]["status"] == "superseded" and attempts and not _has_waited(steps):
            yield "it was superseded after a run"
        for step in steps:
            if step["status"] == "started" and step["time"] < earliest:
                yield "an attempt has not waited"
            earliest = step.get("retry_at", 0)
        retries = next(model.retrain.retries for model in self.config.models.values() if model.retrain)
        given_back = sum(step["status"] in ("given_back", "waiting") for step in steps)
        if len(attempts) - given_back >= retries.attempts + retries.cut_offs:
            yield "too many attempts"

    def compare_restored(self) -> Iterator[str]:
        """Whether tasks that were restored know what a reader of the whole log knows."""
        (heir,) = (p for p in self.world.processes if p.alive and p.stage == "retrain")
        whole = RetrainStage(self.config, self._partitions, SimExecutor(self), NoDirectories())
        for number, task in heir.engine._tasks.tasks.items():
            fresh = cast("RetrainTask", whole.task(number))
            for topic in whole.inputs:
                fresh.process(topic, [*self.world.logs[topic, number].committed()], MemoryOutputs())
            if fresh.state != cast("RetrainTask", task).state:
                yield f"the restored retrain task {number} knows something else"

    def _told(self) -> list[dict[str, Any]]:
        """What workers have written to the deploys topic; users' events and the monitor's are no attempts."""
        return [event for event in self._read(self.config.topics.deploys) if "attempt" in event]

    def _read(self, topic: str) -> list[dict[str, Any]]:
        return [event for record in self._records(topic) if "trigger_id" in (event := _event(record))]

    def _records(self, topic: str) -> list[MemoryRecord]:
        return [r for n in range(self._partitions) for r in self.world.logs[topic, n].committed()]


def _stage(process: Process) -> RetrainStage:
    return cast("RetrainStage", process.engine._stage)


def _event(record: MemoryRecord) -> dict[str, Any]:
    """Empty for what is no event."""
    try:
        event = orjson.loads(record.value_bytes or b"")
    except orjson.JSONDecodeError:
        return {}
    return event if isinstance(event, dict) else {}


def _with_priority(model: Model, priority: int) -> Model:
    if model.retrain is None:
        return model
    return model.model_copy(update={"retrain": model.retrain.model_copy(update={"priority": priority})})


def _has_waited(steps: list[dict[str, Any]]) -> bool:
    """Whether the newest run ended with that."""
    ends = [step["status"] for step in steps if step["status"] not in FINAL]
    return bool(ends) and ends[-1] == "waiting"


def _story(steps: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(step["status"], step["attempt"]) for step in steps]


class SimExecutor:
    """Runs the jobs of one process; they are gone when it is."""

    stage: RetrainStage

    def __init__(self, retrains: Retrains) -> None:
        self.retrains = retrains
        self.handles: list[SimJob] = []
        self._process: Process | None = None

    @property
    def process(self) -> Process:
        """Whose jobs these are; it is not there yet when the stage is made."""
        if self._process is None:
            self._process = next(p for p in self.retrains.world.processes if p.engine._stage is self.stage)
        return self._process

    def start(self, directory: Path, job: Job) -> SimJob:
        self.retrains.begins(self, job)
        if self.retrains.rng.random() < 0.05:
            raise OSError(28, "No space left on device")
        self.handles.append(SimJob(self, job))
        return self.handles[-1]


@dataclass(slots=True)
class SimJob:
    """A job that ends at its time, unless it is told to end before."""

    executor: SimExecutor
    job: Job
    ends_at: int = 0
    end_status: str = ""

    def __post_init__(self) -> None:
        rng, world = self.executor.retrains.rng, self.executor.retrains.world
        # When the faults are over everything is to come to rest soon.
        self.ends_at = world.now + rng.choice(DURATIONS_MS[:2] if world.is_calm else DURATIONS_MS)
        self.end_status = rng.choice(ENDS[:2] if world.is_calm else ENDS)

    @property
    def runs(self) -> bool:
        """Whether it goes on."""
        return self.executor.retrains.world.now < self.ends_at

    def poll(self) -> Result | None:
        world = self.executor.retrains.world
        if self.runs:
            return None
        if self.end_status == "fatal":
            world.crashes += 1
            raise Crash
        version = self.job.version
        if self.end_status == "deployed":
            artifact = Artifact(uri=f"m/{version}")
            return Result(status="deployed", reason="better", model_version=version, artifact=artifact)
        return Result.model_validate({"status": self.end_status, "reason": "it is so"})

    def end(self) -> None:
        retrains = self.executor.retrains
        if self.runs:
            self.ends_at = min(self.ends_at, retrains.world.now + retrains.rng.choice((0, 200, SLOWEST_END_MS)))
            self.end_status = "failed"

    def wait(self, seconds: float) -> bool:
        return not self.runs


class NoDirectories:
    """Nothing is written."""

    def new(self, name: str) -> Path:
        return Path(name)

    def remove(self, directory: Path) -> None:
        """There is none."""
