"""A job's own process, from job.json to result.json."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from streamproc.errors import StreamprocError
from streamproc.retrain.course import LOCAL, Later, nothing_later, retrain
from streamproc.retrain.executors.leftovers import MARK, kill_leftovers
from streamproc.retrain.job import ARTIFACT_DIRECTORY, JOB_FILE, RESULT_FILE, Job, Result, failed
from streamproc.retrain.registry import Store
from streamproc.retrain.score import Measure

Private = Mapping[str, Any]
ReadWindow = Callable[[Job, Private], Iterable[bytes | None]]
"""(job, what the worker hands over through the pipe) -> the journal records of the trigger's range."""
ReadLater = Callable[[Job, Private], Later | None]
"""The same -> what has come since."""
EXIT_SECONDS = 10.0
"""How long threads that the user's code left running may keep the process after the result is written."""


def _nothing_later(job: Job, private: Private) -> Later | None:
    return nothing_later()


def run_child(
    directory: Path, read: ReadWindow, measure: Callable[[Job], Measure], later: ReadLater = _nothing_later
) -> None:
    """Do the job in `directory`. Whatever goes wrong with it is written into result.json."""
    private = _tie_to_worker()
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    result = _attempt(directory, private, read, measure, later)
    _write(directory / RESULT_FILE, result.model_dump_json(exclude_none=True).encode())
    sys.stdout.flush()
    timer = threading.Timer(EXIT_SECONDS, os._exit, (0,))
    timer.daemon = True
    timer.start()


def _attempt(
    directory: Path, private: Private, read: ReadWindow, measure: Callable[[Job], Measure], later: ReadLater
) -> Result:
    try:
        job = Job.model_validate_json((directory / JOB_FILE).read_bytes())
        if job.webhook is not None:
            from streamproc.retrain.executors.webhook import call

            return call(job, job.webhook, private["webhooks"][job.model_id])
        place = (directory / ARTIFACT_DIRECTORY).resolve()
        place.mkdir()
        return retrain(
            job,
            read(job, private),
            measure(job),
            place,
            later=lambda: later(job, private),
            store=_store(private),
        )
    except StreamprocError as error:
        return failed(str(error))
    except OSError as error:  # a full disk, missing rights
        return failed(f"{type(error).__name__}: {error}")
    except BaseException:  # noqa: BLE001 - a job without a result would tell nobody why
        return failed(f"streamproc itself failed:\n{traceback.format_exc()}")


def _store(private: Private) -> Store:
    """Raises MissingExtra."""
    if (mlflow := private.get("mlflow")) is None:
        return LOCAL
    from streamproc.retrain.registry.mlflow import MlflowRegistry

    return MlflowRegistry(**mlflow)


def _write(path: Path, content: bytes) -> None:
    """All of it or nothing: the worker must never read half a result."""
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.replace(path)


def _tie_to_worker() -> Private:
    """Read what the worker hands over, and end with it: a killed worker must not leave its jobs running.

    Standard input is a pipe that only the worker holds. It carries one line (passwords, which are not for job.json),
    and closes when the worker is gone, in whatever way. The user's code finds standard input empty.
    """
    pipe = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    line = bytearray()
    while not line.endswith(b"\n") and (byte := os.read(pipe, 1)):
        line += byte

    def end_with_worker() -> None:
        while os.read(pipe, 1):
            pass
        kill_leftovers(os.environ.get(MARK, ""))
        if os.getpgid(0) == os.getpid():  # else somebody runs this by hand, and the group is their shell's
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=end_with_worker, name="tied-to-worker", daemon=True).start()
    return orjson.loads(line or b"{}")  # type: ignore[no-any-return]
