"""Transactions as their coordinator keeps them: epochs, fencing, offsets, markers that arrive one after the other.

There is no KIP-890 here, as there is none in librdkafka: a late EndTxn is judged by transactional.id and epoch alone.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from streamproc.engine.ports import Partition, Position
from tests.simulation.group import Group, Identity
from tests.simulation.log import Log

TIMEOUT_MS = 15_000
SLOW_MARKER_MS = 3_000


class Fenced(Exception):
    """The producer's epoch has passed."""


class Refused(Exception):
    """The group coordinator refuses the offsets."""


@dataclass(slots=True)
class Transaction:
    """One transaction of one producer."""

    number: int
    began: int
    decided: bool | None = None
    """True: to be committed; False: to be aborted; None: still open."""
    logs: list[Log] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    markers: list[tuple[int, Log | Group]] = field(default_factory=list)
    """(epoch ms, where): ends that are decided and not yet written."""


class Coordinator:
    """All transactional ids."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._epochs: dict[str, int] = {}
        self._current: dict[str, Transaction] = {}
        self._numbers = 0

    @property
    def busy(self) -> bool:
        """Whether any transaction is open, or not wholly ended."""
        return bool(self._current)

    def init(self, name: str) -> int:
        """InitProducerId: settle what is open, fence who had the name -> the new epoch."""
        self._settle(name)
        self._epochs[name] = self._epochs.get(name, -1) + 1
        return self._epochs[name]

    def write(self, name: str, epoch: int, log: Log, now: int) -> int:
        """AddPartitionsToTxn -> the transaction's number, for the records to come."""
        transaction = self._ongoing(name, epoch, now)
        if log not in transaction.logs:
            transaction.logs.append(log)
        return transaction.number

    def offsets(
        self, name: str, epoch: int, group: Group, positions: Mapping[Partition, Position], who: Identity, *, now: int
    ) -> None:
        """AddOffsetsToTxn and TxnOffsetCommit. Raises Fenced, Refused."""
        transaction = self._ongoing(name, epoch, now)
        refusal = group.refusal(who)
        if refusal is not None:
            raise Refused(refusal)
        if group not in transaction.groups:
            transaction.groups.append(group)
        group.pending.setdefault(transaction.number, {}).update(positions)

    def end(self, name: str, epoch: int, now: int, *, commit: bool) -> None:
        """EndTxn: decided at once, seen by readers and in the offsets when the markers are written."""
        if self._epochs.get(name) != epoch:
            raise Fenced(name)
        transaction = self._current.get(name)
        if transaction is not None and transaction.decided is None:
            transaction.decided = commit
            places = _places(transaction)
            self._rng.shuffle(places)
            slow = self._rng.random() < 0.5
            transaction.markers = [(now + (self._rng.randrange(SLOW_MARKER_MS) if slow else 0), p) for p in places]
            self.advance(now)

    def advance(self, now: int) -> None:
        """Write the markers that are due; abort what has been open for too long."""
        for name, transaction in list(self._current.items()):
            if transaction.decided is None:
                if now - transaction.began > TIMEOUT_MS:
                    self._settle(name)
                    self._epochs[name] += 1
                continue
            self._write_markers(transaction, now)
            if not transaction.markers:
                del self._current[name]

    def _ongoing(self, name: str, epoch: int, now: int) -> Transaction:
        if self._epochs.get(name) != epoch:
            raise Fenced(name)
        transaction = self._current.get(name)
        if transaction is not None and transaction.decided is not None:
            self._settle(name)  # CONCURRENT_TRANSACTIONS: the client tries again until the one before has ended
            transaction = None
        if transaction is None:
            self._numbers += 1
            transaction = self._current[name] = Transaction(self._numbers, now)
        return transaction

    def _settle(self, name: str) -> None:
        transaction = self._current.pop(name, None)
        if transaction is None:
            return
        if transaction.decided is None:
            transaction.decided = False
            transaction.markers = [(0, place) for place in _places(transaction)]
        self._write_markers(transaction, None)

    def _write_markers(self, transaction: Transaction, now: int | None) -> None:
        """Those that are due; all of them without `now`."""
        left = []
        for due, place in transaction.markers:
            if now is not None and due > now:
                left.append((due, place))
            elif isinstance(place, Log):
                place.mark(transaction.number, commit=bool(transaction.decided))
            else:
                place.settle(transaction.number, commit=bool(transaction.decided))
        transaction.markers = left


def _places(transaction: Transaction) -> list[Log | Group]:
    return [*transaction.logs, *transaction.groups]
