"""What the engine needs of Kafka. `streamproc.kafka` implements it; so can a model of Kafka in a test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from streamproc.stage import Record

Partition = tuple[str, int]
"""(topic, partition)"""
Headers = Sequence[tuple[str, bytes]]


class Position(NamedTuple):
    """A committed place in a partition."""

    offset: int
    """The next record to process."""
    bookmark: int | None = None
    """Where to read again from when the state is rebuilt: a record timestamp in epoch ms; None: from the start."""


class Consumer(Protocol):
    """A member of the stage's consumer group, reading committed records only."""

    def subscribe(
        self,
        topics: Sequence[str],
        on_assign: Callable[[list[Partition]], None],
        on_revoke: Callable[[list[Partition]], None],
        on_lost: Callable[[list[Partition]], None],
    ) -> None:
        """Join the group. Assigned partitions come paused. Callbacks run inside of `consume`; they never raise."""
        ...

    def consume(self, limit: int, timeout: float) -> list[Record]:
        """Up to `limit` records; waits at most `timeout` seconds for the first. Raises MembershipLost."""
        ...

    def group_metadata(self) -> object:
        """Who this member is now: taken when a transaction begins, it fences the transaction."""
        ...

    def committed(self, partitions: Iterable[Partition]) -> dict[Partition, Position]:
        """The group's settled offsets; partitions without one are left out."""
        ...

    def bounds(self, partition: Partition) -> tuple[int, int]:
        """(first offset still held, next offset to be written): with what is in open transactions."""
        ...

    def position(self, partition: Partition) -> int:
        """The next offset that would be delivered, past holes that control records leave; -1: not known."""
        ...

    def pause(self, partitions: Iterable[Partition]) -> None: ...

    def resume_at(self, positions: Mapping[Partition, int]) -> None:
        """Deliver from these offsets on."""
        ...

    def resign(self, seconds: float) -> None:
        """Before `close`, of a member that will not be back soon: let the others have its partitions at once.

        Waits at most so long. The revocation is called back meanwhile. Does nothing when there are no others.
        """
        ...

    def close(self) -> None:
        """Stop. A static member does not leave: its partitions wait for it, or for the session timeout."""
        ...


class Producer(Protocol):
    """A transactional producer. Raises AbortNeeded, ProducerLost, OutcomeUnknown."""

    def init(self) -> None:
        """Settle what a predecessor with the same transactional.id left open."""
        ...

    def begin(self) -> None: ...

    def send(
        self, topic: str, value: bytes | None, key: bytes | None, partition: int | None, headers: Headers
    ) -> None: ...

    def commit(self, positions: Mapping[Partition, Position], metadata: object) -> None:
        """Add the offsets and commit, within a time limit."""
        ...

    def abort(self) -> None: ...

    def close(self) -> None:
        """Give up what is open, without waiting."""
        ...


class History(Protocol):
    """Reads spans of the log again, outside of the group."""

    def read(self, limit: int, timeout: float) -> list[Record]:
        """The next records of the spans; in order within a partition."""
        ...

    @property
    def done(self) -> bool:
        """Whether every span has been read to its end, holes included."""
        ...

    def close(self) -> None: ...


class Kafka(Protocol):
    """Makes the ends."""

    def consumer(self, group: str, instance: str) -> Consumer: ...

    def producer(self, transactional_id: str) -> Producer: ...

    def history(self, spans: Mapping[Partition, tuple[int, int]]) -> History:
        """Spans are [from, to) in offsets."""
        ...

    def offset_at(self, partition: Partition, timestamp: int) -> int | None:
        """The first offset with this record timestamp (epoch ms) or a later one; None: there is none."""
        ...
