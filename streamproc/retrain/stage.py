"""The retrain stage: reads triggers, has the user's function run, writes what became of it.

A trigger's life, each arrow a record in the deploys topic:

    open --started--> running --deployed | rejected | failed--> finished
      ^                  |
      +--attempt_failed--+
      +----given_back----+

The state is a fold of the two topics (`fold`), and everything is done in `wake`, against that state:

    | in the log                   | in the pool         | wake                                                       |
    |------------------------------|---------------------|------------------------------------------------------------|
    | open, or its attempt over    | nothing             | says `started`, once its time has come and it is its turn  |
    | `started` as announced       | nothing             | starts the job                                             |
    | `started` by another         | nothing             | that run was cut off: says `started` with the next attempt |
    | `started`                    | job goes on         | nothing                                                    |
    | `started`                    | job has ended       | says how                                                   |
    | a final event, or its own end| job, whatever it is | lets go of the job                                         |

A job starts only when its `started` is in the log, so no two runs ever have the same attempt, version or directory.
What has been said and is not read back yet is all that a task keeps beside the fold. If its transaction is aborted the
task is dropped, and the next one finds in the log whatever was committed, and says the rest again.

A trigger that fails for good is a dead letter too, in the same transaction as its final event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from streamproc.config.model import Config, Retrain, Retries
from streamproc.errors import BadRecord, TopicError
from streamproc.events.codec import DEPLOY, decoder
from streamproc.events.deploy import Deploy
from streamproc.events.partitioner import partition_of
from streamproc.events.trigger import Trigger
from streamproc.retrain import report
from streamproc.retrain.fold import OpenTrigger, RetrainState
from streamproc.retrain.job import Result, failed
from streamproc.retrain.jobs import Directories, Executor, Pool, Run
from streamproc.retrain.registry import Follower, NoRegistry
from streamproc.retrain.retries import is_hopeless, is_last, not_before, wait_after
from streamproc.stage import Outputs, Record, Task, Uncached

STOP_SECONDS = 7.0
"""How long a stop waits for jobs to end: they get 5 seconds between SIGTERM and SIGKILL."""
FINISH_MS = 60_000
"""How much longer than its time limit a job may take a stop that waits for it: until its end is in the log."""
MAX_DETAIL = 1000
"""Characters of a dead letter's detail: the whole reason is in the deploy event."""
_decode_trigger = decoder(Trigger)


class RetrainStage:
    """One task per partition number of triggers and deploys, both keyed by model_id; one pool of jobs."""

    name = "retrain"
    snapshots = None

    def __init__(
        self,
        config: Config,
        partitions: int,
        executor: Executor,
        directories: Directories,
        max_jobs: int = 1,
        *,
        registry: Follower | None = None,
    ) -> None:
        """At most `max_jobs` retrains run at once in this process. Call `close` when the engine has returned."""
        self.config, self._partitions, self._max_jobs = config, partitions, max_jobs
        self.inputs = self.folded = (config.topics.triggers, config.topics.deploys)
        self.pool, self.registry = Pool(executor, directories), registry or NoRegistry()
        self.stopping = False
        self._stop_by: int | None = None
        self._tasks: dict[int, RetrainTask] = {}

    def task(self, partition: int) -> Task:
        """A task with empty state."""
        self._tasks[partition] = task = RetrainTask(self, partition, self._partitions)
        return task

    def closed(self, partition: int) -> None:
        """A task has gone; its jobs go on for a while, in case it comes back."""
        task = self._tasks.pop(partition, None)
        if task is not None:
            self.registry.forget(task.state.champions)

    def tend(self, now: int) -> None:
        """Look after the jobs of all tasks; `now` in epoch ms."""
        self.pool.tend(now, self._is_open, self._is_finished)

    def may_stop(self, now: int, *, at_once: bool = False) -> bool:
        """Whether the engine may stop now that it was told to; ask until it may, and let the engine go on meanwhile.

        From the first call on no job is started. Those that run are given back, or finished if `worker.on_stop` says
        so and it need not be `at_once`; what became of them is in the log when this is true, unless it took too long.
        """
        give_back = at_once or self.config.worker.on_stop == "give_back"
        stop_by = now + (int(STOP_SECONDS * 1000) if give_back else self.pool.time_limit + FINISH_MS)
        self._stop_by = stop_by if self._stop_by is None else min(stop_by, self._stop_by)
        self.stopping = True
        if give_back:
            self.pool.give_back()
        self.tend(now)
        is_idle = self.pool.is_empty and not any(task.waits_for_the_log for task in self._tasks.values())
        return is_idle or now >= self._stop_by

    def is_next(self, waiting: OpenTrigger, now: int) -> bool:
        """Whether a job may start for this trigger now: there is room, and no older one could start in its place."""
        tasks = self._tasks.values()
        if self.pool.running + sum(task.starting for task in tasks) >= self._max_jobs:
            return False
        firsts = [first for task in tasks if (first := task.first_waiting(now)) is not None]
        return min(firsts, key=lambda first: first.age, default=None) is waiting

    def gauges(self) -> Mapping[str, float]:
        """Sizes over all tasks."""
        tasks = list(self._tasks.values())
        return {
            "retrain_open": sum(len(task.state.open) for task in tasks),
            "retrain_running": self.pool.running,
            "retrain_finished": sum(len(task.state.finished) for task in tasks),
            "retrain_misplaced_deploys": sum(task.misplaced for task in tasks),
            "retrain_registry_behind": self.registry.behind,
        }

    def close(self) -> None:
        """End all jobs, at once or within seconds. Their triggers stay open: the next worker runs them again."""
        self.pool.close(STOP_SECONDS)
        self.registry.close(STOP_SECONDS)

    def _is_open(self, trigger_id: str) -> bool:
        return any(trigger_id in task.state.open for task in self._tasks.values())

    def _is_finished(self, trigger_id: str) -> bool:
        return any(trigger_id in task.state.finished for task in self._tasks.values())


