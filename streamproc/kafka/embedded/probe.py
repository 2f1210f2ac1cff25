"""Ask a broker, in Kafka's own protocol, which brokers are in service. No client library, no log text."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

# Metadata v4 (https://kafka.apache.org/protocol#The_Messages_Metadata), the last shape before flexible versions that
# every broker since 1.0 speaks: no topics wanted, none to be created. An array of length 0 asks for no topic at all.
_BODY: Final = struct.pack(">hhihib", 3, 4, 1, -1, 0, 0)
_REQUEST: Final = struct.pack(">i", len(_BODY)) + _BODY
# correlation id, throttle time, number of brokers
_HEAD: Final = struct.Struct(">iii")

_ANSWER_SECONDS: Final = 2.0
_PAUSE_SECONDS: Final = 0.02


@dataclass(frozen=True)
class Metadata:
    """What a broker says of its cluster: its id, and the node ids that are registered and unfenced."""

    cluster_id: str = ""
    in_service: frozenset[int] = frozenset()


def ask(host: str, port: int, timeout: float) -> Metadata:
    """Ask the broker at `host:port`. The answer is empty when there is none within `timeout` seconds."""
    try:
        with socket.create_connection((host, port), timeout) as connection:
            connection.settimeout(timeout)
            connection.sendall(_REQUEST)
            (size,) = struct.unpack(">i", _read(connection, 4))
            return parse(_read(connection, size))
    except (OSError, struct.error, EOFError):
        return Metadata()


def wait_in_service(
    address: tuple[str, int], cluster_id: str, node_id: int, alive: Callable[[], bool], timeout: float
) -> bool:
    """Wait until the broker at `address` is of the cluster and lists `node_id` as in service.

    Returns False when `alive()` no longer holds, or after `timeout` seconds. The cluster's id tells our broker from
    another one that has the port already.
    """
    deadline = time.monotonic() + timeout
    while alive() and (left := deadline - time.monotonic()) > 0:
        answer = ask(*address, timeout=min(left, _ANSWER_SECONDS))
        if answer.cluster_id == cluster_id and node_id in answer.in_service:
            return True
        time.sleep(_PAUSE_SECONDS)
    return False


def parse(response: bytes) -> Metadata:
    """Read a Metadata v4 response, without its length. Raises struct.error when it is cut short."""
    _, _, count = _HEAD.unpack_from(response)
    at, found = _HEAD.size, set()
    for _ in range(count):
        (node_id,) = struct.unpack_from(">i", response, at)
        _, at = _string(response, at + 4)  # host
        _, at = _string(response, at + 4)  # port, rack
        found.add(node_id)
    cluster_id, _ = _string(response, at)
    return Metadata(cluster_id, frozenset(found))


def _string(data: bytes, at: int) -> tuple[str, int]:
    """Read a nullable string: its size in two bytes, -1 for none. Returns it and the place after it."""
    (size,) = struct.unpack_from(">h", data, at)
    end = at + 2 + max(size, 0)
    if end > len(data):
        raise struct.error("string is cut short")
    return data[at + 2 : end].decode(), end


def _read(connection: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        chunk = connection.recv(size - len(data))
        if not chunk:
            raise EOFError
        data += chunk
    return bytes(data)
