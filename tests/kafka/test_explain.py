"""`explain`, `approve` and `deny`, as a person types them, on a real Kafka."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import orjson
import pytest

from streamproc.config.load import load
from streamproc.kafka.tail import send_all
from tests.kafka.harness import PATIENCE
from tests.kafka.test_cli import Shell

POLICY = "      - {name: drifted, condition: drift > 0.1, approval: required}\n"


@pytest.fixture
def shell(tmp_path: Path, bootstrap: str) -> Shell:
    made = Shell(tmp_path, bootstrap)
    file = tmp_path / "streamproc.yaml"
    file.write_text(re.sub(r" +- \{name: drifted.*\n", POLICY, file.read_text()))
    return made


def until(shell: Shell, topic: str, verdict: str | None = None) -> str:
    """The id of the first such event."""
    from streamproc.kafka.admin import Admin
    from streamproc.kafka.tail import read_all

    config = load(shell.directory / "streamproc.yaml")
    name, deadline = getattr(config.topics, topic), time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for record in read_all(config.kafka, {name: Admin(config.kafka).partitions()[name]}):
            event = orjson.loads(record.value() or b"{}")
            if verdict is None or event.get("verdict") == verdict:
                return str(event["trigger_id" if verdict is None else "decision_id"])
        time.sleep(0.1)
    raise AssertionError(f"no {verdict or topic} in time")


def test_a_request_is_explained_approved_and_its_trigger_explained(shell: Shell) -> None:
    """Drift asks; a person reads why, says yes; the trigger comes and its story has all of it."""
    shell("topics", "create")
    running = shell.start("run", "join", "monitor", "--log-format", "json")
    try:
        config = load(shell.directory / "streamproc.yaml")
        metric = {"model_id": "fraud", "time": int(time.time() * 1000), "metrics": {"drift": 0.7}}
        send_all(config.kafka, [(config.topics.metrics, b"fraud", orjson.dumps(metric))])
        request = until(shell, "decisions", "awaiting_approval")
        asked = shell("explain", request)
        assert "policy drifted asked for approval" in asked
        assert "drift = 0.7" in asked
        assert "drift > 0.1: true" in asked
        assert "Nobody has answered" in asked
        assert f"streamproc approve {request}" in shell("status")
        shell("approve", request, "--reason", "looks real")
        trigger = until(shell, "triggers")
        told = shell("explain", trigger)
        assert "Policy drifted fired, because its condition held: drift > 0.1: approved by cmd_" in told
        assert "(looks real)" in told
        assert "drifted asked for approval" in told
        assert "nobody has answered it yet" in told
        deploy = {"model_id": "fraud", "time": metric["time"], "status": "rejected", "trigger_id": trigger}
        deploy["reason"] = "no better than the champion"
        send_all(config.kafka, [(config.topics.deploys, b"fraud", orjson.dumps(deploy))])
        assert "rejected: no better than the champion" in shell("explain", trigger)
        assert "Answer: " in shell("explain", request)
        assert "asks for nothing" in shell("deny", until(shell, "decisions", "fired"), code=1)
        assert "neither a trigger nor a decision" in shell("explain", "trg_unknown", code=1)
    finally:
        running.send_signal(signal.SIGTERM)
        output, _ = running.communicate(timeout=PATIENCE)
    assert running.returncode == 0, output
