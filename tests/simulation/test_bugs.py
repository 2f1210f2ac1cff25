"""The simulation is tested: bugs that were once made, or nearly, are put in, and must be seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import pytest

from streamproc.engine import loop
from streamproc.engine.dead_letters import dead_letter
from streamproc.engine.loop import Engine
from streamproc.engine.ports import Partition, Position
from streamproc.engine.tasks import Tasks
from streamproc.engine.transaction import Transaction
from streamproc.errors import AbortNeeded, BadRecord, StreamprocError, TransactionError
from streamproc.join import joiner
from streamproc.join.stage import JoinTask
from streamproc.join.store.entries import Early
from streamproc.join.store.protocol import Kept
from streamproc.join.watermark import Watermark
from streamproc.monitor import cache
from streamproc.monitor.snapshot import Mark, encode
from streamproc.monitor.stage import MonitorTask
from streamproc.retrain import queue as retrain_queue
from streamproc.retrain import task as retrain_task
from streamproc.retrain.fold import OpenTrigger, RetrainState
from streamproc.retrain.queue import Queue
from streamproc.retrain.report import job_of
from streamproc.retrain.retries import Runs
from streamproc.retrain.task import RetrainTask
from streamproc.stage import Outputs, Past, Record
from tests.simulation.clients import SimProducer
from tests.simulation.consumer import SimConsumer
from tests.simulation.faults import Fault, NoFaults, PlannedFaults
from tests.simulation.run import Broken, Finished, simulate, simulate_plan, simulate_worker

Lives = Iterable[Callable[[], Finished]]


def random_lives() -> Lives:
    """As many as a bug may need at most."""
    return (partial(simulate, seed) for seed in range(150))


def frozen_lives() -> Lives:
    """In each, somebody is frozen in an early commit: the first ones hold nothing but a tick."""
    plans = ((seed, visit) for seed in range(20) for visit in (1, 2, 3, 4))
    return (partial(simulate_plan, seed, PlannedFaults(("commit", visit, Fault.FREEZE))) for seed, visit in plans)


def calm_lives() -> Lives:
    """Only that two members join at about the same time, and partitions go from one to the other: one in 250 does."""
    return (partial(simulate_plan, seed, NoFaults()) for seed in range(300, 1500))


def worker_lives() -> Lives:
    """Of the retrain worker."""
    return (partial(simulate_worker, seed) for seed in range(300))


def first_seen(words: str, lives: Lives) -> str | None:
    """The first breach with these words that any of the lives shows."""
    for number, life in enumerate(lives):
        try:
            found = life().breaches
        except Broken as broken:
            found = [str(broken)]
        for breach in found:
            if words in breach:
                return f"life {number}: {breach}"
    return None


class LateMetadata(Transaction):
    """Asks who it is at the end of the transaction, as the textbook does."""

    def commit(self, positions: Mapping[Partition, Position]) -> None:
        self._member = self._metadata()
        super().commit(positions)


class EagerDeadLetters(Transaction):
    """Writes dead letters at once, outside of the transaction."""

    def reject(self, record: Record, error: BadRecord) -> None:
        self.begin()
        value, key, headers = dead_letter(record, error, self._stage)
        producer = self._producer
        assert isinstance(producer, SimProducer)
        world = producer._world
        log = world.logs[self._dead_letters, world.partition_for(self._dead_letters, key)]
        log.append(value, key, world.now, headers)


class SameProducer(Transaction):
    """Goes on with the same producer when it does not know what became of a commit."""

    def give_up(self) -> None:
        self.is_open = False


class HastyTasks(Tasks):
    """Feeds live records while older ones are still being read again."""

    @property
    def restoring(self) -> bool:
        return False

    def open(self, partitions: Iterable[Partition]) -> None:
        super().open(partitions)
        self.consumer.resume_at(self.positions)

    def process(self, records: Any, out: Outputs) -> int:
        count = super().process(records, out)
        positions = dict(self.positions)
        if self._history is not None and super().restore_some(0.0):
            self.consumer.resume_at(positions)
        return count


class ForgetfulTasks(Tasks):
    """Begins where the offsets are, and reads nothing again."""

    def _by_bookmark(self, partition: Partition, position: Position, first: int) -> int:
        return position.offset


class ImpatientTasks(Tasks):
    """Writes ticks before it has seen its predecessor's."""

    def wake(self, now: int, out: Outputs) -> None:
        for task in list(self.tasks.values()):
            task.wake(now, out)


