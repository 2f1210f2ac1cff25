"""One owner of the producer and of the transaction that is open on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from streamproc.engine.dead_letters import dead_letter
from streamproc.engine.ports import Partition, Position, Producer
from streamproc.errors import BadRecord, ProducerLost, TransactionError
from streamproc.stage import Record


class Transaction:
    """Outputs of a stage, all or nothing with its input offsets. Begins by itself at the first need.

    `metadata` asks who we are in the group. It is asked when a transaction begins, never at its end: a member that
    was thrown out in between and came back would else commit work of its former life (this was measured).
    """

    def __init__(
        self,
        make_producer: Callable[[], Producer],
        metadata: Callable[[], object],
        stage: str,
        dead_letters: str,
    ) -> None:
        self._make_producer, self._metadata = make_producer, metadata
        self._stage, self._dead_letters = stage, dead_letters
        self._producer: Producer | None = None
        self._member: object = None
        self.is_open = False
        self.has_outputs = False
        """Whether the open transaction holds more than offsets: somebody waits for it."""
        self.sent = 0
        self.rejected: dict[str, int] = {}

    def settle(self) -> None:
        """See that there is a producer with nothing left open, by itself or by one before it.

        A new producer has the same transactional.id: its `init` settles the old transaction, one way or the other;
        only `committed` offsets tell which. Raises TransactionError; then call it again.
        """
        self.abort()
        if self._producer is None:
            producer = self._make_producer()
            try:
                producer.init()
            except TransactionError:
                producer.close()
                raise
            self._producer = producer

    def begin(self) -> None:
        """Begin unless one is open. Only after `settle`."""
        if not self.is_open:
            self._member = self._metadata()
            self._settled.begin()
            self._send = self._settled.send  # bound once: it is called for every output
            self.is_open, self.has_outputs = True, False

    @property
    def _settled(self) -> Producer:
        if self._producer is None:
            raise ProducerLost("there is no producer yet")
        return self._producer

    def send(
        self,
        topic: str,
        value: bytes,
        key: bytes | None = None,
        *,
        partition: int | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        if not self.is_open:
            self.begin()
        self.sent += 1
        self.has_outputs = True
        self._send(topic, value, key, partition, headers)

    def reject(self, record: Record, error: BadRecord) -> None:
        self.begin()
        value, key, headers = dead_letter(record, error, self._stage)
        self.has_outputs = True
        self._send(self._dead_letters, value, key, None, headers)
        self.rejected[error.code] = self.rejected.get(error.code, 0) + 1

    def commit(self, positions: Mapping[Partition, Position]) -> None:
        """Outputs and offsets together. Raises TransactionError; then `abort` or `give_up`, and restore the state."""
        self._settled.commit(positions, self._member)
        self.is_open = False

    def abort(self) -> None:
        """Undo what is open; a producer that cannot even do that is given up."""
        if self.is_open:
            self.is_open = False
            try:
                self._settled.abort()
            except TransactionError:
                self.give_up()

    def give_up(self) -> None:
        """Let go of the producer, whatever is open on it: `settle` makes a new one."""
        self.is_open = False
        if self._producer is not None:
            producer, self._producer = self._producer, None
            producer.close()


class Discard:
    """Outputs of records that are read again: they were committed the first time."""

    def send(
        self,
        topic: str,
        value: bytes,
        key: bytes | None = None,
        *,
        partition: int | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        pass

    def reject(self, record: Record, error: BadRecord) -> None:
        pass
