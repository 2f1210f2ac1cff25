"""Real child processes: what the user's code may do to them, and what becomes of it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

import streamproc
from streamproc.retrain.executors.output import OUTPUT_FILE
from streamproc.retrain.executors.process import ChildProcess, Limits, ProcessExecutor
from streamproc.retrain.job import JOB_FILE, Job, Result
from tests.unit.retrain.support import make_job, make_trigger, outcome, values_of

PATIENCE = 30.0
T = TypeVar("T")
COMMAND = (sys.executable, str(Path(__file__).with_name("file_child.py")))
GOOD = """
import os, subprocess, sys, threading, time
from streamproc.retrain.api import Challenger

def parity(rows):
    return [row["features"]["x"] % 2 for row in rows]

def good(trigger, data):
    (data.directory / "model.txt").write_text("parity")
    return Challenger(data.directory / "model.txt", predict=lambda rows: parity(rows), metrics={"rows": len(data.rows)})
"""


class Place:
    """A worker's surroundings: the user's code in the working directory, artifacts, and a window of 100 rows."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.artifacts, self.jobs = root, root / "artifacts", root / "jobs"
        self.jobs.mkdir()
        self.artifacts.mkdir()
        monkeypatch.chdir(root)
        monkeypatch.setenv("PYTHONPATH", str(Path(streamproc.__file__).parents[1]))
        (self.jobs / "rows.jsonl").write_bytes(b"\n".join(values_of([outcome(n) for n in range(100)])))
        self.handles: list[ChildProcess] = []

    def start(self, source: str, private: Any = None, limits: Limits | None = None, **fields: Any) -> ChildProcess:
        (self.root / "user_code.py").write_text(GOOD + source)
        function = "user_code:train" if "def train" in source else "user_code:good"
        directory = self.jobs / f"job-{len(self.handles)}"
        directory.mkdir()
        executor = ProcessExecutor(private, COMMAND, limits)
        self.handles.append(executor.start(directory, self.job(function, **fields)))
        return self.handles[-1]

    def job(self, function: str, **fields: Any) -> Job:
        return make_job(self.artifacts, function, **fields)

    def run(self, source: str = "", **given: Any) -> Result:
        return ended(self.start(source, **given))

    def file(self, name: str) -> Path:
        return self.jobs / f"job-{len(self.handles) - 1}" / name


def ended(handle: ChildProcess) -> Result:
    return wait_for(handle.poll, "the job's end")


def wait_for(look: Callable[[], T | None], what: str) -> T:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"waited {PATIENCE:.0f} s for {what}")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Ends what a test leaves running."""
    made = Place(tmp_path, monkeypatch)
    yield made
    for handle in made.handles:
        handle.end()
    assert all(handle.wait(PATIENCE) for handle in made.handles)


def alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits for its parent does not."""
    with contextlib.suppress(OSError):
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    return False


def test_a_better_challenger_is_deployed(place: Place) -> None:
    """The whole course: rows read, function found in the working directory, gate passed, artifact in its place."""
    result = place.run()
    assert result.status == "deployed", result.reason
    assert result.model_version == place.job("f").version
    assert result.artifact is not None
    assert (place.artifacts / result.artifact.uri).read_text() == "parity"
    assert result.artifact.sha256 == hashlib.sha256(b"parity").hexdigest()
    assert result.metrics is not None
    assert result.metrics["champion"]["accuracy"] == 0.52
    assert result.metrics["challenger"]["accuracy"] == 1
    assert result.metrics["reported"] == {"rows": 75}
    assert result.rows == {"training": 75, "holdout": 25, "compared": 25}
    assert "passed the gate on 25 rows" in result.reason


def test_a_worse_challenger_is_rejected_and_not_kept(place: Place) -> None:
    """The figures are in the result; nothing is left in the artifacts directory."""
    result = place.run("""
def train(trigger, data):
    good(trigger, data)
    return Challenger(data.directory / "model.txt", predict=lambda rows: [2] * len(rows), version="mine")
""")
    assert result.status == "rejected"
    assert result.model_version == "mine"
    assert result.artifact is None
    assert "did not pass the gate" in result.reason
    assert list(place.artifacts.iterdir()) == []


