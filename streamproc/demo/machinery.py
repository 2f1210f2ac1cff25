"""What a run needs beside itself: a directory, a broker, topics, and `streamproc run` as users start it."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from streamproc.app.layout import plan
from streamproc.app.stages import STAGES
from streamproc.config.load import load
from streamproc.config.pipeline import Config
from streamproc.demo import settings
from streamproc.demo.page import Page
from streamproc.errors import UserError
from streamproc.kafka.admin import Admin
from streamproc.kafka.broker import EmbeddedBroker
from streamproc.kafka.embedded.config import HOST
from streamproc.kafka.embedded.ports import free_ports
from streamproc.kafka.embedded.process import SupervisedProcess

STOP_SECONDS = 2.0
"""`streamproc run` ends within half a second; a job that is running is ended with it."""
START_SECONDS = 60.0
_LINES_SHOWN = 15


class Machinery:
    """Ends with the context, however that is left, and takes along what it has written unless that is to be kept."""

    def __init__(self, keep: Path | None, say: Callable[[str], None]) -> None:
        """`keep`: a directory for all that is written, to stay. Raises UserError when there is something in it."""
        self._kept = keep is not None
        self.directory = _empty(keep) if keep is not None else Path(tempfile.mkdtemp(prefix="streamproc-demo-"))
        self.broker = EmbeddedBroker(
            data_dir=self.directory / "kafka" if keep is not None else None, log_dir=self.directory, progress=say
        )
        self._stages: SupervisedProcess | None = None

    @property
    def config_file(self) -> Path:
        """The run's streamproc.yaml."""
        return self.directory / "streamproc.yaml"

    @property
    def log_file(self) -> Path:
        """What `streamproc run` says."""
        return self.directory / "streamproc.log"

    def configure(self, models: str) -> Config:
        """Write streamproc.yaml with this part about models; make its topics, as `streamproc topics create` does."""
        page = f"{HOST}:{free_ports(HOST, 1)[0]}"
        text = settings.text(self.broker.bootstrap_servers, page, self.directory / "artifacts", models)
        self.config_file.write_text(text, encoding="utf-8")
        config = load(self.config_file)
        Admin(config.kafka).create(plan(config))
        return config

    def run_stages(self, config: Config, *stages: str) -> None:
        """Start `streamproc run`, and wait until all its stages are live. Raises UserError when it ends."""
        scratch = self.directory / "tmp"
        scratch.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "streamproc.cli", "run", *stages, "--config", str(self.config_file)]
        self._stages = SupervisedProcess(
            # Locks that name a process's slot are in the temporary directory: they go with ours.
            ["/usr/bin/env", f"TMPDIR={scratch}", *command],
            self.log_file,
            grace=STOP_SECONDS,
            remove_if_orphaned=None if self._kept else self.directory,
        )
        page, deadline = Page(config.engine.http), time.monotonic() + START_SECONDS
        while not page.live().issuperset(stages or STAGES):
            self.check()
            if time.monotonic() > deadline:
                raise UserError(f"`streamproc run` did not come up within {START_SECONDS:.0f} s{self._log()}")
            time.sleep(0.05)

    def check(self) -> None:
        """Raises UserError when the broker or `streamproc run` has ended."""
        if not self.broker.alive:
            raise UserError(f"the embedded Kafka has ended. Its log: {self.broker.log_file}")
        if self._stages is not None and not self._stages.alive:
            raise UserError(f"`streamproc run` has ended{self._log()}")

    def end_by_force(self) -> None:
        """Leave nothing running, whatever state this is in."""
        if self._stages is not None:
            self._stages.kill()
        self.broker.kill()
        self.broker.stop()  # it has ended: this removes its data
        self._remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, _: TracebackType | None) -> None:
        try:
            if self._stages is not None:
                self._stages.stop()
        finally:
            shutil.rmtree(self.directory / "tmp", ignore_errors=True)
            if not self._kept:
                self.broker.kill()  # nobody needs its data: no reason to wait for an orderly end
            self.broker.stop()
            if not isinstance(exc, UserError):
                self._remove()

    def _remove(self) -> None:
        if not self._kept:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _log(self) -> str:
        try:
            lines = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError as unreadable:
            return f": {unreadable}"
        return f". Its log, {self.log_file}, ends with:\n" + "\n".join(lines[-_LINES_SHOWN:])


def _empty(directory: Path) -> Path:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise UserError(f"{directory} is not empty: name a new directory after --keep")
    except OSError as fault:
        raise UserError(f"{directory} cannot be used: {fault.strerror}") from fault
    return directory.resolve()
