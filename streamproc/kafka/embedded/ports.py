"""Choose free ports for servers that will want the same ports again."""

from __future__ import annotations

import contextlib
import random
import socket
from typing import Final

# Below the range that Linux (32768) and macOS (49152) give to outgoing connections. From inside it, a client that keeps
# trying to reach a stopped broker can be given the broker's own port, connect to itself, and keep the broker out.
_FIRST: Final = 20_000
_LAST: Final = 32_000
_TRIES: Final = 200


def free_ports(host: str, count: int) -> list[int]:
    """Return different ports that nobody listens on now. Somebody may take one before you do: be ready to choose again.

    Raises OSError when there are none.
    """
    found: list[int] = []
    with contextlib.ExitStack() as held:
        for port in random.SystemRandom().sample(range(_FIRST, _LAST), _TRIES):
            probe = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                probe.bind((host, port))
                found.append(port)
            if len(found) == count:
                return found
    raise OSError(f"no {count} free ports on {host} between {_FIRST} and {_LAST}")
