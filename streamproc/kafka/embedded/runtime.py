"""Everything a broker needs from outside: Java, Kafka's jars and an ahead-of-time cache, made ready at first use."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from streamproc.kafka.embedded.config import (
    HOST,
    Node,
    Seat,
    cluster_id,
    jvm_flags,
    meta_properties,
    new_id,
    server_properties,
)
from streamproc.kafka.embedded.home import Home, locked, open_home
from streamproc.kafka.embedded.java import Java, find_java
from streamproc.kafka.embedded.ports import free_ports
from streamproc.kafka.embedded.probe import wait_in_service
from streamproc.kafka.embedded.process import SupervisedProcess

if TYPE_CHECKING:
    from collections.abc import Callable

_TRAINING_HEAP_MB: Final = 512
_TRAINING_START_SECONDS: Final = 60.0
# The JVM writes the cache while it ends: measured 6 s on two cores.
_TRAINING_STOP_SECONDS: Final = 90.0


@dataclass(frozen=True)
class Runtime:
    """A Java with the jars it is to run."""

    java: Java
    home: Home

    @property
    def aot_cache(self) -> Path:
        """The ahead-of-time cache. An empty file means: tried, of no use here."""
        return self.home.aot_cache(self.java)

    @property
    def has_aot_cache(self) -> bool:
        """Whether there is a cache to start with."""
        return self.aot_cache.exists() and self.aot_cache.stat().st_size > 0

    def forget_aot_cache(self) -> None:
        """Never use this cache again: a broker that started with it did not come up."""
        self.aot_cache.write_bytes(b"")

    def command(self, node: Node, heap_mb: int, *flags: str) -> list[str]:
        """Return the command line that runs the node."""
        java = [str(self.java.path), *flags, *self.java.flags, *jvm_flags(heap_mb, node.directory)]
        return [*java, "-cp", self.home.class_path, "kafka.Kafka", str(node.properties_file)]

    def format(self, node: Node) -> str:
        """Write the node's configuration and, unless there is data already, format its directory.

        Returns the id of the cluster that the data belongs to.
        """
        node.log_dir.mkdir(parents=True, exist_ok=True)
        node.properties_file.write_text(server_properties(node), encoding="utf-8")
        identity = node.log_dir / "meta.properties"
        if not identity.exists():
            shutil.copy(self.home.bootstrap_checkpoint, node.log_dir)
            identity.write_text(meta_properties(node.seat), encoding="utf-8")
        return cluster_id(identity.read_text(encoding="utf-8"))


def open_runtime(progress: Callable[[str], None]) -> Runtime:
    """Return the runtime; at first use fetch and prepare what is missing, telling `progress` about it.

    Raises MissingExtra without Java or jgo, UserError when the jars cannot be had or stored.
    """
    java = find_java()
    runtime = Runtime(java, open_home(java, progress))
    if java.makes_aot_caches and not runtime.aot_cache.exists():
        with locked(runtime.home.directory):
            if not runtime.aot_cache.exists():
                progress("preparing Apache Kafka for quick starts (once, about 10 s)")
                _train(runtime)
    return runtime


def _train(runtime: Runtime) -> None:
    """Run a broker once to record what it loads, and keep the cache that the JVM writes as it ends.

    We wait for it: a training in the background would outlive its owner or disturb what the owner measures.
    """
    with tempfile.TemporaryDirectory(prefix="incomplete-", dir=runtime.home.directory.parent) as scratch:
        port, controller_port = free_ports(HOST, 2)
        node = Node(Path(scratch), port, Seat(1, new_id(), {1: controller_port}))
        made = Path(scratch, "made.aot")
        cluster = runtime.format(node)
        command = runtime.command(node, _TRAINING_HEAP_MB, f"-XX:AOTCacheOutput={made}")
        training = SupervisedProcess(
            command, Path(scratch, "log"), grace=_TRAINING_STOP_SECONDS, remove_if_orphaned=Path(scratch)
        )
        wait_in_service((HOST, port), cluster, 1, lambda: training.alive, _TRAINING_START_SECONDS)
        training.stop()
        if not made.exists():
            made.touch()
        made.rename(runtime.aot_cache)
