"""The pool of running retrains. It belongs to the stage, not to a task: a rebalance must not cost hours of training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from streamproc.retrain.job import Job, Result, failed

ORPHAN_MS = 30_000
"""A job whose trigger no open task owns for so long is somebody else's by now: it is ended."""


class Handle(Protocol):
    """A job that was started."""

    def poll(self) -> Result | None:
        """How it ended; None while it runs. Never waits."""
        ...

    def end(self) -> None:
        """Have it ended soon, with all its processes; `poll` tells when it has. Never waits."""
        ...

    def wait(self, seconds: float) -> bool:
        """Wait until it has ended, at most so long; whether it has."""
        ...


class Executor(Protocol):
    """Runs jobs outside of this process."""

    def start(self, directory: Path, job: Job) -> Handle:
        """Start a job whose files lie in `directory`, which exists and is empty. Raises OSError."""
        ...


class Directories(Protocol):
    """Where jobs have their files."""

    def new(self, name: str) -> Path:
        """An empty directory. Raises OSError."""
        ...

    def remove(self, directory: Path) -> None:
        """Remove it with all that is in it."""
        ...


@dataclass(slots=True)
class Run:
    """A job from its start until its final event has been read back from the log."""

    job: Job
    directory: Path | None = None
    handle: Handle | None = None
    result: Result | None = None
    unowned_since: int | None = None
    given_back: bool = False
    """It was told to end because this worker stops."""

    @property
    def trigger_id(self) -> str:
        """The job's trigger."""
        return self.job.trigger.trigger_id


class Pool:
    """Jobs by trigger id."""

    def __init__(self, executor: Executor, directories: Directories) -> None:
        self._executor, self._directories = executor, directories
        self._runs: dict[str, Run] = {}
        self._ending: list[Run] = []

    def get(self, trigger_id: str) -> Run | None:
        """The run of a trigger, going on or ended."""
        return self._runs.get(trigger_id)

    def start(self, job: Job) -> None:
        """Start a job; one that cannot be started has failed."""
        run = self._runs[job.trigger.trigger_id] = Run(job)
        try:
            run.directory = self._directories.new(f"{job.version}-{job.attempt}")
            run.handle = self._executor.start(run.directory, job)
        except OSError as error:
            run.result = failed(f"the job could not be started: {error}")

    def give_back(self) -> None:
        """Have all jobs end soon; each keeps its place until its end is in the log."""
        for run in self._runs.values():
            if run.result is None and run.handle is not None and not run.given_back:
                run.given_back = True
                run.handle.end()

    def drop(self, trigger_id: str) -> None:
        """The trigger is done with: forget its run, and end what still goes on."""
        run = self._runs.pop(trigger_id, None)
        if run is None:
            return
        if run.handle is not None and run.result is None:
            run.handle.end()
            self._ending.append(run)
        else:
            self._remove(run)

    def tend(self, now: int, owned: Callable[[str], bool], finished: Callable[[str], bool]) -> None:
        """Look after the runs; `now` in epoch ms.

        `owned` and `finished` say of a trigger id whether an open task waits for its end, or has seen it.
        """
        for run in self._ending:
            if run.handle is not None:
                run.result = run.handle.poll()
        for run in [run for run in self._ending if run.result is not None]:
            self._ending.remove(run)
            self._remove(run)
        for trigger_id, run in list(self._runs.items()):
            if run.result is None and run.handle is not None:
                run.result = run.handle.poll()
            if owned(trigger_id):
                run.unowned_since = None
            elif finished(trigger_id):
                self.drop(trigger_id)
            elif run.unowned_since is None:
                run.unowned_since = now
            elif now - run.unowned_since >= ORPHAN_MS:
                self.drop(trigger_id)

    @property
    def is_empty(self) -> bool:
        """Whether there is no job left, and no end of one to be said."""
        return not self._runs and not self._ending

    @property
    def time_limit(self) -> int:
        """The longest that one of the jobs may take, from its start; ms."""
        return max((run.job.time_limit for run in self._runs.values()), default=0)

    @property
    def running(self) -> int:
        """Jobs that go on, those that are being ended included."""
        return sum(run.result is None for run in self._runs.values()) + len(self._ending)

    def busy(self, model_id: str) -> bool:
        """Whether a job of this model goes on, or has ended and its end is not in the log yet."""
        return any(run.job.model_id == model_id for run in (*self._runs.values(), *self._ending))

    def close(self, seconds: float) -> None:
        """End all jobs; wait for that at most so long."""
        for trigger_id in list(self._runs):
            self.drop(trigger_id)
        for run in self._ending:
            if run.handle is not None:
                run.handle.wait(seconds)
            self._remove(run)
        self._ending.clear()

    def _remove(self, run: Run) -> None:
        if run.directory is not None:
            self._directories.remove(run.directory)
