"""One partition's share of the retrain stage: `stage.py` has the table of what it does."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from streamproc.config.pipeline import Config, RetrainBudget
from streamproc.config.units import format_duration
from streamproc.errors import BadRecord, TopicError
from streamproc.events.codec import DEPLOY, decoder
from streamproc.events.deploy import Deploy
from streamproc.events.partitioner import partition_of
from streamproc.events.trigger import Trigger
from streamproc.retrain import report
from streamproc.retrain.fold import OpenTrigger, RetrainState
from streamproc.retrain.job import Result, failed
from streamproc.retrain.jobs import Pool, Run
from streamproc.retrain.queue import Queue
from streamproc.retrain.registry import Follower
from streamproc.retrain.retries import is_hopeless, is_last, next_look, wait_after
from streamproc.stage import Outputs, Record, Uncached

MAX_DETAIL = 1000
"""Characters of a dead letter's detail: the whole reason is in the deploy event."""
ASLEEP_MS = 30_000
"""A task that has not been woken for so long is not waited for."""
_decode_trigger = decoder(Trigger)


class Shop(Protocol):
    """What the tasks of a process have in common."""

    config: Config
    pool: Pool
    registry: Follower
    stopping: bool

    def tend(self, now: int) -> None:
        """Look after the jobs of all tasks."""
        ...

    def next(self, now: int) -> OpenTrigger | None:
        """What a job may be started for now: what goes first in all tasks."""
        ...

    def closed(self, partition: int) -> None:
        """A task has gone."""
        ...