RAISES = "def train(trigger, data):\n    raise ValueError('no rows of class 1')\n"
FULL_DISK = """
import resource
def train(trigger, data):
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
    return good(trigger, data)
"""
PRINTS_AND_EXITS = "def train(trigger, data):\n    print('about to go')\n    os._exit({code})\n"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (RAISES, ["raised ValueError: no rows of class 1", "user_code.py", "in train"]),
        ("def train(trigger, data):\n    sys.exit(0)\n", ["called sys.exit(0)"]),
        (PRINTS_AND_EXITS.format(code=0), ["exited with code 0 without a result", "about to go"]),
        (PRINTS_AND_EXITS.format(code=3), ["exited with code 3 without a result", "about to go"]),
        ("def train(trigger, data):\n    os.kill(os.getpid(), 9)\n", ["SIGKILL", "memory"]),
        ("def train(trigger, data):\n    os.abort()\n", ["SIGABRT"]),
        ("def train(trigger, data):\n    bytearray(1 << 60)\n", ["ran out of memory", "MemoryError"]),
        (FULL_DISK, ["without a result", "File too large"]),
        ("def train(trigger, data):\n    return lambda: 1\n", ["gave back function"]),
        ("def train(trigger, data):\n    return input()\n", ["raised EOFError"]),
        ("1/0\ndef train(trigger, data): pass\n", ["importing user_code raised ZeroDivisionError"]),
    ],
    ids=[
        "raises",
        "sys.exit",
        "os._exit(0)",
        "os._exit(3)",
        "kill -9",
        "abort",
        "memory",
        "full disk",
        "lambda",
        "input",
        "import",
    ],
)
def test_whatever_goes_wrong_is_a_failure_with_its_reason(place: Place, source: str, words: list[str]) -> None:
    """Exceptions, exits, signals and wrong results all end as `failed`, and say what happened."""
    result = place.run(source)
    assert result.status == "failed"
    for word in words:
        assert word in result.reason


def test_predict_may_fail_too(place: Place) -> None:
    """An exception in predict is named as one, with its traceback."""
    result = place.run("""
def train(trigger, data):
    good(trigger, data)
    return Challenger(data.directory / "model.txt", predict=lambda rows: rows[0]["label"])
""")
    assert result.status == "failed"
    assert "Challenger.predict raised KeyError: 'label'" in result.reason


def test_nothing_is_pickled(place: Place) -> None:
    """Closures, generators, locks and open files in a challenger are no problem: it never leaves its process."""
    result = place.run("""
def train(trigger, data):
    lock, file = threading.Lock(), open(data.directory / "model.txt", "w")
    file.write("x"); file.flush()
    def predict(rows):
        with lock:
            return (row["features"]["x"] % 2 for row in rows if file)
    return Challenger(data.directory / "model.txt", predict=predict)
""")
    assert result.status == "deployed", result.reason


def test_a_time_limit_ends_the_whole_group(place: Place) -> None:
    """Past its limit a job is ended with what it started, also when it ignores SIGTERM."""
    source = """
import signal
def train(trigger, data):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen(["sleep", "600"])
    (data.directory.parent / "pids").write_text(f"{os.getpid()} {child.pid}")
    time.sleep(600)
"""
    handle = place.start(source, limits=Limits(grace=0.5), time_limit=3_000)
    pids = [int(pid) for pid in wait_for(lambda: _read(place.file("pids")), "the pids").split()]
    result = ended(handle)
    assert result.status == "failed"
    assert "time limit of 3s" in result.reason
    wait_for(lambda: not any(alive(pid) for pid in pids), "the end of both")


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


needs_proc = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="leftovers in other sessions are found on Linux")
SESSIONS = ["False", pytest.param("True", marks=needs_proc)]
"""Whether a grandchild leaves the job's process group."""


@pytest.mark.parametrize("leaves", SESSIONS)
def test_processes_that_a_good_job_leaves_behind_are_ended(place: Place, leaves: str) -> None:
    """A grandchild that outlives the job, and holds its output, is ended and not waited for."""
    result = place.run(f"""
def train(trigger, data):
    child = subprocess.Popen(["sleep", "600"], start_new_session={leaves})
    (data.directory.parent / "pid").write_text(str(child.pid))
    return good(trigger, data)
""")
    assert result.status == "deployed"
    pid = int(_read(place.file("pid")))
    wait_for(lambda: not alive(pid), "the end of the grandchild")


def test_a_gigabyte_of_output_fills_neither_disk_nor_event(place: Place) -> None:
    """10 MiB stay in the file, 4 KiB in the reason; the job goes through it at full speed."""
    result = place.run("""
def train(trigger, data):
    line = b"x" * 65535 + b"\\n"
    for _ in range(1 << 14):
        os.write(1, line)
    print("the last word")
    raise ValueError("done")
""")
    assert result.status == "failed"
    assert result.reason.endswith("the last word")
    assert "raised ValueError: done" in result.reason
    assert len(result.reason) < 8192
    assert 10 << 20 <= place.file(OUTPUT_FILE).stat().st_size < (10 << 20) + 100
    assert "bytes more" in place.file(OUTPUT_FILE).read_bytes()[-100:].decode()


