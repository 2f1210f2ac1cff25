"""The one loop that runs every stage: consume, process, commit, and what to do when something does not go through.

- AbortNeeded: abort, drop the state, restore, go on.
- ProducerLost: a new producer, drop the state, restore, go on.
- OutcomeUnknown: the same; the new producer settles the old transaction, the committed offsets tell how.
- MembershipLost: abort, drop the state, a new consumer, join again; again and again: another process has the slot.
- BrokerUnavailable: drop the state, wait a little, open the partitions again.
- revoked: commit within a bound, else abort; drop the state.
- lost: abort; drop the state.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from streamproc.engine.intake import Stop
from streamproc.engine.limits import DEFAULT, Bounds
from streamproc.engine.ports import Consumer, Kafka, Partition
from streamproc.engine.progress import Progress
from streamproc.engine.tasks import Tasks
from streamproc.engine.transaction import Transaction
from streamproc.errors import AbortNeeded, BrokerUnavailable, MembershipLost, SlotTaken, TransactionError
from streamproc.stage import Stage

IDLE_WAIT = 0.05
"""Seconds to wait for a first record: also how late a wake-up may come."""
OFFSETS_WAIT_MS = 100
"""How long offsets that have no outputs beside them wait for some, at most."""
RETRY_WAIT = 0.25
"""Seconds between attempts while Kafka does not answer."""
FENCED_MOST, FENCED_WITHIN_MS = 4, 60_000
"""So often in so short a time a member is fenced by a living one alone: two processes take the slot from each other."""
HAND_OVER_SECONDS = 5.0
"""The longest that a stop waits for the group to hear of it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How one stage is run."""

    pipeline: str
    slot: str
    """Names this member: stable over restarts, unique among live ones."""
    dead_letters: str
    batch: int = 5000
    commit_interval_ms: int = 100
    bounds: Bounds = DEFAULT

    def group(self, stage: str) -> str:
        """The consumer group, shared by all members of a stage."""
        return f"{self.pipeline}-{stage}"

    def member(self, stage: str) -> str:
        """This member's transactional.id and group.instance.id."""
        return f"{self.pipeline}-{stage}-{self.slot}"


