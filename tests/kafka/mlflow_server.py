"""A real MLflow server on SQLite, as a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from streamproc.kafka.embedded.ports import free_ports

READY_SECONDS = 180.0


class MlflowServer:
    """Keeps its data in a directory; may be stopped and started again at the same address."""

    def __init__(self, directory: Path) -> None:
        (port,) = free_ports("127.0.0.1", 1)
        self.url, self._port, self._directory = f"http://127.0.0.1:{port}", str(port), directory
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Comes back when it answers."""
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", self._port]
        command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{self._directory}/mlflow.db"]
        command += ["--artifacts-destination", str(self._directory / "artifacts")]
        with (self._directory / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd=self._directory,
                env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
                start_new_session=True,
            )
        deadline = time.monotonic() + READY_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"MLflow did not start: {(self._directory / 'server.log').read_text()}")
            time.sleep(0.2)

    def stop(self) -> None:
        """At once, with all its processes."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:  # noqa: S310 - our own http URL
                return bool(answer.status == 200)
        except OSError:
            return False


def client(url: str) -> Any:
    """MLflow's own client."""
    with warnings.catch_warnings(action="ignore"):  # of its imports
        from mlflow import MlflowClient
    return MlflowClient(tracking_uri=url, registry_uri=url)


@contextlib.contextmanager
def running_mlflow(directory: Path) -> Iterator[MlflowServer]:
    """Until the context ends."""
    server = MlflowServer(directory)
    try:
        server.start()
        yield server
    finally:
        server.stop()
