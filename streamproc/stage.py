"""What a stage is: pure code that any engine can run (the Kafka engine, a replay, a test)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from streamproc.errors import BadRecord


class Record(Protocol):
    """One record of a log: the shape of `confluent_kafka.Message`, so that no record needs to be wrapped."""

    def topic(self) -> str: ...
    def partition(self) -> int: ...
    def offset(self) -> int: ...
    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def timestamp(self) -> tuple[int, int]:
        """(kind, epoch milliseconds)."""
        ...


class Outputs(Protocol):
    """Where a stage puts what it has to say. All of it is committed together with the input offsets, or not at all."""

    def send(
        self,
        topic: str,
        value: bytes,
        key: bytes | None = None,
        *,
        partition: int | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        """Write a record; without a partition, by the key."""
        ...

    def reject(self, record: Record, error: BadRecord) -> None:
        """Put an unusable record among the dead letters."""
        ...


class Past(NamedTuple):
    """What lies behind the committed offset of a folded input, in offsets."""

    first: int
    """The oldest record that the log still holds."""
    start: int
    """Where the bookmark says to begin; 0 for the whole log, also when its beginning is gone."""
    committed: int
    """Up to here, exclusive, the state must have come before anything new is processed."""


class Task(Protocol):
    """One partition's share of a stage, and its state.

    The state after `process` must follow from the records alone: it is rebuilt by processing them again,
    with the outputs thrown away. A task that keeps its state elsewhere too, as a cache, shortens that: the engine
    calls `load`, then `resume`, then `process` for what is still to be read again. `Uncached` is for those that do not.
    """

    def process(self, topic: str, records: Sequence[Record], out: Outputs) -> None:
        """Take records of one input topic, in the order of their offsets."""
        ...

    def wake(self, now: int, out: Outputs) -> None:
        """Called often, with the wall clock in epoch ms, and only when the state is complete.

        Must not change state, but may drop what has expired.
        """
        ...

    def bookmark(self, topic: str) -> int | None:
        """The oldest record timestamp (epoch ms) of a folded topic to read again when this state is rebuilt.

        None: the whole log.
        """
        ...

    def close(self) -> None:
        """The partition goes elsewhere: give back what the task holds."""
        ...

    def load(self, key: bytes, value: bytes) -> None:
        """Take a record of the stage's snapshots topic, of the task's own partition: first thing when it is opened."""
        ...

    def resume(self, past: Mapping[str, Past]) -> Mapping[str, int]:
        """Where to begin to read each of these folded inputs again, once everything has been loaded.

        Inputs without a committed offset are left out. Raises JournalTruncated when the state cannot be rebuilt.
        """
        ...

    def snapshot(self, now: int, out: Outputs) -> None:
        """Before each commit, with the wall clock in epoch ms: write some of the state to the snapshots topic.

        What is written goes into the same transaction as the records that the state has come from.
        """
        ...

    def committed(self, positions: Mapping[str, int]) -> None:
        """Everything up to these offsets of the inputs has been committed, and can no longer be undone."""
        ...


class Uncached:
    """The part of a task whose state is always read again from the log, as far back as its bookmarks say."""

    def load(self, key: bytes, value: bytes) -> None:
        """There is no snapshots topic."""

    def resume(self, past: Mapping[str, Past]) -> Mapping[str, int]:
        return {topic: span.start for topic, span in past.items()}

    def snapshot(self, now: int, out: Outputs) -> None:
        """Nothing is written."""

    def committed(self, positions: Mapping[str, int]) -> None:
        """Nothing waits for it."""


class Stage(Protocol):
    """A step of the data's way. `inputs` with equal partition numbers go to the same task."""

    @property
    def name(self) -> str: ...

    @property
    def inputs(self) -> Sequence[str]:
        """Kafka names of the topics it reads."""
        ...

    @property
    def folded(self) -> Collection[str]:
        """The inputs whose records make up the state, and are read again to rebuild it."""
        ...

    @property
    def snapshots(self) -> str | None:
        """The topic that tasks write snapshots to, in their own partition number; None: they write none."""
        ...

    def task(self, partition: int) -> Task:
        """A task with empty state."""
        ...

    def gauges(self) -> Mapping[str, float]:
        """Sizes worth watching, summed over the tasks: metric name -> value."""
        ...
