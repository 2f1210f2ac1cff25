"""One partition of a topic as a broker keeps it: records, control records between them, and what readers may see."""

from __future__ import annotations

from collections.abc import Sequence

from streamproc.replay.memory import MemoryRecord

Header = tuple[str, bytes]
OUTSIDE = 0
"""The number of no transaction."""


class Log:
    """Offsets are places in `records`; a control record (None) leaves a hole in what readers get."""

    def __init__(self, topic: str, number: int) -> None:
        self.topic, self.number = topic, number
        self.start = 0
        self.records: list[MemoryRecord | None] = []
        self._transactions: list[int] = []
        self._open: dict[int, int] = {}
        self._aborted: set[int] = set()

    @property
    def end(self) -> int:
        """The next offset to be written."""
        return len(self.records)

    @property
    def stable_end(self) -> int:
        """The last stable offset: read_committed readers get no further than the first open transaction."""
        return min(self._open.values()) if self._open else len(self.records)

    def append(
        self,
        value: bytes | None,
        key: bytes | None,
        time: int,
        headers: Sequence[Header] = (),
        transaction: int = OUTSIDE,
    ) -> None:
        """Write a record with a timestamp (epoch ms)."""
        if transaction != OUTSIDE:
            self._open.setdefault(transaction, len(self.records))
        self.records.append(MemoryRecord(self.topic, self.number, len(self.records), value, key, time, tuple(headers)))
        self._transactions.append(transaction)

    def mark(self, transaction: int, *, commit: bool) -> None:
        """End a transaction in this partition by a control record."""
        if self._open.pop(transaction, None) is not None:
            self.records.append(None)
            self._transactions.append(OUTSIDE)
            if not commit:
                self._aborted.add(transaction)

    @property
    def has_open(self) -> bool:
        """Whether a transaction is open here."""
        return bool(self._open)

    def read(self, offset: int, limit: int, end: int | None = None) -> tuple[list[MemoryRecord], int]:
        """Up to `limit` committed records from an offset on, before `end`; and the next offset, past holes."""
        stop = self.stable_end if end is None else min(end, self.stable_end)
        place = max(offset, self.start)
        found: list[MemoryRecord] = []
        while place < stop and len(found) < limit:
            record = self.records[place]
            if record is not None and self._transactions[place] not in self._aborted:
                found.append(record)
            place += 1
        while place < stop and not self._shows(place):
            place += 1
        return found, place

    def _shows(self, place: int) -> bool:
        return self.records[place] is not None and self._transactions[place] not in self._aborted

    def committed(self) -> list[MemoryRecord]:
        """Everything that a read_committed reader has ever been able to see, truncated records too."""
        return [r for place, r in enumerate(self.records[: self.stable_end]) if r is not None and self._shows(place)]

    def value_at(self, offset: int) -> bytes | None:
        """The value of the record there."""
        record = self.records[offset]
        return None if record is None else record.value_bytes

    def waits_behind(self, offset: int) -> bool:
        """Whether a reader at this offset would get another record."""
        return bool(self.read(offset, 1)[0])

    def first_at(self, time: int) -> int | None:
        """The first offset whose record has this timestamp or a later one."""
        for record in self.records[self.start : self.stable_end]:
            if record is not None and record.time >= time:
                return record.place
        return None

    def compact(self) -> None:
        """Forget records whose key was written again, as far as readers may see: their places become holes."""
        newest: dict[bytes | None, int] = {}
        for place, record in enumerate(self.records[: self.stable_end]):
            if record is not None and self._shows(place):
                older = newest.get(record.key_bytes)
                if older is not None:
                    self.records[older] = None
                newest[record.key_bytes] = place

    def truncate(self, offset: int) -> None:
        """Retention: forget what is before an offset."""
        self.start = max(self.start, min(offset, self.stable_end))
