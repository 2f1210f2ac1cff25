"""The ends of a stage in memory: records, and outputs that are kept in lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from streamproc.errors import BadRecord
from streamproc.stage import Record


class MemoryRecord(NamedTuple):
    """A record of a log in memory. A tuple: a replay makes millions of them."""

    topic_name: str
    number: int
    place: int
    value_bytes: bytes | None
    key_bytes: bytes | None
    time: int
    header_list: tuple[tuple[str, bytes], ...] = ()

    def topic(self) -> str:
        return self.topic_name

    def partition(self) -> int:
        return self.number

    def offset(self) -> int:
        return self.place

    def key(self) -> bytes | None:
        return self.key_bytes

    def value(self) -> bytes | None:
        return self.value_bytes

    def timestamp(self) -> tuple[int, int]:
        return 1, self.time

    def headers(self) -> list[tuple[str, bytes]]:
        return list(self.header_list)


class MemoryOutputs:
    """Keeps what a stage sends, in order, and what it rejects."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes, bytes | None]] = []
        self.rejected: list[tuple[Record, BadRecord]] = []

    def send(
        self,
        topic: str,
        value: bytes,
        key: bytes | None = None,
        *,
        partition: int | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        self.sent.append((topic, value, key))

    def reject(self, record: Record, error: BadRecord) -> None:
        self.rejected.append((record, error))

    def take(self) -> list[tuple[str, bytes, bytes | None]]:
        """What has been sent since the last call."""
        sent, self.sent = self.sent, []
        return sent
