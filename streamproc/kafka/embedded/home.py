"""The cache directory: jars, a formatted directory's bootstrap file, ahead-of-time caches. Filled once, then read only.

    <cache>/streamproc/kafka/<version>-<hash of the pins>/
        jars/                   all of them, or the directory is not there
        bootstrap.checkpoint    what `kafka-storage format` writes, the same for every cluster of this version
        <java>.aot              JDK 25+: classes loaded and profiled ahead of time

Whatever is written is written elsewhere and renamed, under a file lock: two processes on a cold cache do the work once.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from streamproc.errors import UserError
from streamproc.kafka.embedded.config import Node, Seat, new_id, server_properties
from streamproc.kafka.embedded.jars import KAFKA_VERSION, PINS, download, pinned_jars, present

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streamproc.kafka.embedded.java import Java

_FORMAT_TIMEOUT_SECONDS: Final = 60


@dataclass(frozen=True)
class Home:
    """A filled cache directory."""

    directory: Path

    @property
    def class_path(self) -> str:
        """What Java's `-cp` wants."""
        return os.pathsep.join(str(self.directory / "jars" / jar.filename) for jar in pinned_jars())

    @property
    def bootstrap_checkpoint(self) -> Path:
        """The first records of a new cluster's metadata log."""
        return self.directory / "bootstrap.checkpoint"

    def aot_cache(self, java: Java) -> Path:
        """Return where the ahead-of-time cache for this Java is, or would be."""
        return self.directory / f"{java.version}-{os.uname().machine}.aot"


def cache_root() -> Path:
    """Return the user's cache directory for embedded Kafkas."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "streamproc" / "kafka"


def open_home(java: Java, progress: Callable[[str], None]) -> Home:
    """Return the filled cache directory; fetch what is missing, telling `progress` about it.

    Raises UserError when the directory cannot be written or the jars cannot be had, MissingExtra without jgo.
    """
    pins = hashlib.sha256(PINS.read_bytes()).hexdigest()[:12]
    home = Home(cache_root() / f"{KAFKA_VERSION}-{pins}")
    if not _complete(home):
        with locked(home.directory):
            if not _complete(home):
                _fill(home, java, progress)
    return home


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the lock beside `directory`, waiting for whoever holds it. The system frees it when a holder dies."""
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        handle = directory.with_name(directory.name + ".lock").open("a")
    except OSError as refused:
        advice = "Set XDG_CACHE_HOME to a directory that can be written."
        raise UserError(f"cannot write to {directory.parent}: {refused}. {advice}") from refused
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _complete(home: Home) -> bool:
    return home.bootstrap_checkpoint.exists() and present(pinned_jars(), home.directory / "jars")


def _fill(home: Home, java: Java, progress: Callable[[str], None]) -> None:
    jars = pinned_jars()
    size = sum(jar.size for jar in jars) // 1_000_000
    progress(f"fetching Apache Kafka {KAFKA_VERSION} ({size} MB, once) into {home.directory}")
    shutil.rmtree(home.directory, ignore_errors=True)
    prefix = f"incomplete-{home.directory.name}-"
    # Of processes that were killed while they filled: we hold their lock, so they are gone.
    for abandoned in home.directory.parent.glob(f"{prefix}*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=home.directory.parent) as scratch:
        staged = Home(Path(scratch, "home"))
        (staged.directory / "jars").mkdir(parents=True)
        download(jars, staged.directory / "jars")
        shutil.rmtree(staged.directory / "jars" / ".maven", ignore_errors=True)
        _make_bootstrap_checkpoint(staged, java, Path(scratch, "node"))
        staged.directory.rename(home.directory)


def _make_bootstrap_checkpoint(home: Home, java: Java, directory: Path) -> None:
    """Let Kafka's own tool format a directory, and keep the one file in it that says more than whose it is."""
    directory.mkdir()
    # Nothing listens while formatting: the ports are of no account.
    node = Node(directory, port=1, seat=Seat(1, new_id(), {1: 2}))
    node.properties_file.write_text(server_properties(node), encoding="utf-8")
    command = [str(java.path), *java.flags, "-cp", home.class_path, "kafka.tools.StorageTool", "format"]
    command += ["--cluster-id", node.seat.cluster_id, "--config", str(node.properties_file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_FORMAT_TIMEOUT_SECONDS, check=False)
    if done.returncode:
        raise UserError(f"Apache Kafka cannot format a directory with {java.path}:\n{done.stdout}{done.stderr}")
    shutil.copy(node.log_dir / home.bootstrap_checkpoint.name, home.bootstrap_checkpoint)