def test_a_thread_that_never_ends_does_not_hold_the_job(place: Place) -> None:
    """A result counts, also when the user's code keeps its process from ending by itself."""
    result = place.run("""
import streamproc.retrain.child
streamproc.retrain.child.EXIT_SECONDS = 0.2
def train(trigger, data):
    threading.Thread(target=time.sleep, args=(600,)).start()
    return good(trigger, data)
""")
    assert result.status == "deployed"


def test_a_job_that_is_told_to_end_ends(place: Place) -> None:
    """`end` does not wait; soon after, the process is gone."""
    handle = place.start("def train(trigger, data):\n    print('begun')\n    time.sleep(600)\n")
    wait_for(lambda: _read(place.file(OUTPUT_FILE)), "the beginning")
    began = time.monotonic()
    handle.end()
    assert time.monotonic() - began < 0.1
    assert handle.wait(PATIENCE)
    assert "its worker stopped" in ended(handle).reason


def test_a_job_that_nobody_asks_about_is_ended(place: Place) -> None:
    """When the stage has no task any more, nobody polls: the job ends by itself."""
    handle = place.start("def train(trigger, data):\n    time.sleep(600)\n", limits=Limits(unattended=0.5))
    assert handle.wait(PATIENCE)
    result = handle.poll()
    assert result is not None
    assert "nobody waits for it" in result.reason


def test_a_job_that_is_asked_about_goes_on(place: Place) -> None:
    """Each question counts, not only the first."""
    source = "def train(trigger, data):\n    time.sleep(1.6)\n    return good(trigger, data)\n"
    handle = place.start(source, limits=Limits(unattended=1.0))
    assert ended(handle).status == "deployed"


@pytest.mark.parametrize("leaves", SESSIONS)
def test_a_killed_worker_takes_its_jobs_along(place: Place, leaves: str) -> None:
    """A kill -9 of the worker ends the child and what the child started."""
    (place.root / "user_code.py").write_text(
        GOOD
        + f"""
def train(trigger, data):
    child = subprocess.Popen(["sleep", "600"], start_new_session={leaves})
    (data.directory.parent / "pids").write_text(f"{{os.getpid()}} {{child.pid}}")
    time.sleep(600)
"""
    )
    directory = place.jobs / "job"
    directory.mkdir()
    job = place.root / "job.json"
    job.write_text(place.job("user_code:train").model_dump_json())
    code = f"""
import pathlib, time
from streamproc.retrain.executors.process import ProcessExecutor
from streamproc.retrain.job import Job
job = Job.model_validate_json(pathlib.Path({str(job)!r}).read_bytes())
handle = ProcessExecutor(command={COMMAND!r}).start(pathlib.Path({str(directory)!r}), job)
time.sleep(600)
"""
    worker = subprocess.Popen([sys.executable, "-c", code])
    try:
        pids = [int(pid) for pid in wait_for(lambda: _read(directory / "pids"), "the pids").split()]
        assert all(alive(pid) for pid in pids)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    wait_for(lambda: not any(alive(pid) for pid in pids), "the end of the child")


def test_secrets_pass_through_the_pipe_only(place: Place) -> None:
    """What the worker hands over reaches the reader, and is neither in job.json nor in the command line."""
    result = place.run(private={"leave": "s3cret"})
    assert result.status == "deployed"
    assert (place.artifacts / "handed-over").read_text() == "s3cret"
    assert b"s3cret" not in place.file(JOB_FILE).read_bytes()


def test_a_result_that_cannot_be_used_is_a_failure(place: Place) -> None:
    """Whatever writes nonsense into result.json does not reach the log."""
    result = place.run("""
def train(trigger, data):
    (data.directory.parent / "result.json").write_text('{"status": "deployed", "reason": "trust me"}')
    os._exit(0)
""")
    assert result.status == "failed"
    assert "its result cannot be used" in result.reason


def test_a_missing_interpreter_is_an_os_error(tmp_path: Path) -> None:
    """The pool makes a failed retrain of it."""
    with pytest.raises(FileNotFoundError):
        ProcessExecutor(command=("no-such-program-x",)).start(tmp_path, make_job(tmp_path))


def test_the_window_that_is_too_short_is_said(place: Place) -> None:
    """When retention has cut into the window, the reason of the result says by how much."""
    trigger = make_trigger()
    data = trigger.data.model_copy(update={"outcomes": 150})
    result = place.run(trigger=trigger.model_copy(update={"data": data}))
    assert result.status == "deployed"
    assert "50 of 150 outcomes are gone" in result.reason
