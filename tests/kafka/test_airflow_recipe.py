"""The recipe in examples/airflow, without Airflow's server: its functions on the real messages of a real pipeline."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import orjson
import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from streamproc.app.run import wall_clock
from streamproc.events.codec import DEPLOY
from streamproc.kafka.properties import reader
from streamproc.serving import ModelServer
from tests.kafka.harness import PATIENCE, Running, configure

RECIPE = Path(__file__).parents[2] / "examples" / "airflow"
TRAIN = "import sys; rows = open(sys.argv[1]).readlines(); open(sys.argv[2], 'w').write(str(len(rows)))"


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The module beside the DAG, found as Airflow finds it."""
    monkeypatch.syspath_prepend(str(RECIPE))
    import streamproc_triggers  # type: ignore[import-not-found]

    assert isinstance(streamproc_triggers, ModuleType)
    yield streamproc_triggers
    del sys.modules["streamproc_triggers"]


@pytest.fixture
def running(bootstrap: str) -> Iterator[Running]:
    """A model that nobody retrains here, and a trigger."""
    policy = {"name": "degraded", "condition": "accuracy < 0.6", "cooldown": "1h"}
    config = configure(bootstrap, {"m": {"min_samples": 50, "window": 200, "policies": [policy]}})
    with Running(config) as running:
        common = [{"prediction_id": f"id-{n}", "time": wall_clock()} for n in range(60)]
        running.send("predictions", *({**c, "model_id": "m", "model_version": "v1", "prediction": 0} for c in common))
        running.send("labels", *({**c, "label": 1} for c in common))
        running.wait_for("triggers", 1)
        yield running


def messages(running: Running, topic: str) -> list[Message]:
    """What Airflow's consumer would hand to the function: the client's own messages."""
    consumer = Consumer({**reader(running.config.kafka), "group.id": "airflow", "enable.partition.eof": False})
    consumer.assign([TopicPartition(topic, number, 0) for number in range(running.partitions[topic])])
    try:
        return [message for message in consumer.consume(1, PATIENCE) if message.error() is None]
    finally:
        consumer.close()


def test_a_trigger_is_taken_trained_on_and_answered(running: Running, recipe: Any, tmp_path: Path) -> None:
    """By its headers and for its model alone; once; on its rows; with a deploy event that the monitor acts on."""
    topics = running.config.topics
    (message,) = messages(running, topics.triggers)
    trigger = recipe.wanted(message, models=["m"])
    assert trigger == running.read("triggers")[0]
    assert recipe.wanted(message) == trigger
    assert recipe.wanted(message, models=["another"]) is None
    (prediction,) = messages(running, topics.predictions)
    assert recipe.wanted(prediction) is None
    event = SimpleNamespace(extra={"from_trigger": True, "payload": orjson.loads(orjson.dumps(trigger))})
    assert recipe.each_once([event, event]) == [trigger]

    fields = train(running, recipe, trigger, tmp_path, TRAIN)
    assert fields["status"] == "deployed"
    extra = {**running.config.kafka, "group.id": "airflow-retrain", "isolation.level": "read_committed"}
    recipe.answer(trigger, fields, extra, topics.deploys)
    (deploy,) = running.wait_for("deploys", 1)
    assert DEPLOY(orjson.dumps(deploy), b"m", 0)["trigger_id"] == trigger["trigger_id"]
    server = ModelServer("m", load=Path.read_text, artifacts=tmp_path / "artifacts")
    assert server.deployed(deploy)
    assert tuple(server.current) == (deploy["model_version"], str(trigger["data"]["outcomes"]))
    running.send("commands", {"command_id": "c", "model_id": "m", "command": "trigger", "time": wall_clock()})
    assert running.wait_for("triggers", 2)[-1]["model_version"] == deploy["model_version"]


def test_a_training_that_fails_is_answered_with_its_words(running: Running, recipe: Any, tmp_path: Path) -> None:
    """`failed`, with the end of what it said; no exception that would leave the trigger without an answer."""
    (trigger,) = running.read("triggers")
    fields = train(running, recipe, trigger, tmp_path, "raise SystemExit('no such column: amount')")
    assert fields["status"] == "failed"
    assert "no such column: amount" in fields["reason"]


def train(running: Running, recipe: Any, trigger: Any, tmp_path: Path, script: str) -> Any:
    written = {
        "pipeline": running.config.pipeline,
        "kafka": running.config.kafka,
        "topics": running.config.topics.model_dump(),
        "models": {"m": {}},
    }
    (tmp_path / "streamproc.yaml").write_bytes(orjson.dumps(written))
    command = [sys.executable, "-c", script]
    return recipe.retrain(trigger, command, config=str(tmp_path / "streamproc.yaml"), artifacts=tmp_path / "artifacts")


@pytest.fixture(autouse=True)
def command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The `streamproc` of this environment is the one on the PATH."""
    monkeypatch.setenv("PATH", os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])))


def test_the_dag_compiles_and_asks_for_what_the_module_has(recipe: Any) -> None:
    """Every function that it names is there, also the one that Airflow imports by its name."""
    tree = ast.parse((RECIPE / "retrain_dag.py").read_text())
    compile(tree, "retrain_dag.py", "exec")
    names = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == recipe.__name__
    }
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    (by_name,) = {text.removeprefix(f"{recipe.__name__}.") for text in texts if text.startswith(f"{recipe.__name__}.")}
    assert names == {"each_once", "retrain", "answer"}
    assert by_name == "wanted"
    assert all(callable(getattr(recipe, name)) for name in (*names, by_name))
