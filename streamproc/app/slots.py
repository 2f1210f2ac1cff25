"""A slot names a process among those that run the same stage: stable over restarts, unique among live ones."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from streamproc.errors import ConfigError, SlotTaken

if os.name == "posix":
    import fcntl

MAX_SLOTS = 256
POD = "pod"
"""Asks for the number at the end of the host's name: the ordinal of a StatefulSet's pod."""


@contextlib.contextmanager
def slot(pipeline: str, stage: str, wanted: str | None, cluster: str) -> Iterator[str]:
    """Hold a slot while the context lasts.

    Without `wanted`, the first one that is free on this host: a process that comes back after a crash gets its old
    one again, and with it the old transactional.id. On several hosts name the slots (`wanted`), or let it be the
    pod's ordinal (`pod`). Raises SlotTaken when another process on this host holds `wanted`, ConfigError when `pod`
    is wanted and this is none.
    """
    if wanted == POD:
        wanted = pod_ordinal(socket.gethostname())
    directory = Path(tempfile.gettempdir()) / f"streamproc-{os.getuid() if os.name == 'posix' else 0}"
    directory.mkdir(mode=0o700, exist_ok=True)
    candidates = [wanted] if wanted is not None else [str(n) for n in range(MAX_SLOTS)]
    for name in candidates:
        digest = hashlib.sha256(f"{cluster}\0{pipeline}\0{stage}\0{name}".encode()).hexdigest()[:32]
        lock = _lock(directory / f"{digest}.lock")
        if lock is not None:
            try:
                yield name
            finally:
                os.close(lock)  # the lock goes with the descriptor, also when the process is killed
            return
    raise SlotTaken(
        f"another process on this host runs slot {wanted!r} of the {stage} stage of {pipeline}.\n"
        "  Stop it, or leave --slot out: a free one is taken then."
    )


def pod_ordinal(host: str) -> str:
    """`streamproc-join-3` -> `3`. Raises ConfigError for a host without a number at the end of its name."""
    found = re.fullmatch(r"(?:[^.]*-)?(\d+)(?:\..*)?", host)
    if found is None:
        raise ConfigError(
            f"--slot pod takes the number at the end of the host's name, and {host!r} has none.\n  Use it in a "
            "Kubernetes StatefulSet; elsewhere give each process a name of its own: --slot a, --slot b, ..."
        )
    return found[1]


def _lock(path: Path) -> int | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if os.name != "posix":
        return descriptor
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
