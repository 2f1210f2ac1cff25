"""Which directory a partition's state is in, and which directories nobody needs any more."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import structlog

from streamproc.disk.errors import cannot_write
from streamproc.disk.memory import SharedMemory
from streamproc.disk.rocks import GONE, RocksDisk, remove
from streamproc.errors import UserError

LOCK = "lock"


class StateDirectory:
    """Gives each partition a directory: `<root>/<pipeline>/<slot>-<hash>/<partition>`, until `close`.

    The hash is of `identity`: what belongs to other clusters or topics of these names is never taken for ours.
    A partition that goes to another process leaves its directory behind, for the case that it comes back.
    """

    def __init__(self, root: Path, pipeline: str, slot: str, identity: str) -> None:
        """Raises UserError when nothing can be written there, or another process has it."""
        digest = hashlib.sha256(f"{identity}\0{pipeline}\0{slot}".encode()).hexdigest()[:16]
        self._pipeline = root / pipeline
        self._home = self._pipeline / f"{quote(slot, safe='')}-{digest}"
        self._memory = SharedMemory()
        try:
            self._home.mkdir(parents=True, exist_ok=True)
            lock = _locked(self._home)
        except OSError as exc:
            raise cannot_write(self._home, exc.strerror or str(exc)) from exc
        if lock is None:
            raise UserError(
                f"another process keeps its state in {self._home}.\n  Stop it, or give this one a `--slot` or a "
                "`state_directory` of its own."
            )
        self._lock = lock

    def __call__(self, partition: int) -> RocksDisk:
        """The disk of a partition."""
        return RocksDisk(self._home / str(partition), self._memory)

    def close(self) -> None:
        """Others may have it."""
        os.close(self._lock)

    def tidy(self, unused_ms: int) -> None:
        """Remove what was last used so much earlier than the newest of all: its pipeline went on without it.

        After a pause of the whole pipeline, however long, everything is as old as everything else, and stays. Only
        before any disk is opened. Raises UserError.
        """
        homes = [home for home in self._pipeline.iterdir() if home.is_dir()]
        used = {home: {path: _last_use(path) for path in _stores(home)} for home in homes}
        newest = max((time for stores in used.values() for time in stores.values()), default=0.0)
        for home, stores in used.items():
            lock = None if home == self._home else _locked(home)
            if lock is None and home != self._home:
                continue  # its process will see to it
            for path, time in stores.items():
                if path.name.endswith(GONE):
                    remove(path)
                elif (newest - time) * 1000 > unused_ms:
                    structlog.get_logger().info("removing the state of a partition that went elsewhere", path=str(path))
                    remove(path)
            if lock is not None:
                os.close(lock)


def _stores(home: Path) -> Iterator[Path]:
    return (path for path in home.iterdir() if path.is_dir())


def _last_use(store: Path) -> float:
    """Seconds since the epoch: when any of its files was written."""
    return max((file.stat().st_mtime for file in store.iterdir()), default=store.stat().st_mtime)


def _locked(home: Path) -> int | None:
    """A descriptor that holds the lock as long as it is open, however the process ends; None: somebody has it."""
    descriptor = os.open(home / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:  # a file system without locks: RocksDB has one of its own
        return descriptor
    return descriptor
