"""Entries and summaries as bytes on a disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from msgspec import MsgspecError, msgpack

from streamproc.errors import StateDamaged
from streamproc.join.store.entries import Early, Entry, Joined, Waiting
from streamproc.join.store.protocol import Kept

FORMAT = 2
"""Raise it when bytes change, and when the join or the decoding makes other entries of the same records."""

KINDS: tuple[type[Entry], ...] = (Waiting, Early, Joined)
"""Position = first element of a packed entry, and place in a bucket's counts."""
NUMBERS: Mapping[type, int] = {kind: number for number, kind in enumerate(KINDS)}

Counts = list[int]
"""Entries of each of KINDS."""


class Summary(NamedTuple):
    """What a disk holds besides entries."""

    rules: str
    """Of the configuration under which the entries were made."""
    kept: Kept
    buckets: dict[int, Counts]


pack_entry: Callable[[Entry], bytes] = msgpack.Encoder().encode
"""An entry as msgpack: an array of its kind's number, then its fields."""
_decode_entry: Callable[[bytes], Entry] = msgpack.Decoder(Entry).decode


def unpack_entry(value: bytes) -> Entry:
    """Raises StateDamaged."""
    try:
        return _decode_entry(value)
    except (MsgspecError, ValueError) as exc:
        raise StateDamaged(f"an entry cannot be read: {exc}") from exc


def pack_summary(summary: Summary) -> bytes:
    """A summary as msgpack: the format, then its fields."""
    buckets = [[number, *counts] for number, counts in summary.buckets.items()]
    return msgpack.encode([FORMAT, summary.rules, *summary.kept, buckets])


def unpack_summary(value: bytes) -> Summary | None:
    """None: of another format. Raises StateDamaged."""
    try:
        found: list[Any] = msgpack.decode(value)
        if found[0] != FORMAT:
            return None
        _, rules, positions, (predictions, labels, time), buckets = found
        counts = {number: [waiting, early, joined] for number, waiting, early, joined in buckets}
        return Summary(rules, Kept(positions, (predictions, labels, time)), counts)
    except (MsgspecError, ValueError, TypeError, IndexError, KeyError) as exc:
        raise StateDamaged(f"the summary cannot be read: {exc}") from exc
