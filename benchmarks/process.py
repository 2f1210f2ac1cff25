"""A process under measurement: what it has used so far, as the operating system counts. Needs Linux's /proc."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")


class Usage(NamedTuple):
    """What a process has used since it began, at one moment."""

    at: float
    """time.perf_counter() seconds."""
    cpu: float
    """Seconds, user and system, all threads."""

    @classmethod
    def of(cls, pid: int) -> Usage:
        """Now."""
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return cls(time.perf_counter(), (int(fields[11]) + int(fields[12])) / _TICKS)


def peak_rss_mb(pid: int) -> float:
    """The most memory that it ever had resident, in MB (10^6 bytes)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"no VmHWM in /proc/{pid}/status")


class Stages:
    """`streamproc run STAGE...` as a process, from its command line to its clean end."""

    def __init__(self, written: Mapping[str, Any], stages: Sequence[str], directory: Path) -> None:
        """`written`: what stands in its streamproc.yaml."""
        file = directory / f"{written['pipeline']}.yaml"
        file.write_text(json.dumps({"state_directory": str(directory / "state"), **written}))  # JSON is YAML
        self._command = [sys.executable, "-m", "streamproc.cli", "run", *stages, "--config", str(file)]
        self._command += ["--http", "off", "--log-format", "json"]
        self.stages = stages
        self._live: set[str] = set()
        self.log: list[str] = []
        self._change = threading.Condition()

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        return self

    def _read(self) -> None:
        for line in self._process.stdout or ():
            with self._change:
                self.log.append(line.rstrip())
                if '"live"' in line:
                    self._live.add(json.loads(line)["stage"])
                self._change.notify_all()

    def wait_live(self) -> None:
        """Until every stage owns its partitions and has the state of what was committed."""
        deadline = time.monotonic() + PATIENCE
        with self._change:
            while self._live != set(self.stages):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{' '.join(self._command)} is not live:\n" + "\n".join(self.log[-20:]))
                self._change.wait(0.1)

    def usage(self) -> Usage:
        """Now. Raises RuntimeError when it ended."""
        if self._process.poll() is not None:
            raise RuntimeError(f"{' '.join(self._command)} ended:\n" + "\n".join(self.log[-20:]))
        return Usage.of(self.pid)

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        finally:
            self._reader.join(10)
        if kind is None and self._process.returncode != 0:
            raise RuntimeError(f"exit code {self._process.returncode}:\n" + "\n".join(self.log[-20:]))