class SparingTasks(Tasks):
    """Commits an offset only where it has moved since the partition was opened."""

    def open(self, partitions: Iterable[Partition]) -> None:
        super().open(partitions)
        self._opened = dict(self.positions)

    def to_commit(self) -> dict[Partition, Position]:
        return {p: position for p, position in super().to_commit().items() if position.offset != self._opened[p]}


class RashWatermark(Watermark):
    """Leaves out a side that it has heard nothing of."""

    def advance(self, side: str, event_time: int) -> None:
        super().advance(side, event_time)
        self.time = max(self.time, min((time for time in self._event_time.values() if time), default=0))


def newest_of_any_kind(entry: Early, time: int, label: Any) -> Early:
    """Keeps one early label, though it may not be of the model."""
    return Early(time, ((time, label),)) if time >= entry.time else entry


def keep_the_state(engine: Engine, error: TransactionError) -> None:
    """Aborts, and goes on from the committed offsets with what the aborted records left in memory."""
    if isinstance(error, AbortNeeded):
        engine._transaction.abort()
    else:
        engine._transaction.give_up()
    try:
        engine._transaction.settle()
        committed = engine._consumer.committed(engine._assigned)
    except StreamprocError:
        engine._to_open = True
        return
    engine._tasks.positions.update({p: position.offset for p, position in committed.items()})
    engine._consumer.resume_at(engine._tasks.positions)


def ignore(*_: Any) -> None:
    """Does nothing."""


def only_forget(engine: Engine, _: list[Partition]) -> None:
    """Drops the state of lost partitions, and not what is open on them."""
    engine._tasks.drop()


def _later(mark: Mark) -> Mark:
    return mark._replace(upto=mark.upto + 1)


def swap(monkeypatch: pytest.MonkeyPatch, name: str, wrong: type) -> None:
    monkeypatch.setattr(loop, name, wrong)


