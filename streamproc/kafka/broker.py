"""A genuine Apache Kafka broker as a child process: no Docker, no installed Java.

with EmbeddedBroker() as broker:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from streamproc.errors import UserError
from streamproc.kafka.embedded.config import HOST, Node, Seat, new_id
from streamproc.kafka.embedded.ports import free_ports
from streamproc.kafka.embedded.probe import wait_in_service
from streamproc.kafka.embedded.process import SupervisedProcess
from streamproc.kafka.embedded.runtime import open_runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_log = logging.getLogger(__name__)

_READY_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 10.0
_STARTS: Final = 3
_LOG_LINES_SHOWN: Final = 20


class EmbeddedBroker:
    """One Kafka node, broker and controller in one, on the loopback address.

    `port`: the port for clients; 0 chooses a free one, which then stays for the life of this object.
    `data_dir`: where to keep the data, kept afterwards and found again by the next broker; None means a temporary
    directory, removed by `stop()`. `log_dir`: where the broker's log goes (WARN and above); None means beside the data.
    `settings`: Kafka broker settings that win over ours. `progress`: told in a sentence what takes long at first use.
    `seat`: its place in a cluster of several (`EmbeddedCluster`).

    The broker ends with the process that started it, however that ends. The first use ever fetches Kafka's jars (once).
    """

    def __init__(
        self,
        port: int = 0,
        data_dir: Path | str | None = None,
        log_dir: Path | str | None = None,
        *,
        settings: Mapping[str, str] | None = None,
        heap_mb: int = 512,
        progress: Callable[[str], None] = _log.info,
        seat: Seat | None = None,
    ) -> None:
        self._any_port = port == 0 and seat is None
        free, controller_port = free_ports(HOST, 2)
        self.port = port or free
        self._seat = seat or Seat(1, new_id(), {1: controller_port})
        self._data_dir = Path(data_dir).absolute() if data_dir else None
        self._log_dir = Path(log_dir).absolute() if log_dir else None
        self._settings, self._heap_mb, self._progress = dict(settings or {}), heap_mb, progress
        self._temporary: Path | None = None
        self._process: SupervisedProcess | None = None
        self._directory = self._data_dir
        self._use_aot_cache = True
        self._cluster_id = self._seat.cluster_id

    @property
    def bootstrap_servers(self) -> str:
        """The address for clients, as Kafka's `bootstrap.servers` wants it."""
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """The JVM's process id. Raises RuntimeError when the broker does not run."""
        if self._process is None:
            raise RuntimeError("the embedded broker was not started")
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the JVM runs."""
        return self._process is not None and self._process.alive

    @property
    def log_file(self) -> Path:
        """The broker's log: warnings, errors, and what the JVM says. Raises RuntimeError before the first start."""
        directory = self._log_dir or self._directory
        if directory is None:
            raise RuntimeError("the embedded broker was not started")
        return directory / f"broker-{self._seat.node_id}.log"

    def start(self) -> None:
        """Start the broker and wait until it serves. Does nothing when it runs.

        Raises MissingExtra without Java or jgo; UserError when Kafka cannot be fetched or does not come up.
        """
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Start the process without waiting for it; `wait_until_ready` does that."""
        if self.alive:
            return
        runtime = open_runtime(self._progress)
        if self._directory is None or not self._directory.exists():
            self._directory = self._data_dir or self._make_temporary_directory()
        node = Node(self._directory, self.port, self._seat, self._settings)
        self._cluster_id = runtime.format(node)
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        self._use_aot_cache &= runtime.has_aot_cache
        flags = [f"-XX:AOTCache={runtime.aot_cache}"] if self._use_aot_cache else []
        self._process = SupervisedProcess(
            runtime.command(node, self._heap_mb, *flags),
            self.log_file,
            grace=_STOP_SECONDS,
            remove_if_orphaned=self._temporary,
        )

    def wait_until_ready(self) -> None:
        """Wait until the launched broker has registered: from then on topics can be created. Raises as `start` does."""
        gave_up_aot_cache = False
        for _ in range(_STARTS):
            address = HOST, self.port
            if wait_in_service(address, self._cluster_id, self._seat.node_id, lambda: self.alive, _READY_SECONDS):
                if gave_up_aot_cache:
                    open_runtime(self._progress).forget_aot_cache()
                return
            self.kill()
            port_taken = self._port_taken()
            if port_taken and self._any_port:
                # Somebody took one of the ports between our choice and Kafka's bind.
                self.port, controller_port = free_ports(HOST, 2)
                self._seat = Seat(1, self._seat.cluster_id, {1: controller_port})
            elif self._use_aot_cache and not port_taken:
                # A damaged cache crashes the JVM; if the broker does come up without it, that was it.
                gave_up_aot_cache, self._use_aot_cache = True, False
            else:
                break
            self.launch()
        self.kill()
        if self._temporary is not None:  # the log stays: the message names it
            shutil.rmtree(self._temporary / "kafka", ignore_errors=True)
        raise self._failed()

    def stop(self) -> None:
        """End the broker cleanly; a temporary data directory is removed. Does nothing when there is nothing to do."""
        self._end()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None

    def kill(self) -> None:
        """End the broker with SIGKILL, as a crash would. Data and port stay for `start()`."""
        process = self._process  # another thread may be about to end it too
        if process is not None:
            process.kill()
            self._process = None

    def restart(self) -> None:
        """Stop the broker cleanly, unless it was killed before, and start it on the same data and port."""
        self._end()
        self.start()

    def __enter__(self) -> Self:
        try:
            self.start()
        except UserError:
            raise  # the message names the log file: it must stay
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _make_temporary_directory(self) -> Path:
        self._temporary = Path(tempfile.mkdtemp(prefix="streamproc-kafka-"))
        return self._temporary

    def _end(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None

    def _port_taken(self) -> bool:
        return "java.net.BindException" in self._log_tail()

    def _failed(self) -> UserError:
        if self._port_taken():
            return UserError(f"another program uses port {self.port}: choose another one, or 0 for any that is free")
        return UserError(f"the embedded Kafka did not start. Its log, {self.log_file}, ends with:\n{self._log_tail()}")

    def _log_tail(self) -> str:
        try:
            text = self.log_file.read_text(encoding="utf-8", errors="replace")
        except OSError as unreadable:
            return str(unreadable)
        return "\n".join(text.splitlines()[-_LOG_LINES_SHOWN:])
