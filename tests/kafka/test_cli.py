"""The commands as a person types them, each a process of its own, on a real Kafka."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.kafka.harness import PATIENCE

CONFIG = """\
pipeline: {pipeline}
kafka: {{bootstrap.servers: "{bootstrap}"}}
topics: {{partitions: 2, {topics}}}
engine: {{http: "127.0.0.1:0"}}
models:
  fraud:
    external_metrics: [drift]
    policies:
      - {{name: drifted, condition: drift > 0.1}}
"""
TOPICS = (
    "predictions",
    "labels",
    "metrics",
    "commands",
    "journal",
    "triggers",
    "decisions",
    "deploys",
    "dead_letters",
    "snapshots",
)


class Shell:
    """Commands in a directory with a configuration."""

    def __init__(self, directory: Path, bootstrap: str) -> None:
        self.directory = directory
        mark = uuid.uuid4().hex[:8]
        topics = ", ".join(f"{name}: {mark}-{name}" for name in TOPICS)
        (directory / "streamproc.yaml").write_text(
            CONFIG.format(pipeline=f"t{mark}", bootstrap=bootstrap, topics=topics)
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "streamproc.cli", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(command, cwd=self.directory, env={**os.environ}, **pipes)  # type: ignore[call-overload,no-any-return]

    def __call__(self, *arguments: str, code: int = 0) -> str:
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=PATIENCE * 2)
        assert process.returncode == code, output
        return output


@pytest.fixture
def shell(tmp_path: Path, bootstrap: str) -> Shell:
    return Shell(tmp_path, bootstrap)


def test_from_topics_to_a_trigger_by_hand(shell: Shell) -> None:
    """check, topics create, run, trigger, status, SIGTERM: each does what the README says."""
    assert "error" not in shell("check")
    assert "topics create" in shell("run", code=1)  # topics are missing: the message names the command
    assert "topics create" in shell("trigger", "fraud", code=1)
    assert shell("topics", "create").count("created") == len(TOPICS)
    assert shell("topics", "create").count("exists") == len(TOPICS)
    running = shell.start("run", "join", "monitor", "--log-format", "json")
    try:
        shell("trigger", "fraud", "--reason", "new feature", "--id", "by-hand")
        status = _status_with_a_trigger(shell)
    finally:
        running.send_signal(signal.SIGTERM)
        output, _ = running.communicate(timeout=PATIENCE)
    assert running.returncode == 0, output
    (fraud,) = status["models"]
    assert (fraud["triggers"], fraud["last_trigger"]["reason"]) == (1, "new feature")
    assert {s["name"]: len(s["members"]) for s in status["stages"]} == {"join": 1, "monitor": 1, "retrain": 0}
    assert all(orjson.loads(line) for line in output.splitlines())  # logs are JSON lines
    assert "new feature" in shell("status")
    assert "no model 'froud'" in shell("trigger", "froud", code=1)


def _status_with_a_trigger(shell: Shell) -> dict[str, list[dict[str, Any]]]:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        status: dict[str, list[dict[str, Any]]] = orjson.loads(shell("status", "--json"))
        if status["models"][0]["triggers"]:
            return status
    raise AssertionError("no trigger in time")


def test_a_wrong_address_is_said_within_seconds_and_tried_again(tmp_path: Path) -> None:
    """`run` names the address and goes on trying; a command that needs an answer ends with exit code 3."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: nobody answers here
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        shell = Shell(tmp_path, address)
        began = time.monotonic()
        assert address in shell("topics", "create", code=3)
        running = shell.start("run")
        assert running.stdout is not None
        while address not in running.stdout.readline():
            assert running.poll() is None
        assert time.monotonic() - began < PATIENCE
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=PATIENCE)
        assert running.returncode == 0


def test_two_processes_with_one_slot_are_noticed_and_explained(shell: Shell) -> None:
    """The second process on a host that asks for a slot that is held says so, and ends."""
    shell("topics", "create")
    first = shell.start("run", "join", "--slot", "a/1")
    try:
        assert first.stdout is not None
        while "live" not in first.stdout.readline():
            assert first.poll() is None
        assert "runs slot 'a/1'" in shell("run", "join", "--slot", "a/1", code=1)
    finally:
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=PATIENCE)
    assert first.returncode == 0
