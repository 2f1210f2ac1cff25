"""A worse model on a real Kafka: found, rolled back, and left by the server, by nobody's hand."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from structlog.testing import capture_logs

from streamproc.app.run import wall_clock
from streamproc.serving import ModelServer
from tests.kafka.harness import Running, configure, until
from tests.kafka.test_cli import Shell

MODEL: dict[str, Any] = {
    "min_samples": 50,
    "window": 100,
    "acknowledge_within": "2s",
    "probation": {"outcomes": 300},
}


class Traffic:
    """Predictions by whatever the server has in service, and their labels: v2 answers most rows wrong."""

    def __init__(self, running: Running, server: ModelServer[str]) -> None:
        self._running, self._server = running, server
        self._rng, self._number = random.Random(5), 0

    def answers(self, count: int = 20) -> None:
        version, _ = self._server.current
        for _ in range(count):
            self._number += 1
            common = {"prediction_id": f"p{self._number}", "time": wall_clock()}
            wrong = self._rng.random() < (0.8 if version == "v2" else 0.1)
            prediction = {**common, "model_id": "m", "model_version": version, "prediction": 1}
            self._running.send("predictions", prediction)
            self._running.send("labels", {**common, "label": int(not wrong)})


def deployed(running: Running, version: str) -> None:
    event = {"model_id": "m", "status": "deployed", "model_version": version, "time": wall_clock()}
    running.send("deploys", {**event, "artifact": {"uri": f"{version}.txt"}})


def decided(running: Running, verdict: str) -> list[dict[str, Any]]:
    return [decision for decision in running.read("decisions") if decision["verdict"] == verdict]


def test_a_worse_version_is_rolled_back_and_the_server_switches_back(bootstrap: str, tmp_path: Path) -> None:
    """One rollback event, with figures and artifact; `models` says why; the monitor goes on with the old version."""
    config = configure(bootstrap, {"m": MODEL}, artifacts=str(tmp_path))
    for version in ("v1", "v2"):
        (tmp_path / f"{version}.txt").write_text(version)
    with capture_logs() as logs, Running(config, ("join", "monitor", "retrain")) as running:
        server = ModelServer(
            "m", load=Path.read_text, artifacts=tmp_path, kafka=config.kafka, topic=config.topics.deploys
        )
        traffic = Traffic(running, server)
        with server:
            deployed(running, "v1")
            until(lambda: server.current.version, lambda version: version == "v1", "the first version")
            traffic.answers(120)
            until(lambda: joined(running), lambda count: count >= 120, "its outcomes")
            deployed(running, "v2")
            until(lambda: server.current.version, lambda version: version == "v2", "the second version")
            until(lambda: decided(running, "probation"), lambda found: len(found) == 2, "the probation to begin")
            shell = Shell(tmp_path, bootstrap)
            write(config, tmp_path)
            assert "probation, " in shell("models")
            until(traffic_until(traffic, server), lambda version: version == "v1", "the rollback")
            assert server.current.model == "v1"
            traffic.answers(60)
            until(lambda: joined(running, "v1"), lambda count: count >= 180, "outcomes of the old version")
            shown = shell("models")
        (back,) = (event for event in running.read("deploys") if event["status"] == "rolled_back")
        assert (back["model_version"], back["previous_version"]) == ("v1", "v2")
        assert back["artifact"] == {"uri": "v1.txt"}
        assert back["metrics"]["probation"]["e_value"] >= 100
        (worse,) = decided(running, "worse")
        assert worse["reason"] == back["reason"]
        assert len(running.read("triggers")) == 0
    assert "rolled back: version v2 is worse than the one before" in shown
    warned = [log for log in logs if log.get("verdict") == "worse"]
    assert [log["log_level"] for log in warned] == ["warning"]


def test_a_version_that_no_server_takes_up_is_an_alert(bootstrap: str, tmp_path: Path) -> None:
    """By the journal's clock; the log warns once, also when the monitor's state is rebuilt afterwards."""
    config = configure(bootstrap, {"m": MODEL}, artifacts=str(tmp_path))
    clock = Clock()
    with capture_logs() as logs:
        with Running(config, clock=clock) as running:
            deployed(running, "v2")
            (alert,) = until(lambda: clock.minute_later(decided(running, "unacknowledged")), bool, "the alert")
        with Running(config, clock=clock) as again:
            ticks = kinds(again).count("tick")
            until(lambda: clock.minute_later(kinds(again)).count("tick"), lambda n: n > ticks + 1, "more ticks")
            assert decided(again, "unacknowledged") == [alert]
    assert "nothing of version v2 in 2s; nor has another version" in alert["reason"]
    assert [log["log_level"] for log in logs if log.get("verdict") == "unacknowledged"] == ["warning"]


class Clock:
    """Ahead of the world's; what it is now decides when ticks are written, not what time records have."""

    def __init__(self) -> None:
        self._ahead = 0

    def __call__(self) -> int:
        return wall_clock() + self._ahead

    def minute_later(self, seen: list[Any]) -> list[Any]:
        self._ahead += 60_000
        return seen


def kinds(running: Running) -> list[str]:
    return [record["kind"] for record in running.read("journal")]


def joined(running: Running, version: str | None = None) -> int:
    outcomes = [record for record in running.read("journal") if record["kind"] == "outcome"]
    return sum(version in (None, record["model_version"]) for record in outcomes)


def traffic_until(traffic: Traffic, server: ModelServer[str]) -> Callable[[], str | None]:
    """Goes on asking the server, as clients do."""

    def look() -> str | None:
        traffic.answers()
        return server.current.version

    return look


def write(config: Any, directory: Path) -> None:
    """The configuration, for commands that are typed."""
    written = {
        "pipeline": config.pipeline,
        "kafka": config.kafka,
        "topics": config.topics.model_dump(),
        "artifacts": config.artifacts,
        "models": {"m": MODEL},
    }
    (directory / "streamproc.yaml").write_bytes(orjson.dumps(written))