class RetrainTask(Uncached):
    """The triggers of one partition."""

    def __init__(self, stage: RetrainStage, partition: int, partitions: int) -> None:
        self._stage, self._config = stage, stage.config
        self._partition, self._partitions = partition, partitions
        self.state = RetrainState()
        self.misplaced = 0
        """Deploy events that streamproc would not write to this partition: their writer has another partitioner."""
        self._starting: dict[str, int] = {}
        """Trigger id -> the attempt that `started` was said for, until that is read back."""
        self._over: dict[str, int] = {}
        """Trigger id -> the attempt whose end was said, until that is read back."""
        self._finished: set[str] = set()
        """Trigger ids whose final event was said, until it is read back."""
        self._news = False
        """Whether deploy events were read that the registry was not told of."""

    @property
    def starting(self) -> int:
        """Jobs that are about to start."""
        return len(self._starting)

    @property
    def waits_for_the_log(self) -> bool:
        """Whether something was said that is not read back yet."""
        return bool(self._starting or self._over or self._finished)

    def process(self, topic: str, records: Sequence[Record], out: Outputs) -> None:
        """Fold records into the state; nothing else."""
        if topic == self._config.topics.triggers:
            self._triggers(records, out)
        else:
            self._deploys(records)

    def wake(self, now: int, out: Outputs) -> None:
        """Start, watch and end jobs; `now` in epoch ms."""
        self._stage.tend(now)
        self._forget_what_is_read_back()
        for trigger_id in list(self._starting):  # first of all: nothing has taken any time yet
            self._start(self.state.open[trigger_id], now, out)
        for waiting in list(self.state.open.values()):
            self._advance(waiting, now, out)
        if self._news:  # not while the log is folded anew: it would be told what once was
            self._news = False
            self._stage.registry.follow({name: each.artifact for name, each in self.state.champions.items()})

    def bookmark(self, topic: str) -> int | None:
        """Everything is read again: an old deploy event may be what says which version is in service."""
        return None

    def close(self) -> None:
        """Jobs stay with the stage."""
        self._stage.closed(self._partition)

    def first_waiting(self, now: int) -> OpenTrigger | None:
        """The oldest trigger that a job could be started for."""
        return next(self._waiting(now), None)

    def _waiting(self, now: int) -> Iterator[OpenTrigger]:
        """Of each model that nothing goes on for, the oldest trigger, unless it has to wait."""
        open_, said = self.state.open, (*self._starting, *self._over, *self._finished)
        taken = {open_[trigger_id].trigger.model_id for trigger_id in said if trigger_id in open_}
        for waiting in open_.values():
            model_id = waiting.trigger.model_id
            if model_id not in taken and not self._stage.pool.busy(model_id):
                taken.add(model_id)
                if not_before(self.state.runs_of(waiting.trigger.trigger_id), self._retries(waiting)) <= now:
                    yield waiting

    def _retries(self, waiting: OpenTrigger) -> Retries:
        return cast("Retrain", self._config.models[waiting.trigger.model_id].retrain).retries

    def _triggers(self, records: Sequence[Record], out: Outputs) -> None:
        for record in records:
            arrived = record.timestamp()[1]
            try:
                event = _decode_trigger(record.value(), record.key(), arrived)
            except BadRecord as error:
                out.reject(record, error)
                continue
            model = self._config.models.get(event["model_id"])
            if event["pipeline"] == self._config.pipeline and model is not None and model.retrain is not None:
                self._check_place(event["model_id"])
                self.state.trigger(Trigger.model_validate(event), record)

    def _check_place(self, model_id: str) -> None:
        """A trigger and the deploy events that answer it must meet, or it would be answered again and again."""
        if partition_of(model_id, self._partitions) != self._partition:
            triggers, deploys = self._config.topics.triggers, self._config.topics.deploys
            raise TopicError(
                f"a trigger of {model_id!r} lies in partition {self._partition} of {triggers}, where its key no longer "
                "leads: the number of partitions was changed.\n  Make topics of new names with the new number, and set "
                f"topics.triggers (now {triggers}) and topics.deploys (now {deploys}) to them."
            )

    def _deploys(self, records: Sequence[Record]) -> None:
        for record in records:
            try:
                event = DEPLOY(record.value(), record.key(), record.timestamp()[1])
            except BadRecord:
                continue  # the join reads the same topic, and has put it among the dead letters
            if event["model_id"] in self._config.models:
                self.misplaced += partition_of(event["model_id"], self._partitions) != self._partition
                self.state.deploy(event)
                self._news = True

    def _forget_what_is_read_back(self) -> None:
        state = self.state
        self._finished &= state.open.keys()
        self._over = {id_: n for id_, n in self._over.items() if id_ in state.open and state.runs_of(id_).is_open(n)}
        self._starting = {id_: n for id_, n in self._starting.items() if id_ in state.open}

    def _advance(self, waiting: OpenTrigger, now: int, out: Outputs) -> None:
        trigger_id = waiting.trigger.trigger_id
        if trigger_id in self._finished or trigger_id in self._over or trigger_id in self._starting:
            return
        run = self._stage.pool.get(trigger_id)
        if run is None:
            self._begin(waiting, now, out)
        elif run.result is not None:
            self._end(waiting, run, report.checked(waiting.trigger, run.result, self.state), now, out)

    def _begin(self, waiting: OpenTrigger, now: int, out: Outputs) -> None:
        trigger, runs = waiting.trigger, self.state.runs_of(waiting.trigger.trigger_id)
        limit = self._config.models[trigger.model_id].retrain_timeout
        if now - waiting.arrived > limit:
            self._finish(waiting, report.expired(trigger, runs.attempt + 1, limit, self.state, now), out)
        elif is_hopeless(runs, self._retries(waiting)):
            self._finish(waiting, report.cut_off(trigger, runs, self.state, now), out)
        elif not self._stage.stopping and self._stage.is_next(waiting, now):
            self._starting[trigger.trigger_id] = runs.attempt + 1
            self._say(report.started(trigger, runs.attempt + 1, self.state, now), out)

    def _start(self, waiting: OpenTrigger, now: int, out: Outputs) -> None:
        """Start the job that was announced, if the log has that."""
        trigger_id = waiting.trigger.trigger_id
        if self.state.runs_of(trigger_id).attempt < self._starting[trigger_id]:
            return
        attempt = self._starting.pop(trigger_id)
        if self._stage.stopping:
            self._give_back(waiting, attempt, now, out)
        else:
            self._stage.pool.start(report.job_of(waiting.trigger, attempt, self._config, self.state))

    def _end(self, waiting: OpenTrigger, run: Run, result: Result, now: int, out: Outputs) -> None:
        """Say how a job has ended. What it has given counts in any case; its failure, while nobody has gone on."""
        trigger, attempt, retries = waiting.trigger, run.job.attempt, self._retries(waiting)
        runs = self.state.runs_of(trigger.trigger_id)
        if result.status != "failed":
            self._finish(waiting, report.final(trigger, attempt, result, self.state, now), out)
        elif not runs.is_open(attempt):
            self._stage.pool.drop(trigger.trigger_id)
        elif run.given_back:
            self._give_back(waiting, attempt, now, out)
        elif is_last(runs, retries):
            if runs.failed:
                result = failed(f"all {runs.failed + 1} attempts have failed; the last one: {result.reason}")
            self._finish(waiting, report.final(trigger, attempt, result, self.state, now), out)
        else:
            self._over[trigger.trigger_id] = attempt
            said = {"reason": result.reason, "retry_at": now + wait_after(runs.failed + 1, retries)}
            self._say(report.attempt_failed(trigger, attempt, self.state, now, **said), out)

    def _give_back(self, waiting: OpenTrigger, attempt: int, now: int, out: Outputs) -> None:
        self._over[waiting.trigger.trigger_id] = attempt
        self._say(report.given_back(waiting.trigger, attempt, self.state, now), out)

    def _finish(self, waiting: OpenTrigger, event: Deploy, out: Outputs) -> None:
        """Say the final event, and what has failed for good among the dead letters."""
        self._finished.add(waiting.trigger.trigger_id)
        self._say(event, out)
        if event.status == "failed":
            out.reject(waiting.record, BadRecord("retrain_failed", (event.reason or "")[:MAX_DETAIL]))

    def _say(self, event: Deploy, out: Outputs) -> None:
        report.send(event, self._config, out)
