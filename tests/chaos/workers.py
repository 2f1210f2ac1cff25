"""`streamproc run STAGE` as real processes, kept running by a small supervisor: faults are what it makes up for."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import orjson

from streamproc.kafka.embedded.process import SupervisedProcess
from tests.chaos.pipeline import write_file

ROOT: Final = Path(__file__).absolute().parent.parent.parent
GRACE_SECONDS: Final = 20.0
PATIENCE: Final = 90.0
LOOK_SECONDS: Final = 0.05
ABORT_SECONDS: Final = 1.0
"""How long a process may take to write its stacks."""
MARK: Final = "STREAMPROC_CHAOS"


@dataclass(slots=True)
class Life:
    """What a process has said of itself, in time.time() seconds."""

    started: float
    live: float | None = None
    partitions: tuple[int, ...] = ()
    restores: list[float] = field(default_factory=list)
    """Seconds of each restore, from the assignment to the first live record."""
    metrics: str | None = None
    """The address of its metrics page."""


@dataclass(eq=False)
class Worker:
    """One slot of one stage: at most one process at a time."""

    stage: str
    slot: str
    client: str
    """Its client.id."""
    config: Path
    log: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    process: SupervisedProcess | None = None
    lives: list[Life] = field(default_factory=list)
    wanted: bool = True
    """Whether it is to run: if not, its end is no surprise."""
    frozen: bool = False
    _read: int = 0

    @property
    def name(self) -> str:
        """What it is called here."""
        return f"{self.stage}-{self.slot}"

    @property
    def is_live(self) -> bool:
        """Whether its state is complete and it owns partitions."""
        return self.process is not None and self.process.alive and self.lives[-1].live is not None

    def read_log(self) -> None:
        """Take what it has said since the last time."""
        if not self.log.exists():
            return
        with self.log.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                self._line(line)

    def _line(self, line: bytes) -> None:
        if b'"live"' not in line and b'"metrics page"' not in line:
            return
        with contextlib.suppress(orjson.JSONDecodeError):
            said: dict[str, Any] = orjson.loads(line)
            if said.get("message") == "metrics page":
                self.lives[-1].metrics = said["metrics"]
            elif said.get("message") == "live" and said.get("partitions"):
                self.lives[-1].live = self.lives[-1].live or time.time()
                self.lives[-1].partitions = tuple(said["partitions"])
                self.lives[-1].restores.append(said["seconds"])


class Workers:
    """All processes of a run. `sections` is the configuration; what they write lies below `work`."""

    def __init__(self, sections: Mapping[str, Any], work: Path, logs: Path, launcher: Sequence[str] = ()) -> None:
        """`launcher`: what to run instead of streamproc's own command line."""
        self._sections, self._work, self._logs = sections, work, logs
        self._launcher = tuple(launcher) or ("-m", "streamproc.cli")
        self.workers: dict[str, Worker] = {}
        self.surprises: list[str] = []
        """Ends that nobody has asked for."""
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        (work / "tmp").mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, _: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(PATIENCE)
        for worker in self.workers.values():
            worker.wanted = False
            if worker.process is not None:
                worker.process.kill()
        _end_orphans(str(self._work))

    def start(self, stage: str, slot: str, **variables: str) -> Worker:
        """Start a slot, anew if it has been stopped; `variables` go into its environment, without any the last ones."""
        with self._lock:
            name = f"{stage}-{slot}"
            if name not in self.workers:
                client = f"{self._sections['pipeline']}-{name}"
                file = write_file(self._sections, self._work / "config", client)
                self.workers[name] = Worker(stage, slot, client, file, self._logs / f"{name}.log", variables)
            worker = self.workers[name]
            worker.variables, worker.wanted = variables or worker.variables, True
            if worker.process is None or not worker.process.alive:
                self._launch(worker)
            return worker

    def _launch(self, worker: Worker) -> None:
        worker.read_log()
        if worker.process is not None:
            worker.process.kill()  # if it has ended by itself, this closes our end of its pipe
        variables = {
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(self._work / "tmp"),
            "PYTHONFAULTHANDLER": "1",
            MARK: str(self._work),
            **worker.variables,
        }
        command = ["env", *(f"{name}={value}" for name, value in variables.items()), sys.executable, *self._launcher]
        command += ["run", worker.stage, "--config", str(worker.config), "--slot", worker.slot]
        command += ["--http", "127.0.0.1:0", "--log-format", "json"]
        worker.lives.append(Life(time.time()))
        worker.frozen = False
        worker.process = SupervisedProcess(command, worker.log, grace=GRACE_SECONDS)

    def kill(self, worker: Worker) -> None:
        """SIGKILL; the supervisor starts it again at once, if it is wanted."""
        with self._lock:
            worker.read_log()
            if worker.process is not None:
                worker.process.kill()
            if worker.wanted:
                self._launch(worker)

    def lose(self, worker: Worker) -> None:
        """SIGKILL, and nobody starts it again."""
        worker.wanted = False
        self.kill(worker)

    def stop(self, worker: Worker) -> int:
        """SIGTERM, and wait for its clean end. Returns the exit code."""
        worker.wanted = False
        code = worker.process.stop() if worker.process is not None else 0
        if code:
            self.surprises.append(f"{worker.name} ended with {code} after SIGTERM")
        return code

    def freeze(self, worker: Worker) -> None:
        """SIGSTOP."""
        if worker.process is not None:
            worker.frozen = True
            os.kill(worker.process.pid, signal.SIGSTOP)

    def thaw(self, worker: Worker) -> None:
        """SIGCONT."""
        if worker.frozen and worker.process is not None and worker.process.alive:
            worker.frozen = False
            os.kill(worker.process.pid, signal.SIGCONT)

    def running(self, stage: str | None = None) -> list[Worker]:
        """Those that are wanted and not frozen."""
        return [w for w in self.workers.values() if w.wanted and not w.frozen and stage in (None, w.stage)]

    def wait_live(self, seconds: float = PATIENCE) -> None:
        """Until every stage owns all partitions. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while waiting := [w.name for w in self.running() if not w.is_live]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {seconds:.0f} s these are not live: {', '.join(waiting)}")
            time.sleep(LOOK_SECONDS)

    def stop_all(self) -> None:
        """SIGTERM to all at once."""
        threads = [threading.Thread(target=self.stop, args=(w,)) for w in self.workers.values() if w.wanted]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def post_mortem(self) -> None:
        """Have each say where it stands: its metrics into a file of their own, all its stacks into its log."""
        for worker in self.running():
            worker.wanted = False
            if worker.process is None or not worker.process.alive:
                continue
            with contextlib.suppress(OSError, ValueError):
                page = urllib.request.urlopen(str(worker.lives[-1].metrics), timeout=2)  # noqa: S310 - our own
                worker.log.with_suffix(".metrics").write_bytes(page.read())
            os.kill(worker.process.pid, signal.SIGABRT)
            time.sleep(ABORT_SECONDS)

    def _supervise(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            with self._lock:
                for worker in self.workers.values():
                    worker.read_log()
                    if worker.wanted and worker.process is not None and not worker.process.alive:
                        self.surprises.append(f"{worker.name} ended by itself: see {worker.log.name}")
                        self._launch(worker)


def _end_orphans(mark: str) -> None:
    """Jobs of killed workers outlive them: end, by their ids, all processes that have inherited the run's mark."""
    wanted = f"{MARK}={mark}".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    os.kill(int(entry.name), signal.SIGKILL)
