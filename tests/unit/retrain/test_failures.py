"""What may go wrong with commands and webhooks, in their real processes: each is a failure that says why."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from streamproc.retrain.executors.output import OUTPUT_FILE
from streamproc.retrain.executors.process import ChildProcess, Limits, ProcessExecutor
from streamproc.retrain.job import Hook, Result
from tests.unit.retrain.support import make_job
from tests.unit.retrain.test_process import COMMAND, PATIENCE, Place, alive, ended, wait_for

SECRET = "whsec_c3RyZWFtcHJvYw=="  # noqa: S105 - of this test alone


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Ends what a test leaves running."""
    made = Place(tmp_path, monkeypatch)
    yield made
    for handle in made.handles:
        handle.end()
    assert all(handle.wait(PATIENCE) for handle in made.handles)


def start(place: Place, limits: Limits | None = None, **fields: Any) -> ChildProcess:
    directory = place.jobs / f"job-{len(place.handles)}"
    directory.mkdir()
    job = make_job(place.artifacts, **{"function": None, "gate": None, **fields})
    private = {"webhooks": {"m": {"secrets": [SECRET], "headers": {}}}}
    place.handles.append(ProcessExecutor(private, COMMAND, limits).start(directory, job))
    return place.handles[-1]


def command(place: Place, code: str, **fields: Any) -> Result:
    return ended(start(place, command=(sys.executable, "-c", f"import os, resource, sys\n{code}"), **fields))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("print('about to go', flush=True)\nos._exit(3)", ["ended with code 3", "about to go"]),
        ("os.kill(os.getpid(), 11)", ["ended by signal 11"]),
        ("os.kill(os.getpid(), 9)", ["ended by signal 9"]),
        ("resource.setrlimit(resource.RLIMIT_AS, (1 << 28,) * 2)\nbytearray(1 << 30)", ["MemoryError"]),
        ("os.write(os.open('/dev/full', os.O_WRONLY), b'x')", ["No space left on device"]),
        ("pass", ["without any file"]),
        ("os.symlink('/etc/hosts', os.environ['STREAMPROC_ARTIFACT'] + '/model')", ["a link"]),
        ("open(os.environ['STREAMPROC_RESULT'], 'w').write('{')", ["no JSON"]),
    ],
    ids=["exit", "SIGSEGV", "SIGKILL", "memory", "full disk", "no artifact", "link", "result"],
)
def test_a_command_that_goes_wrong_fails_with_the_cause(place: Place, code: str, words: list[str]) -> None:
    """Codes, signals, no memory, no disk, no usable model: the reason says which."""
    result = command(place, code)
    assert result.status == "failed"
    for word in words:
        assert word in result.reason
    assert list(place.artifacts.iterdir()) == []


def test_a_commands_time_limit_ends_all_its_processes(place: Place) -> None:
    """The program and what it started, though both ignore SIGTERM."""
    code = """
import pathlib, signal, subprocess, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "600"])
pathlib.Path("pids").write_text(f"{os.getpid()} {child.pid}")
time.sleep(600)
"""
    result = command(place, code, limits=Limits(grace=0.5), time_limit=6_000)
    assert result.status == "failed"
    assert "time limit of 6s" in result.reason
    pids = [int(pid) for pid in (place.root / "pids").read_text().split()]
    wait_for(lambda: not any(alive(pid) for pid in pids), "the end of both")


def test_a_command_that_prints_a_gigabyte_fills_nothing(place: Place) -> None:
    """The file stays bounded, and the reason ends with what was printed last."""
    result = command(
        place,
        "for _ in range(1 << 14): os.write(1, b'x' * 65536)\nos.write(1, b'the last word')\nos._exit(1)",
    )
    assert result.status == "failed"
    assert result.reason.endswith("the last word")
    assert len(result.reason) < 8192
    assert place.file(OUTPUT_FILE).stat().st_size < (10 << 20) + 100


def test_a_webhook_that_nobody_serves_fails_with_the_cause(place: Place) -> None:
    """A refused connection, after the attempts; no secret is in what was printed or said."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
    result = ended(start(place, webhook=Hook(url=url, attempts=1)))
    assert result.status == "failed"
    assert "ConnectError" in result.reason
    assert SECRET not in result.reason + place.file(OUTPUT_FILE).read_text()


def test_a_webhook_that_is_silent_ends_at_the_time_limit(place: Place) -> None:
    """A service that takes the request and says nothing holds the job no longer than that."""
    asked, release = threading.Event(), threading.Event()

    class Silent(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.set()
            release.wait(PATIENCE)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Silent)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        hook = Hook(url=f"http://127.0.0.1:{server.server_port}/", request_timeout=600_000)
        result = ended(start(place, Limits(grace=0.5), webhook=hook, time_limit=8_000))
    finally:
        release.set()
        server.shutdown()
        server.server_close()
    assert asked.is_set()
    assert result.status == "failed"
    assert "time limit of 8s" in result.reason
