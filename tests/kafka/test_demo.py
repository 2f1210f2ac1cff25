"""`streamproc demo` as users start it: what it shows, what it leaves behind, and that Ctrl-C ends it at any moment."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from streamproc.demo import textbook
from streamproc.demo.machinery import Machinery
from streamproc.errors import BrokerUnavailable
from streamproc.kafka.broker import EmbeddedBroker
from streamproc.kafka.tail import read_all

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the demo needs POSIX signals")

PATIENCE = 240.0
END_SECONDS = 60.0
"""It takes about 3. This notices an end that hangs; how long one takes says more of the machine than of the code."""
Demo = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """Starts the demo in a session of its own; all that it writes by itself goes below `tmp_path`."""
    started: list[subprocess.Popen[str]] = []

    def start(*options: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamproc.cli", "demo", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)
        assert process.stdout is not None
        process.stdout.close()


def running(tmp_path: Path) -> list[str]:
    """The commands that run with a file of this test: broker, supervisors, stages and retrains all name one."""
    command = ["ps", "-axww", "-o", "pid=,command="]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if str(tmp_path) in line]


def nothing_left(tmp_path: Path, seconds: float = 0.0) -> bool:
    """Whether no process and no file is left, at the latest after so many seconds."""
    deadline = time.monotonic() + seconds
    while (running(tmp_path) or any(tmp_path.iterdir())) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert running(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == []
    return True


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """The output up to a line with this text."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return "".join(lines)
    raise AssertionError(f"no {text!r} in:\n{''.join(lines)}")


def figure(output: str, name: str) -> int:
    found = re.search(rf"^ *{name} +([\d,]+)", output, re.MULTILINE)
    assert found is not None, output
    return int(found[1].replace(",", ""))


def test_the_loop_makes_fewer_errors_and_the_server_really_changes(demo: Demo, tmp_path: Path) -> None:
    """Retrained models go into service, predictions on Kafka carry their versions, and errors are avoided."""
    kept = tmp_path / "kept"
    process = demo("--rows", "5000", "--seconds", "0", "--keep", str(kept))  # all of them, however slow the machine is
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, output
    assert figure(output, "errors, with the loop") < figure(output, "errors, never retrained")
    assert figure(output, "retrains") >= 1
    assert figure(output, "joined on Kafka") == 5000
    assert running(tmp_path) == []
    assert {path.name for path in tmp_path.iterdir()} == {"kept"}

    with EmbeddedBroker(data_dir=kept / "kafka") as broker:
        answered, deployed = _versions(broker, "predictions"), _versions(broker, "deploys", status="deployed")
    assert answered[0] == deployed[0] == "v1"
    assert len(answered) > 1
    assert answered == deployed[: len(answered)]
    for version in answered[1:]:
        assert list((kept / "artifacts" / "electricity" / version).iterdir())


def _versions(broker: EmbeddedBroker, topic: str, **fields: Any) -> list[str]:
    """The model versions of a topic's events, by the time of their first one."""
    events = [e for e in _events({"bootstrap.servers": broker.bootstrap_servers}, topic) if fields.items() <= e.items()]
    return list(dict.fromkeys(event["model_version"] for event in sorted(events, key=lambda e: e["time"])))


def _events(kafka: dict[str, Any], topic: str) -> list[dict[str, Any]]:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return [orjson.loads(record.value() or b"") for record in read_all(kafka, {topic: 2})]
        except BrokerUnavailable:  # it has come back a moment ago, and does not lead all partitions yet
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_the_tutorial_prints_the_textbook_case(demo: Demo, tmp_path: Path) -> None:
    """Each step has come out as expected, and the table is that of the textbook."""
    output, _ = (process := demo("--tutorial")).communicate(timeout=PATIENCE)
    assert process.returncode == 0, output
    rows = re.findall(r"^ +(\d) +(\S.*\d) +(retrain|-) +(v\d deployed|-)", output, re.MULTILINE)
    assert rows == [
        (
            str(number),
            ", ".join(f"{name} {value:.2f}" for name, value in step.metrics.items()),
            "retrain" if step.retrains else "-",
            f"v{number} deployed" if step.retrains else "-",
        )
        for case in textbook.CASES
        for number, step in enumerate(case.steps, start=1)
    ]
    assert "all as expected" in output
    assert "warning: `accuracy > 0.90` is true when the model is good" in " ".join(output.split())
    assert "2026-03-30 00:00 = 2026-03-29T22:00Z   23 h" in output
    assert "2026-10-26 00:00 = 2026-10-25T23:00Z   25 h" in output
    assert nothing_left(tmp_path)


SIGNALS: dict[str, Callable[[subprocess.Popen[str]], None]] = {
    "the process": lambda process: process.send_signal(signal.SIGINT),
    "its group": lambda process: os.killpg(process.pid, signal.SIGINT),
    "SIGTERM": lambda process: process.send_signal(signal.SIGTERM),
}


@pytest.mark.parametrize(
    ("moment", "to"),
    [
        ("Kafka starts", "its group"),
        ("Kafka is up", "the process"),
        ("run` is up", "its group"),
        ("trigger", "the process"),
        ("trigger", "its group"),
        ("deployed", "SIGTERM"),
    ],
)
def test_ctrl_c_at_any_moment(demo: Demo, tmp_path: Path, moment: str, to: str) -> None:
    """Soon nothing runs and nothing lies about, whatever was going on: a start, a feed, a retrain."""
    process = demo()
    if moment == "Kafka starts":
        _wait_for(lambda: "kafka.Kafka" in "".join(running(tmp_path)))
    else:
        read_until(process, moment)
    began = time.monotonic()
    SIGNALS[to](process)
    output, _ = process.communicate(timeout=PATIENCE)
    assert time.monotonic() - began < END_SECONDS, output
    assert process.returncode == 130, output  # as for anything that Ctrl-C has ended
    assert "Traceback" not in output
    assert nothing_left(tmp_path, 20.0)


def test_an_end_by_force_leaves_nothing_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the orderly end takes too long, as on a loaded machine: the broker's data is removed all the same."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    machinery = Machinery(None, lambda _: None)
    machinery.broker.start()
    machinery.end_by_force()
    assert nothing_left(tmp_path)


def test_a_killed_demo_takes_everything_along(demo: Demo, tmp_path: Path) -> None:
    """Even SIGKILL in the middle of a retrain leaves no process and no file."""
    process = demo()
    read_until(process, "trigger")
    process.kill()
    process.wait(PATIENCE)
    assert nothing_left(tmp_path, 20.0)


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
