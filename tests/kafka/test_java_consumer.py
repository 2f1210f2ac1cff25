"""The consumer in examples/java_consumer: Apache's own client against what streamproc writes, on a real Kafka."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from confluent_kafka import Producer

from streamproc.app.run import wall_clock
from streamproc.kafka.properties import transactional
from streamproc.kafka.tail import read_all
from tests.kafka.harness import PATIENCE, Running, configure, until
from tests.kafka.java import Program, compile_java, running_java

EXAMPLE = Path(__file__).parents[2] / "examples" / "java_consumer" / "TriggerConsumer.java"
POLICY = {"name": "degraded", "condition": "accuracy < 0.6", "cooldown": "1h"}


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled example."""
    directory = tmp_path_factory.mktemp("classes")
    compile_java(EXAMPLE, directory)
    return directory


@pytest.fixture
def running(bootstrap: str, tmp_path: Path) -> Iterator[Running]:
    """One retrain from the first label to its deploy event, and whatever a test adds."""
    model = {
        "min_samples": 50,
        "window": 200,
        "policies": [POLICY],
        "retrain": {"function": "tests.kafka.functions:majority", "gate": None},
    }
    config = configure(bootstrap, {"m": model}, artifacts=str(tmp_path / "artifacts"))
    with Running(config, ("join", "monitor", "retrain")) as running:
        common = [{"prediction_id": f"id-{n}", "time": wall_clock()} for n in range(60)]
        running.send("predictions", *({**c, "model_id": "m", "model_version": "v1", "prediction": 0} for c in common))
        running.send("labels", *({**c, "label": 1} for c in common))
        running.wait_for("deploys", 2)
        yield running


class Reader:
    """The Java program on the triggers and deploys of a pipeline, started as often as wanted."""

    def __init__(self, running: Running, classes: Path, seen: Path) -> None:
        self._running, self._classes, self.seen = running, classes, seen
        topics = running.config.topics
        self._topics = (topics.triggers, topics.deploys)

    def started(self, group: str) -> Any:
        servers = str(self._running.config.kafka["bootstrap.servers"])
        return running_java(self._classes, "TriggerConsumer", servers, group, str(self.seen), *self._topics)


def wait_for(program: Program, count: int) -> list[list[str]]:
    found = until(lambda: program.lines, lambda lines: len(lines) >= count, f"{count} lines; log: {program.log}")
    return [*found]


def records(running: Running, topic: str) -> list[Any]:
    return [*read_all(running.config.kafka, {topic: running.partitions[topic]})]


def test_it_takes_each_event_once_by_its_headers_alone(running: Running, classes: Path, tmp_path: Path) -> None:
    """A repeated record and one of an undone transaction are no second event; one without headers is passed over."""
    reader, (trigger,) = Reader(running, classes, tmp_path / "seen"), running.read("triggers")
    with reader.started("g") as program:
        lines = wait_for(program, 3)
        assert sorted(line[0] for line in lines) == ["deploy", "deploy", "retrain"]
        (retrain,) = (line for line in lines if line[0] == "retrain")
        assert retrain[1] == trigger["trigger_id"]
        assert retrain[2] == "m"
        assert retrain[4] == f"/streamproc/{running.config.pipeline}"
        assert orjson.loads(retrain[5]) == trigger
        deploys = [orjson.loads(line[5]) for line in lines if line[0] == "deploy"]
        assert [event["status"] for event in deploys] == ["started", "deployed"]
        assert [line[1] for line in lines if line[0] == "deploy"] == [event["deploy_id"] for event in deploys]
        assert deploys[1]["trigger_id"] == retrain[1]

        write(running, repeat_of(records(running, running.config.topics.triggers)[0]), undone=True)
        send_deploy_without_headers(running)
        write(running, repeat_of(records(running, running.config.topics.triggers)[0]))
        lines = wait_for(program, 4)
        assert lines[3:] == [["repeat", "dev.streamproc.trigger", trigger["trigger_id"]]]
        until(lambda: "".join(program.log), lambda log: "no CloudEvent: " in log, "the event without headers")
        program.stop()
        assert "stopped" in "".join(program.log)
        assert len(program.lines) == 4


def test_what_it_has_handled_outlives_the_process_and_its_offsets(
    running: Running, classes: Path, tmp_path: Path
) -> None:
    """After a stop it goes on where it was; a group that begins anew finds only repeats, also after a torn write."""
    reader = Reader(running, classes, tmp_path / "seen")
    with reader.started("g") as program:
        wait_for(program, 3)
        program.stop()
    with reader.seen.open("a") as file:
        file.write("\ntrg_cut-sho")
    running.send("commands", {"command_id": "c", "model_id": "m", "command": "trigger", "time": wall_clock()})
    second = running.wait_for("triggers", 2)[-1]["trigger_id"]
    running.wait_for("deploys", 4)
    with reader.started("g") as program:
        lines = wait_for(program, 3)
        program.stop()
    assert [line[1] for line in lines if line[0] == "retrain"] == [second]
    with reader.started("another") as program:
        lines = wait_for(program, 6)
        program.stop()
    assert {line[0] for line in lines} == {"repeat"}


def repeat_of(record: Any) -> tuple[str, bytes | None, bytes | None, Any]:
    """The same event once more, as a pipeline writes it that had to begin anew."""
    return record.topic(), record.value(), record.key(), record.headers()


def write(running: Running, repeat: tuple[str, bytes | None, bytes | None, Any], *, undone: bool = False) -> None:
    """In a transaction, which is undone or not."""
    topic, value, key, headers = repeat
    producer = Producer(transactional(running.config.kafka, f"{topic}-writer"))
    producer.init_transactions(PATIENCE)
    producer.begin_transaction()
    if undone:
        headers = [(name, b"trg_undone" if name == "ce_id" else content) for name, content in headers]
    producer.produce(topic, value, key, headers=headers)
    assert producer.flush(PATIENCE) == 0
    if undone:
        producer.abort_transaction(PATIENCE)
    else:
        producer.commit_transaction(PATIENCE)


def send_deploy_without_headers(running: Running) -> None:
    """As somebody's own pipeline may."""
    running.send("deploys", {"model_id": "m", "status": "deployed", "model_version": "by-hand", "time": wall_clock()})