def textbook(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole of the textbook: metadata at the end, and a transaction that outlives the loss of its partitions."""
    swap(monkeypatch, "Transaction", LateMetadata)
    monkeypatch.setattr(LateMetadata, "abort", ignore)
    monkeypatch.setattr(Engine, "_on_lost", only_forget)


def settle_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The join writes to its disk what it has processed, and the offsets when they are committed."""
    process = JoinTask.process

    def process_and_settle(task: JoinTask, topic: str, records: Sequence[Record], out: Outputs) -> None:
        process(task, topic, records, out)
        if task._settled:
            task.joiner.store.settle(Kept(task._settled, task.joiner.watermark.place))

    monkeypatch.setattr(JoinTask, "process", process_and_settle)


def believe_the_disk(task: JoinTask, past: Mapping[str, Past]) -> Mapping[str, int]:
    """Goes on from whatever the disk has kept, as if it had come up to what is committed."""
    kept = task.joiner.store.kept()
    if kept is None:
        task.joiner.store.begin_anew("")
        return {topic: span.start for topic, span in past.items()}
    task.joiner.store.go_on()
    task.joiner.go_on(kept.watermark)
    return {topic: span.committed for topic, span in past.items()}


def start_at_once(task: RetrainTask, waiting: OpenTrigger, now: int, out: Outputs) -> None:
    """Starts a job as soon as `started` has been said, committed or not."""
    attempt = task._starting.pop(waiting.trigger.trigger_id)
    task._stage.pool.start(job_of(waiting.trigger, attempt, task._config, task.state))


def forget_finals(monkeypatch: pytest.MonkeyPatch) -> None:
    """A final event ends a trigger that is open, and is forgotten: one that is read after it is run again."""
    deploy = RetrainState.deploy

    def and_forget(state: RetrainState, event: Mapping[str, Any]) -> None:
        deploy(state, event)
        state.finished.clear()

    monkeypatch.setattr(RetrainState, "deploy", and_forget)


def always(answer: Any) -> Callable[..., Any]:
    """Answers the same to everything."""
    return lambda *_: answer


BUGS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], str]] = {
    "metadata at the commit": (lambda m: swap(m, "Transaction", LateMetadata), "not of the transaction's beginning"),
    "on_lost ignored": (lambda m: m.setattr(Engine, "_on_lost", ignore), "their transaction is still open"),
    "dead letters outside": (lambda m: swap(m, "Transaction", EagerDeadLetters), "times among the dead letters"),
    "state kept after an abort": (lambda m: m.setattr(Engine, "_undo", keep_the_state), "is lost"),
    "live while restoring": (lambda m: swap(m, "Tasks", HastyTasks), "is lost"),
    "restore without a bookmark": (lambda m: swap(m, "Tasks", ForgetfulTasks), "is lost"),
    "same producer after an unknown outcome": (lambda m: swap(m, "Transaction", SameProducer), ""),
    "ticks before the end was read": (lambda m: swap(m, "Tasks", ImpatientTasks), "do not grow"),
    "no offsets where nothing moved": (lambda m: swap(m, "Tasks", SparingTasks), "do not grow"),
    "bounds without open transactions": (
        lambda m: m.setattr(SimConsumer, "bounds", lambda c, p: (c._log(p).start, c._log(p).stable_end)),
        "do not grow",
    ),
    "bookmark of the horizon alone": (
        lambda m: m.setattr(JoinTask, "bookmark", lambda t, _: max(0, t.joiner.horizon)),
        "",
    ),
    "an unusable label hides a usable one": (lambda m: m.setattr(joiner, "_with_another", newest_of_any_kind), ""),
    "what was not read yet counts as silent": (lambda m: m.setattr(joiner, "Watermark", RashWatermark), "is lost"),
    "what a snapshot holds is taken again": (
        lambda m: m.setattr(MonitorTask, "_not_taken", lambda _, records: iter(records)),
        "follow from the journal",
    ),
    "snapshots are believed to be newer than they are": (
        lambda m: m.setattr(cache, "encode", lambda monitor, mark, origin: encode(monitor, _later(mark), origin)),
        "follow from the journal",
    ),
    "state written before the commit": (settle_at_once, "is lost"),
    "a disk is believed to be newer than it is": (lambda m: m.setattr(JoinTask, "resume", believe_the_disk), "is lost"),
    "a job is started before that is in the log": (
        lambda m: m.setattr(RetrainTask, "_start", start_at_once),
        "before it was announced",
    ),
    "finals are written without looking at the end of the log": (
        lambda m: swap(m, "Tasks", ImpatientTasks),
        "more than one final event",
    ),
    "a finished retrain is run again": (forget_finals, "was run after the final event"),
    "nothing waits after a failure": (
        lambda m: m.setattr(retrain_queue, "not_before", always(0)),
        "an attempt has not waited",
    ),
    "a job may take its worker along for ever": (
        lambda m: m.setattr(retrain_task, "is_hopeless", always(answer=False)),
        "too many attempts",
    ),
    "one that has run is superseded": (
        lambda m: m.setattr(Runs, "is_queued", property(always(answer=True))),
        "it was superseded after a run",
    ),
    "who is superseded is forgotten": (
        lambda m: m.setattr(RetrainState, "_superseded", ignore),
        "does not say that it supersedes",
    ),
    "the retrain budget is not looked at": (
        lambda m: m.setattr(Queue, "_is_spent", always(answer=False)),
        "against the budget",
    ),
    "textbook": (textbook, "times in the journal"),
}


LIVES = {
    "no offsets where nothing moved": frozen_lives,
    "bounds without open transactions": calm_lives,
    "a job is started before that is in the log": worker_lives,
    "finals are written without looking at the end of the log": worker_lives,
    "a finished retrain is run again": worker_lives,
    "nothing waits after a failure": worker_lives,
    "a job may take its worker along for ever": worker_lives,
    "one that has run is superseded": worker_lives,
    "who is superseded is forgotten": worker_lives,
    "the retrain budget is not looked at": worker_lives,
}


@pytest.mark.parametrize("bug", BUGS)
def test_the_bug_is_seen(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop or a join with this bug does not get through."""
    put_in, words = BUGS[bug]
    put_in(monkeypatch)
    assert first_seen(words, LIVES.get(bug, random_lives)()), f"{bug}: no life shows it"
