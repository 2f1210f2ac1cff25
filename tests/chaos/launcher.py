"""streamproc's own command line with a bug put in, and with a stop at an exact place: what the suite must see.

CHAOS_BUG names the bug. CHAOS_STALL names a place; when the process comes there for the first time it writes the file
CHAOS_STALLED and stops itself by SIGSTOP. When it goes on it waits until Kafka's word about it has come.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from streamproc.cli import main
from streamproc.engine import loop
from streamproc.engine.dead_letters import dead_letter
from streamproc.engine.loop import Engine
from streamproc.engine.ports import Partition, Position, Producer
from streamproc.engine.tasks import Tasks
from streamproc.engine.transaction import Transaction
from streamproc.errors import BadRecord
from streamproc.join import stage
from streamproc.join.store.protocol import Kept
from streamproc.kafka.plain import Sender
from streamproc.stage import Outputs, Past, Record

AFTER_SECONDS: Final = 5.0
"""Many heartbeats: from then on the client knows that it has been thrown out."""
NAPS: Final = 100
SENDS: Final = 50
"""A stop in mid-transaction comes at this record."""


class LateMetadata(Transaction):
    """Asks who it is at the end of the transaction, as the textbook does."""

    def commit(self, positions: Mapping[Partition, Position]) -> None:
        self._member = self._metadata()
        super().commit(positions)


class Textbook(LateMetadata):
    """And its transaction outlives the loss of its partitions."""

    def abort(self) -> None:
        """Does nothing."""


class EagerDeadLetters(Transaction):
    """Writes dead letters at once, outside of the transaction."""

    def reject(self, record: Record, error: BadRecord) -> None:
        self.begin()
        value, key, headers = dead_letter(record, error, self._stage)
        _outside(self._dead_letters, value, key, headers)
        self.rejected[error.code] = self.rejected.get(error.code, 0) + 1


def _outside(topic: str, value: bytes | None, key: bytes | None, headers: Sequence[tuple[str, bytes]]) -> None:
    with Sender(_properties) as sender:
        sender._producer.produce(topic, value, key, headers=list(headers))


_properties: dict[str, Any] = {}


def _ignore_lost() -> None:
    """Partitions are lost, and it goes on as if not."""
    setattr(Engine, "_on_lost", lambda _engine, _partitions: None)  # noqa: B010 - a patch


def _only_forget() -> None:
    """Drops the state of lost partitions, and not what is open on them."""
    setattr(Engine, "_on_lost", lambda engine, _: engine._tasks.drop())  # noqa: B010 - a patch


def _state_first() -> None:
    """Writes its state to the disk before the commit, and believes what it finds there."""
    snapshot = Tasks.snapshot

    def early(tasks: Tasks, now: int, out: Outputs) -> None:
        snapshot(tasks, now, out)
        tasks.committed()

    def believed(kept: Kept | None, past: Mapping[str, Past]) -> str | None:
        return "there is none" if kept is None else None

    setattr(Tasks, "snapshot", early)  # noqa: B010 - a patch
    setattr(stage, "unusable", believed)  # noqa: B010 - a patch


BUGS: Final[Mapping[str, tuple[type[Transaction], Callable[[], None] | None]]] = {
    "none": (Transaction, None),
    "metadata at the commit": (LateMetadata, None),
    "on_lost ignored": (Transaction, _ignore_lost),
    "textbook": (Textbook, _only_forget),
    "dead letters outside": (EagerDeadLetters, None),
    "state before the commit": (Transaction, _state_first),
}
"""Name -> the transaction to use, and what else is patched."""


class Stops(Transaction):
    """Stands still for once where CHAOS_STALL says."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._place = os.environ.get("CHAOS_STALL", "")
        self._commits = 0

    def send(self, *arguments: Any, **more: Any) -> None:
        super().send(*arguments, **more)
        if self._place == "send" and self.sent >= SENDS:
            self._release(self._settled)
            self._stand_still()

    def commit(self, positions: Mapping[Partition, Position]) -> None:
        late = self._place == "commit" and self._commits and self.sent >= SENDS
        if late or (self._place == "reject" and self.rejected):
            self._release(self._settled)
            self._flush(self._settled)
            self._stand_still()
        super().commit(positions)
        self._commits += 1

    def _release(self, producer: Producer) -> None:
        """It may hold back what it was given until its offsets are in: a transaction nobody knows of proves nothing."""
        producer._release()  # type: ignore[attr-defined] # the real one

    def _flush(self, producer: Producer) -> None:
        """What the transaction holds is at the brokers: the stop is as late as can be."""
        producer._producer.flush(AFTER_SECONDS)  # type: ignore[attr-defined] # the real one

    def _stand_still(self) -> None:
        self._place = ""
        Path(os.environ["CHAOS_STALLED"]).touch()
        os.kill(os.getpid(), signal.SIGSTOP)
        # Another thread may take the signal, and this one go on for a moment: a single sleep that began then would be
        # over by the time that the process goes on. Of many short ones at most one is.
        for _ in range(NAPS):
            time.sleep(AFTER_SECONDS / NAPS)


def put_in(bug: str) -> None:
    """Make the engine of this process wrong."""
    transaction, more = BUGS[bug]
    setattr(loop, "Transaction", type("Transaction", (Stops, transaction), {}))  # noqa: B010 - a patch, not a type
    if more is not None:
        more()


if __name__ == "__main__":
    _properties["bootstrap.servers"] = os.environ["CHAOS_SERVERS"]
    put_in(os.environ["CHAOS_BUG"])
    main()
