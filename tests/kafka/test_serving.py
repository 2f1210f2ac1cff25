"""A model server that follows deploys on a real Kafka, and the commands that look at them and go back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streamproc.app.run import wall_clock
from streamproc.errors import TopicError
from streamproc.serving import ModelServer
from tests.kafka.harness import until
from tests.kafka.test_cli import Shell


def event(version: str, **more: Any) -> dict[str, Any]:
    artifact = {"uri": f"{version}.txt"}
    return {
        "model_id": "fraud", "status": "deployed", "model_version": version, "time": wall_clock(), "artifact": artifact,
        **more,
    }  # fmt: skip


def test_a_server_takes_what_is_in_service_and_follows_a_rollback(bootstrap: str, tmp_path: Path) -> None:
    """At its start the newest version, then each change; `models` and `rollback` as a person types them."""
    from streamproc.config.load import load

    shell = Shell(tmp_path, bootstrap)
    config = load(tmp_path / "streamproc.yaml")
    for version in ("v1", "v2", "v3"):
        (tmp_path / f"{version}.txt").write_text(version)
    server = ModelServer(
        "fraud", load=Path.read_text, artifacts=tmp_path, kafka=config.kafka, topic=config.topics.deploys
    )
    with pytest.raises(TopicError, match="topics create"):
        server.start()
    shell("topics", "create")
    send(config, event("v1"), event("v2"), {"not": "an event"})
    with server:
        assert server.current == ("v2", "v2")
        send(config, event("v3", reason="by hand"))
        until(lambda: server.current, lambda current: current == ("v3", "v3"), "the third version")
        assert "version v3 since" in shell("models")
        assert "v3 -> v2" in shell("rollback", "fraud", "--reason", "worse on Mondays")
        until(lambda: server.current, lambda current: current == ("v2", "v2"), "the rollback")
        shown = shell("models")
    assert "rolled back: worse on Mondays" in shown
    assert "before it: v1" in shown
    assert "no version 'v7' was in service" in shell("rollback", "fraud", "--to", "v7", code=1)


def send(config: Any, *events: dict[str, Any]) -> None:
    import orjson

    from streamproc.kafka.tail import send_all

    send_all(config.kafka, [(config.topics.deploys, b"fraud", orjson.dumps(each)) for each in events])
