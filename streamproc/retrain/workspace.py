"""Directories for jobs, beside the artifacts they become: a rename within one file system is all or nothing."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from streamproc.errors import ConfigError

HIDDEN = ".jobs"


class Workspace:
    """This worker's part of `<artifacts>/.jobs`. A killed worker's part is removed by the next one that starts.

    Each worker holds a lock on a file beside its part for as long as it lives, in whatever way it ends.
    """

    def __init__(self, artifacts: str | Path) -> None:
        """Raises ConfigError when nothing can be written there."""
        root = Path(artifacts).resolve() / HIDDEN
        try:
            root.mkdir(parents=True, exist_ok=True)
            self._lock, self._lock_file = _locked_file(root)
            self._home = self._lock_file.with_suffix("")
            self._home.mkdir()
        except OSError as exc:
            raise ConfigError(f"artifacts: cannot write below {root.parent}: {exc.strerror or exc}") from exc
        self._remove_remains(root)

    def new(self, name: str) -> Path:
        """An empty directory that nobody else has or had. Raises OSError."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self._home))

    def remove(self, directory: Path) -> None:
        """Remove it; what cannot be removed is left to the next worker."""
        shutil.rmtree(directory, ignore_errors=True)

    def close(self) -> None:
        """Remove this worker's part."""
        shutil.rmtree(self._home, ignore_errors=True)
        self._lock_file.unlink(missing_ok=True)
        os.close(self._lock)

    def _remove_remains(self, root: Path) -> None:
        for file in root.glob("worker-*.lock"):
            if file == self._lock_file:
                continue
            with contextlib.suppress(OSError):
                descriptor = os.open(file, os.O_RDWR)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(file.with_suffix(""), ignore_errors=True)
                    file.unlink(missing_ok=True)
                finally:
                    os.close(descriptor)


def _locked_file(root: Path) -> tuple[int, Path]:
    while True:
        descriptor, name = tempfile.mkstemp(prefix="worker-", suffix=".lock", dir=root)
        with contextlib.suppress(OSError):  # a file system without locks: nothing is ever removed for others
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor, Path(name)
        os.close(descriptor)  # another worker took it for a dead one's before the lock was ours