class RetrainTask(Uncached):
    """The triggers of one partition."""

    def __init__(self, stage: Shop, partition: int, partitions: int, budget: RetrainBudget | None) -> None:
        """`budget`: the partition's share of it."""
        self._stage, self._config = stage, stage.config
        self._partition, self._partitions = partition, partitions
        self.state = RetrainState(begun=deque(maxlen=budget.retrains if budget is not None else 0))
        self.queue = Queue(stage.config, self.state, budget)
        self.held = 0
        """Triggers that only the budget keeps waiting."""
        self.misplaced = 0
        """Deploy events that streamproc would not write to this partition: their writer has another partitioner."""
        self._news = False
        """Whether deploy events were read that the registry was not told of."""
        self._woken: int | None = None
        """When it was last woken, epoch ms."""
        self._starting: dict[str, int] = {}
        """Trigger id -> the attempt that `started` was said for, until that is read back."""
        self._over: dict[str, int] = {}
        """Trigger id -> the attempt whose end was said, until that is read back."""
        self._finished: dict[str, str | None] = {}
        """Trigger ids whose final event was said, until it is read back; with the trigger that supersedes them.

        That one's events are to name them: it has to wait so long.
        """

    @property
    def starting(self) -> int:
        """Jobs that are about to start."""
        return len(self._starting)

    @property
    def waits_for_the_log(self) -> bool:
        """Whether something was said that is not read back yet."""
        return bool(self._starting or self._over or self._finished)

    def is_awake(self, now: int) -> bool:
        """Whether it could start what goes first in it. One whose input is paused must not hold up the others."""
        return self._woken is None or now - self._woken <= ASLEEP_MS

    def process(self, topic: str, records: Sequence[Record], out: Outputs) -> None:
        """Fold records into the state; nothing else."""
        if topic == self._config.topics.triggers:
            self._triggers(records, out)
        else:
            self._deploys(records)

    def wake(self, now: int, out: Outputs) -> None:
        """Start, watch and end jobs; `now` in epoch ms."""
        self._woken = now
        self._stage.tend(now)
        self._forget_what_is_read_back()
        for trigger_id in list(self._starting):  # first of all: nothing has taken any time yet
            self._start(self.state.open[trigger_id], now, out)
        superseded = self.queue.superseded()
        for trigger_id, waiting in list(self.state.open.items()):
            self._advance(waiting, superseded.get(trigger_id), now, out)
        while (first := self._stage.next(now)) is not None and self.state.open.get(first.trigger.trigger_id) is first:
            self._begin(first, now, out)
        self.held = self.queue.held(now)
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
        """The trigger that a job could be started for first."""
        open_, said = self.state.open, (*self._starting, *self._over, *self._finished)
        taken = {open_[trigger_id].trigger.model_id for trigger_id in said if trigger_id in open_}
        new = sum(attempt == 1 for attempt in self._starting.values())
        return self.queue.first(now, taken, new, self._stage.pool.busy)

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
        self._finished = {id_: by for id_, by in self._finished.items() if id_ in state.open}
        self._over = {id_: n for id_, n in self._over.items() if id_ in state.open and state.runs_of(id_).is_open(n)}
        self._starting = {id_: n for id_, n in self._starting.items() if id_ in state.open}

    def _advance(self, waiting: OpenTrigger, newer: str | None, now: int, out: Outputs) -> None:
        trigger_id = waiting.trigger.trigger_id
        if trigger_id in self._finished or trigger_id in self._over or trigger_id in self._starting:
            return
        if trigger_id in self._finished.values():
            return
        pool = self._stage.pool
        run = pool.get(trigger_id)
        if run is not None and run.result is not None:
            self._end(waiting, run, report.checked(waiting.trigger, run.result, self.state), now, out)
        if pool.get(trigger_id) is None:  # that may have let go of a run from before a rebalance
            self._give_up(waiting, newer, now, out)

    def _give_up(self, waiting: OpenTrigger, newer: str | None, now: int, out: Outputs) -> None:
        """End a trigger that nothing runs for, if it is not to be run any more."""
        trigger, runs = waiting.trigger, self.state.runs_of(waiting.trigger.trigger_id)
        limit = self._config.models[trigger.model_id].retrain_timeout
        if newer is not None:
            self._finish(waiting, report.superseded(trigger, newer, runs, self.state, now), out)
        elif now - waiting.arrived > limit:
            self._finish(waiting, report.expired(trigger, runs, limit, self.state, now), out)
        elif is_hopeless(runs, self.queue.retries(waiting)):
            self._finish(waiting, report.cut_off(trigger, runs, self.state, now), out)

    def _begin(self, waiting: OpenTrigger, now: int, out: Outputs) -> None:
        attempt = self.state.runs_of(waiting.trigger.trigger_id).attempt + 1
        self._starting[waiting.trigger.trigger_id] = attempt
        self._say(report.started(waiting.trigger, attempt, self.state, now), out)

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
        trigger, attempt, retries = waiting.trigger, run.job.attempt, self.queue.retries(waiting)
        runs = self.state.runs_of(trigger.trigger_id)
        if result.status in ("deployed", "rejected"):
            self._finish(waiting, report.final(trigger, attempt, result, self.state, now), out)
        elif not runs.is_open(attempt):
            self._stage.pool.drop(trigger.trigger_id)
        elif result.status == "waiting":
            self._wait(waiting, attempt, result, now, out)
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

    def _wait(self, waiting: OpenTrigger, attempt: int, result: Result, now: int, out: Outputs) -> None:
        """Look again later, or not any more."""
        trigger, gate = waiting.trigger, self.queue.retrain(waiting).gate
        limit = gate.wait if gate is not None else 0
        until = waiting.arrived + limit
        if now >= until:
            if limit:
                reason = f"{result.reason}; waited for {format_duration(limit)} (gate.wait)"
                result = result.model_copy(update={"reason": reason})
            self._finish(waiting, report.final(trigger, attempt, result, self.state, now), out)
            return
        self._over[trigger.trigger_id] = attempt
        retry_at = next_look(now, until, limit)
        self._say(report.waiting(trigger, attempt, result, self.state, now, until=until, retry_at=retry_at), out)

    def _give_back(self, waiting: OpenTrigger, attempt: int, now: int, out: Outputs) -> None:
        self._over[waiting.trigger.trigger_id] = attempt
        self._say(report.given_back(waiting.trigger, attempt, self.state, now), out)

    def _finish(self, waiting: OpenTrigger, event: Deploy, out: Outputs) -> None:
        """Say the final event, and what has failed for good among the dead letters."""
        self._finished[waiting.trigger.trigger_id] = event.superseded_by
        self._say(event, out)
        if event.status == "failed":
            out.reject(waiting.record, BadRecord("retrain_failed", (event.reason or "")[:MAX_DETAIL]))

    def _say(self, event: Deploy, out: Outputs) -> None:
        report.send(event, self._config, out)