class Engine:
    """Runs one stage until it is told to stop."""

    def __init__(self, stage: Stage, kafka: Kafka, settings: Settings, clock: Callable[[], int]) -> None:
        """`clock` gives epoch milliseconds. Nothing is connected before `start`."""
        self._stage, self._kafka, self._settings, self._clock = stage, kafka, settings, clock
        self._log: Any = structlog.get_logger().bind(stage=stage.name, slot=settings.slot)
        self.progress = Progress()
        self._subscribed = False
        self._assigned: set[Partition] = set()
        self._to_open = False
        self._fenced: list[int] = []
        """When this member was fenced of late."""
        self._began = self._opened = 0
        self._wait = IDLE_WAIT

    def run(self, should_stop: Callable[[], bool]) -> None:
        """Raises UserError and JournalTruncated; everything else is recovered from."""
        self.start()
        with contextlib.closing(self):
            while not should_stop():
                self.step()
            self.finish()

    def start(self) -> None:
        """Make the clients; they connect at the first step. Raises ConfigError."""
        member = self._settings.member(self._stage.name)
        self._transaction = Transaction(
            lambda: self._kafka.producer(member),
            lambda: self._consumer.group_metadata(),  # noqa: PLW0108 - it may be another consumer by then
            self._stage.name,
            self._settings.dead_letters,
        )
        self._consumer = self._member()
        self._tasks = Tasks(self._stage, self._kafka, self._consumer, self._settings.bounds)

    def _member(self) -> Consumer:
        settings, name = self._settings, self._stage.name
        return self._kafka.consumer(settings.group(name), settings.member(name))

    def step(self) -> None:
        """One round of the loop, short of waiting for Kafka. Raises as `run` does."""
        self._guarded(self._round)

    def finish(self) -> None:
        """Commit what is open, and let the other members have the partitions."""
        self._guarded(self._commit)
        self._guarded(lambda: self._consumer.resign(HAND_OVER_SECONDS))

    def close(self) -> None:
        """Abort what is open, leave the group."""
        self._transaction.abort()
        self._tasks.drop()
        self._consumer.close()
        self._transaction.give_up()

    def _guarded(self, action: Callable[[], None]) -> None:
        try:
            action()
        except TransactionError as error:
            self._undo(error)
        except MembershipLost as error:
            self._join_again(error)
        except BrokerUnavailable as error:
            self._log.warning("waiting for Kafka", detail=str(error))
            self.progress.live = False
            self._to_open, self._wait = True, RETRY_WAIT

    def _round(self) -> None:
        if not self._subscribed:
            self._subscribe()
        records = self._consumer.consume(self._settings.batch, 0.0 if self._tasks.restoring else self._wait)
        # The callbacks that ran inside of `consume` may have changed all that follows.
        if self._to_open:
            self._open()
        elif self._tasks.restoring:
            if self._tasks.restore_some(IDLE_WAIT):
                self._went_live()
        elif self._assigned:
            self._work(records)
        self.progress.paused = len(self._tasks.stops)
        self.progress.last_step_ms = self._clock()

    def _subscribe(self) -> None:
        self._subscribed = True
        try:
            # Before anything else: a killed predecessor may have left a transaction open, and readers wait for it.
            self._transaction.settle()
        finally:
            self._consumer.subscribe(self._stage.inputs, self._on_assign, self._on_revoke, self._on_lost)

    def _work(self, records: list[Any]) -> None:
        transaction, now = self._transaction, self._clock()
        if records:
            if not transaction.is_open:
                transaction.begin()
                self._began = now
            self.progress.records += self._tasks.process(records, transaction)
        self._tasks.wake(now, transaction)
        # Nothing more is waiting: commit at once what somebody may wait for. Else fill the transaction, for throughput;
        # and offsets alone can wait: what comes next is not to wait for their commit.
        drained = len(records) < self._settings.batch
        if not transaction.is_open:
            return
        interval = self._settings.commit_interval_ms
        if drained:
            interval = 0 if transaction.has_outputs else min(interval, OFFSETS_WAIT_MS)
        if self._is_older(interval):
            self._commit()

    def _is_older(self, ms: int) -> bool:
        """Whether the open transaction is so old; also when the clock was put back since it began."""
        return not 0 <= self._clock() - self._began < ms

    def _commit(self) -> None:
        if self._transaction.is_open:
            began = self._clock()
            self._tasks.snapshot(began, self._transaction)
            self._transaction.commit(self._tasks.to_commit())
            self.progress.commits += 1
            self.progress.commit_seconds.add((self._clock() - began) / 1000)
            for stop in self._tasks.committed():
                self._alert(stop)
            self.progress.sent = self._transaction.sent
            self.progress.rejected = dict(self._transaction.rejected)

    def _alert(self, stop: Stop) -> None:
        topic, number = stop.partition
        self._log.error(
            "partition paused: too much of it is unusable",
            topic=topic,
            partition=number,
            offset=stop.offset,
            limit=stop.limit,
            dead_letters=dict(stop.reasons),
            advice="Nothing is lost; the other partitions go on. Look with `streamproc dead-letters list`. Mend the "
            "producer or the field mapping (inputs), or raise the limit, and start this process anew; then "
            "`streamproc dead-letters retry` writes back what can be used now.",
        )

    def _open(self) -> None:
        """Open what is assigned, from its committed offsets; only a settled transaction makes them known."""
        self._opened = self._clock()
        self._tasks.drop()
        self._transaction.settle()
        if self._assigned:
            self._tasks.open(self._assigned)
            for (topic, number), count in self._tasks.missed.items():
                self._log.error("removed before it was read", topic=topic, partition=number, records=count)
            if not self._tasks.restoring:
                self._went_live()
        self._to_open, self._wait = False, IDLE_WAIT

    def _went_live(self) -> None:
        self.progress.restored = self._stage.gauges()
        self.progress.live = True
        self.progress.restores += 1
        self.progress.restored_records += self._tasks.restored_records
        self.progress.restore_seconds = (self._clock() - self._opened) / 1000
        self._log.info(
            "live",
            partitions=sorted({n for _, n in self._assigned}),
            restored_records=self._tasks.restored_records,
            seconds=self.progress.restore_seconds,
        )

    def _undo(self, error: TransactionError) -> None:
        """Nothing of the open transaction may take effect, nor what it did to the state. Never raises."""
        self._log.warning("transaction did not go through: restoring", error=type(error).__name__, detail=str(error))
        self.progress.recoveries += 1
        self.progress.live = False
        self._tasks.drop()
        if isinstance(error, AbortNeeded):
            self._transaction.abort()
        else:
            self._transaction.give_up()
        self._consumer.pause(self._assigned)
        # Again while it was to be opened: Kafka does not answer.
        self._to_open, self._wait = True, RETRY_WAIT if self._to_open else IDLE_WAIT

    def _join_again(self, error: MembershipLost) -> None:
        """Fenced: librdkafka's consumer says nothing more after that. A new one joins. Raises SlotTaken.

        It need not be another process: a request to join that was cut off on its way may still arrive, and its member
        takes our place, with nobody behind it. Kafka tells nobody which of the two it was. But a process that is there
        comes back as we do.
        """
        now = self._clock()
        self._fenced = [then for then in self._fenced if 0 <= now - then < FENCED_WITHIN_MS] + [now]
        if len(self._fenced) >= FENCED_MOST:
            raise SlotTaken(
                f"another live process runs slot {self._settings.slot} of the {self._stage.name} stage: the two have "
                "taken it from each other again and again.\n  Stop one of them, or give each its own --slot."
            )
        self._log.warning("out of the group: joining it again", detail=str(error))
        self.progress.recoveries += 1
        self._transaction.abort()
        self._let_go()
        self._consumer.close()
        self._consumer = self._tasks.consumer = self._member()
        self._subscribed = False

    # Callbacks run inside of `consume` and must not raise.

    def _on_assign(self, partitions: list[Partition]) -> None:
        self._assigned = set(partitions)
        self._to_open = True

    def _on_revoke(self, partitions: list[Partition]) -> None:
        self._guarded(self._commit)
        self._let_go()

    def _on_lost(self, partitions: list[Partition]) -> None:
        self._transaction.abort()
        self._let_go()

    def _let_go(self) -> None:
        """Without partitions there is still a transaction to settle: others wait for it."""
        self._tasks.drop()
        self._assigned = set()
        self._to_open = True
        self.progress.live = False
