"""What a Kafka connection carries: frames of a length and a body; enough of the bodies to know what they ask for."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class Api(IntEnum):
    """The requests that faults aim at (https://kafka.apache.org/protocol#protocol_api_keys)."""

    PRODUCE = 0
    FETCH = 1
    METADATA = 3
    OFFSET_FETCH = 9
    FIND_COORDINATOR = 10
    JOIN_GROUP = 11
    HEARTBEAT = 12
    LEAVE_GROUP = 13
    SYNC_GROUP = 14
    API_VERSIONS = 18
    INIT_PRODUCER_ID = 22
    ADD_PARTITIONS_TO_TXN = 24
    ADD_OFFSETS_TO_TXN = 25
    END_TXN = 26
    TXN_OFFSET_COMMIT = 28


_HEAD: Final = struct.Struct(">hhih")
_FLEXIBLE: Final[Mapping[int, int]] = {Api.SYNC_GROUP: 4, Api.TXN_OFFSET_COMMIT: 3}
"""From these versions on strings are compact, and there are tagged fields."""
_FLEXIBLE_END_TXN: Final = 3
"""From this version of EndTxn on a byte of tagged fields follows, in request and response."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request's header, and its whole body."""

    api: int
    version: int
    correlation: int
    client: str
    """The client.id of who sent it."""
    body: bytes

    @property
    def commits(self) -> bool:
        """Whether this is an EndTxn that commits."""
        return self.api == Api.END_TXN and bool(self.body[-2 if self.version >= _FLEXIBLE_END_TXN else -1])


def parse_request(body: bytes) -> Request:
    """Read a request, without its length. Raises struct.error when it is cut short."""
    api, version, correlation, size = _HEAD.unpack_from(body)
    client = body[_HEAD.size : _HEAD.size + max(0, size)].decode("utf-8", "replace")
    return Request(api, version, correlation, client, body)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a member of a group says it is."""

    generation: int
    member: str


def identity_of(request: Request) -> Identity:
    """What a SyncGroup or a TxnOffsetCommit says of its sender. Raises struct.error when it is cut short."""
    body, compact = request.body, request.version >= _FLEXIBLE[request.api]
    (size,) = struct.unpack_from(">h", body, _HEAD.size - 2)
    at = _HEAD.size + max(0, size) + compact  # the client's id; in flexible versions tagged fields
    if request.api == Api.TXN_OFFSET_COMMIT:
        _, at = _text(body, at, compact=compact)  # transactional id
    _, at = _text(body, at, compact=compact)  # group
    if request.api == Api.TXN_OFFSET_COMMIT:
        at += 10  # producer id and epoch
    (generation,) = struct.unpack_from(">i", body, at)
    member, _ = _text(body, at + 4, compact=compact)
    return Identity(generation, member)


def _text(body: bytes, at: int, *, compact: bool) -> tuple[str, int]:
    """A string that begins there, and where it ends. None here is so long that its size needs a second byte."""
    if compact:
        size, at = body[at] - 1, at + 1
    else:
        (size,) = struct.unpack_from(">h", body, at)
        at += 2
    return body[at : at + max(0, size)].decode("utf-8", "replace"), at + max(0, size)


def correlation_of(response: bytes) -> int:
    """Which request a response answers. Raises struct.error when it is cut short."""
    (correlation,) = struct.unpack_from(">i", response)
    return int(correlation)


def end_txn_error(request: Request, response: bytes) -> int:
    """The error code that answers an EndTxn; 0: it went through."""
    # correlation id, in flexible versions tagged fields; throttle time; error code
    (error,) = struct.unpack_from(">h", response, 9 if request.version >= _FLEXIBLE_END_TXN else 8)
    return int(error)
