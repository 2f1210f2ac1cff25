"""What lies around a state on the snapshots topic: what it is of, whether it can be used here, and a checksum.

    value   magic, 4 bytes; format, u16 little endian; checksum, 16 bytes; then a list in MessagePack:
            what `About` names, and a piece of the payload
    key     of a model: its id, a zero byte, the part's number in digits. Of the task: a zero byte.
            No model id holds a control character, so no two keys are equal and none of a model is the task's

The checksum (BLAKE2b) covers key and value, so that a value under another key is damaged too. The first 22 bytes mean
the same in every format to come.
"""

from __future__ import annotations

from enum import StrEnum
from hashlib import blake2b
from struct import Struct
from typing import NamedTuple

import ormsgpack

from streamproc.errors import BadState
from streamproc.stateful import BYTES, COUNT, FLAG, INTEGER, TEXT, row

FORMAT = 3
"""Of the envelope and of all that is in it: raised with every change of any state's fields or of their meaning."""

_MAGIC = b"spst"
_PREFIX = Struct("<4sH16s")
_BYTES = 16

TASK_KEY = b"\x00"


class Refusal(StrEnum):
    """Why a saved state cannot be used. Nothing is lost: it is rebuilt from the journal."""

    DAMAGED = "damaged"
    OTHER_FORMAT = "other format"
    OTHER_JOURNAL = "other journal"
    OTHER_RIVER = "other river version"
    OTHER_CONFIGURATION = "other configuration"


class Mark(NamedTuple):
    """A place in the journal, and the task's clocks there."""

    upto: int
    """Offset: everything before it is in the state, and nothing after."""
    now: int
    """The largest record timestamp so far, epoch ms."""
    ticked: int
    """The newest tick, epoch ms."""


class About(NamedTuple):
    """What a record says of itself. All parts of one state say the same, but for `part`."""

    origin: str
    """The journal and its partition."""
    river: str
    config_hash: str
    """Of the model; empty for the task."""
    mark: Mark
    parts: int
    whole: bytes
    """Digest of all parts together."""
    is_deflated: bool
    part: int


_ROW = row(TEXT, TEXT, TEXT, row(COUNT, INTEGER, INTEGER), COUNT, BYTES, FLAG, COUNT, BYTES)


def model_key(model_id: str, part: int) -> bytes:
    """The key of one part of a model's state."""
    return b"%b\x00%d" % (model_id.encode(), part)


def digest(*pieces: bytes) -> bytes:
    """16 bytes that differ for any damage."""
    whole = blake2b(digest_size=_BYTES)
    for piece in pieces:
        whole.update(piece)
    return whole.digest()


def seal(key: bytes, about: About, piece: bytes) -> bytes:
    """The value to write under this key."""
    body = ormsgpack.packb(_ROW.give((*about, piece)))
    return _PREFIX.pack(_MAGIC, FORMAT, _checksum(key, FORMAT, body)) + body


def unseal(key: bytes, value: bytes) -> tuple[About, bytes] | Refusal:
    """What `seal` was given. Neither damaged nor foreign bytes raise anything."""
    if len(value) < _PREFIX.size:
        return Refusal.DAMAGED
    magic, version, checksum = _PREFIX.unpack_from(value)
    body = value[_PREFIX.size :]
    if magic != _MAGIC or checksum != _checksum(key, version, body):
        return Refusal.DAMAGED
    if version != FORMAT:
        return Refusal.OTHER_FORMAT
    try:
        origin, river, config_hash, mark, *more, piece = _ROW.take(ormsgpack.unpackb(body), None)
    except (BadState, ValueError):
        return Refusal.DAMAGED
    return About(origin, river, config_hash, Mark(*mark), *more), piece


def _checksum(key: bytes, version: int, body: bytes) -> bytes:
    return digest(key, _MAGIC, version.to_bytes(2, "little"), body)
