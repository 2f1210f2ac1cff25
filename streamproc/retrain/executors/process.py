"""Runs a job in a child process of its own session, and ends it with all that it started."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import orjson
from pydantic import ValidationError

from streamproc.config.units import format_duration
from streamproc.retrain.executors.leftovers import MARK, kill_leftovers
from streamproc.retrain.executors.output import OUTPUT_FILE, Output
from streamproc.retrain.job import JOB_FILE, RESULT_FILE, Job, Result, failed

COMMAND = (sys.executable, "-m", "streamproc.app.retrain_child")
MAX_RESULT_BYTES = 1 << 20
_STEP_SECONDS = 0.2
"""How late a limit may be noticed."""


class ProcessExecutor:
    """Starts `command JOB_DIRECTORY` for each job."""

    def __init__(
        self,
        private: Mapping[str, Any] | None = None,
        command: Sequence[str] = COMMAND,
        limits: Limits | None = None,
    ) -> None:
        """`private` (Kafka properties) goes to the child through a pipe: passwords are never on disk or in `ps`."""
        self._command = tuple(command)
        self._line = orjson.dumps(private or {}) + b"\n"
        self._limits = limits or Limits()

    def start(self, directory: Path, job: Job) -> ChildProcess:
        """Raises OSError."""
        (directory / JOB_FILE).write_bytes(job.model_dump_json().encode())
        output = Output(directory / OUTPUT_FILE)
        try:
            process = subprocess.Popen(
                [*self._command, str(directory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # What it printed before it was killed is not lost.
                env={**os.environ, "PYTHONUNBUFFERED": "1", MARK: str(directory)},
                bufsize=0,
            )
        except OSError:
            output.close()
            raise
        return ChildProcess(process, output, directory, job, hand_over=self._line, limits=self._limits)


class Limits(NamedTuple):
    """In seconds."""

    grace: float = 5.0
    """Between SIGTERM and SIGKILL."""
    unattended: float = 120.0
    """A job that nobody has asked about for so long is ended: the stage has no task left that could report it."""


class ChildProcess:
    """A running job. A thread of its own does what has to wait: the engine's loop never does."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        output: Output,
        directory: Path,
        job: Job,
        *,
        hand_over: bytes,
        limits: Limits,
    ) -> None:
        self._process, self._output, self._directory, self._job = process, output, directory, job
        self._hand_over, self._limits = hand_over, limits
        self._asked = time.monotonic()
        self._deadline = self._asked + job.time_limit / 1000
        self._kill_at = 0.0
        self._because: str | None = None
        """Why it is being ended, in the words of the result."""
        self._end = threading.Event()
        self._result: Result | None = None
        self._thread = threading.Thread(target=self._supervise, name="retrain-job", daemon=True)
        self._thread.start()

    def poll(self) -> Result | None:
        """How it ended; None while it runs."""
        self._asked = time.monotonic()
        return self._result

    def end(self) -> None:
        """SIGTERM to all its processes, and SIGKILL after the grace."""
        self._end.set()

    def wait(self, seconds: float) -> bool:
        """Wait until it has ended, at most so long; whether it has."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _supervise(self) -> None:
        try:
            self._result = self._to_the_end()
        except OSError as error:
            self._signal(signal.SIGKILL)
            self._result = failed(f"the worker lost sight of the retrain: {error}")

    def _to_the_end(self) -> Result:
        with cast("IO[bytes]", self._process.stdin) as to_child, cast("IO[bytes]", self._process.stdout) as from_child:
            with contextlib.suppress(OSError):  # it ended at once: its exit code tells why
                to_child.write(self._hand_over)
            self._watch(from_child.fileno())
            self._signal(signal.SIGKILL)  # what it left running; its number is not free before `wait`
            kill_leftovers(str(self._directory))
            self._drain(from_child.fileno(), time.monotonic() + 1.0)
        self._output.close()
        code = self._process.wait()
        return self._read_result() or failed(self._with_output(self._cause(code)))

    def _watch(self, descriptor: int) -> None:
        """Until the process has ended: take its output, keep its limits."""
        pause = 0.0
        while not self._has_ended():
            if pause:  # it has closed its output, but goes on
                time.sleep(pause)
                pause = min(2 * pause, _STEP_SECONDS)
            elif not self._take(descriptor, _STEP_SECONDS):
                pause = 0.001
            self._keep_limits(time.monotonic())

    def _drain(self, descriptor: int, deadline: float) -> None:
        """The rest of the output. A process that has left the session may hold the pipe open: it is not waited for."""
        while (left := deadline - time.monotonic()) > 0 and self._take(descriptor, left):
            pass

    def _take(self, descriptor: int, timeout: float) -> bool:
        """False when there is no more output to come."""
        if not _readable(descriptor, timeout):
            return True
        chunk = os.read(descriptor, 1 << 16)
        self._output.take(chunk)
        return bool(chunk)

    def _has_ended(self) -> bool:
        if not hasattr(os, "waitid"):  # macOS before Python 3.13
            return self._process.poll() is not None
        try:
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:  # SIGCHLD is ignored in this process
            return True

    def _keep_limits(self, now: float) -> None:
        if self._because is not None:
            if now >= self._kill_at:
                self._signal(signal.SIGKILL)
            return
        if now >= self._deadline:
            self._because = (
                f"ended after its time limit of {format_duration(self._job.time_limit)} (retrain.time_limit)"
            )
        elif self._end.is_set():
            self._because = "ended because its worker stopped or no longer has the model"
        elif now - self._asked > self._limits.unattended:
            self._because = "ended because nobody waits for it"
        if self._because is not None:
            self._kill_at = now + self._limits.grace
            self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: no permission for one that has ended
            os.killpg(self._process.pid, number)

    def _read_result(self) -> Result | None:
        """The result that the child wrote. One that was written counts, however the process ended after it."""
        file = self._directory / RESULT_FILE
        if not file.exists():
            return None
        try:
            if file.stat().st_size > MAX_RESULT_BYTES:
                return failed(f"its result has more than {MAX_RESULT_BYTES} bytes")
            result = Result.model_validate_json(file.read_bytes())
        except (ValidationError, OSError) as error:
            return failed(self._with_output(f"its result cannot be used: {error}"))
        return failed(self._with_output(result.reason)) if result.status == "failed" else result

    def _cause(self, code: int) -> str:
        if self._because is not None:
            return f"the retrain was {self._because}"
        if code == -signal.SIGKILL:
            return "the retrain's process was killed (SIGKILL), perhaps because memory ran out"
        if code < 0:
            return f"the retrain's process was ended by {signal.Signals(-code).name}"
        return f"the retrain's process exited with code {code} without a result (os._exit, or a crash)"

    def _with_output(self, reason: str) -> str:
        tail = self._output.tail()
        return f"{reason}\nlast output:\n{tail}" if tail else reason


def _readable(descriptor: int, timeout: float) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        return bool(selector.select(timeout))
