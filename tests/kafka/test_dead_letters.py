"""Dead letters as a person deals with them, on a real Kafka: list, show, mend, retry."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from confluent_kafka import Producer
from ruamel.yaml import YAML

from streamproc.app.run import wall_clock
from streamproc.config.pipeline import Config
from streamproc.engine.dead_letters import dead_letter
from streamproc.errors import BadRecord
from streamproc.kafka.plain import Sender
from streamproc.kafka.properties import transactional
from streamproc.kafka.tail import read_all
from tests.kafka.harness import PATIENCE, Running, configure, until

COUNT = 30


class Desk:
    """The command with a configuration, as a process of its own."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "streamproc.yaml"

    def raw(self, config: Config, *arguments: str, code: int = 0) -> bytes:
        """What it writes to stdout."""
        with self._file.open("w", encoding="utf-8") as file:
            YAML().dump(config.model_dump(mode="json", exclude_defaults=True), file)
        call = [sys.executable, "-m", "streamproc.cli", "dead-letters", *arguments, "--config", str(self._file)]
        done = subprocess.run(call, capture_output=True, timeout=2 * PATIENCE, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if not code else done.stderr

    def __call__(self, config: Config, *arguments: str, code: int = 0) -> str:
        return self.raw(config, *arguments, code=code).decode()

    def letters(self, config: Config, *arguments: str) -> list[dict[str, Any]]:
        lines = self(config, "list", "--json", "--limit", "1000", *arguments).splitlines()
        return [orjson.loads(line) for line in lines]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def outcomes(running: Running) -> list[str]:
    return sorted(r["prediction_id"] for r in running.read("journal") if r["kind"] == "outcome")


def label(number: int) -> dict[str, Any]:
    return {"prediction_id": f"id-{number}", "label": 1, "time": wall_clock()}


def mend(config: Config) -> Config:
    """The same, with the field mapping that was forgotten."""
    fields = {"predictions": {"fields": {"prediction_id": "$.request"}}}
    return Config.model_validate(config.model_dump(mode="json", exclude_defaults=True) | {"inputs": fields})


def send_unmapped(config: Config, count: int) -> None:
    """Predictions whose id has another name."""
    with Sender(config.kafka) as sender:
        for n in range(count):
            event = {"request": f"id-{n}", "prediction_id": 7, "model_id": "m", "prediction": 1}
            sender.send(config.topics.predictions, f"id-{n}".encode(), orjson.dumps(event))


def test_predictions_of_a_wrong_mapping_are_found_mended_and_retried(bootstrap: str, desk: Desk) -> None:
    """What could not be used is looked at, its cause is mended, and then each prediction meets its label once."""
    config = configure(bootstrap, {"m": {}})
    topic = config.topics.predictions
    with Running(config, ["join"]) as running:
        send_unmapped(config, COUNT)
        until(lambda: running.engines[0].progress.rejected, lambda r: r == {"invalid_field": COUNT}, "the rejects")
    found = desk.letters(config, "--reason", "invalid_field", "--topic", topic, "--stage", "join", "--since", "1h")
    assert sorted(each["key"] for each in found) == sorted(f"id-{n}" for n in range(COUNT))
    assert [each["time"] for each in found] == sorted((each["time"] for each in found), reverse=True)
    assert desk.letters(config, "--reason", "empty") == []
    text = desk(config, "list", "--limit", "2")
    assert f"{COUNT - 2} older: --limit {COUNT} shows them" in text
    assert f"{COUNT} dead letters: invalid_field {COUNT}" in text

    mended = mend(config)
    with Running(mended, ["join"]) as running:
        until(lambda: running.engines[0].progress.live, bool, "the restart")
        assert f"would write {COUNT} records" in desk(mended, "retry", "--topic", topic, "--dry-run")
        assert f"wrote {COUNT} records" in desk(mended, "retry", "--topic", topic, "--yes")
        running.send("labels", *(label(n) for n in range(COUNT)))
        until(lambda: outcomes(running), lambda found: len(found) >= COUNT, "all outcomes")
        assert outcomes(running) == sorted(f"id-{n}" for n in range(COUNT))
    assert len(desk.letters(mended)) == COUNT, "none of them is bad again"


def test_a_retried_prediction_meets_a_label_that_was_read_before_the_restart(
    bootstrap: str, desk: Desk, tmp_path: Path
) -> None:
    """The label came while the prediction lay among the dead letters; what is on the disk goes on as it was."""
    config = configure(bootstrap, {"m": {}}, topics={"partitions": 1})
    with Running(config, ["join"], disk=tmp_path) as running:
        send_unmapped(config, 1)
        running.send("labels", label(0))
        until(lambda: running.engines[0].progress.records, lambda records: records == 2, "both")
    with Running(mend(config), ["join"], disk=tmp_path) as running:
        until(lambda: running.engines[0].progress.live, bool, "the restart")
        desk(mend(config), "retry", "0:0")
        until(lambda: running.engines[0].progress.records, lambda records: records == 1, "the retried one")
        running.send("labels", {**label(0), "prediction_id": "marker"})
        until(lambda: running.engines[0].progress.records, lambda records: records == 2, "the one behind it")
        assert outcomes(running) == ["id-0"]


def written(config: Config, topic: str, partitions: int = 2) -> list[Any]:
    return list(read_all(config.kafka, {getattr(config.topics, topic): partitions}))


def test_a_retry_is_the_same_record_in_the_same_place(bootstrap: str, desk: Desk) -> None:
    """Bytes, key, partition and time, though its writer had another partitioner; still bad, it is a new letter."""
    config = configure(bootstrap, {"m": {}}, join={"co_partitioning": "trust"})
    topic, time = config.topics.labels, wall_clock() - 3_600_000
    odd = [(b"\xff\x00\n", b"id-1"), (b"", None), (None, b"id-2"), (b"{", b"\xfe")]
    with Running(config, ["join"]) as running:
        with Sender(config.kafka) as sender:
            for place, (value, key) in enumerate(odd):
                sender.send(topic, key, value, partition=place % 2, timestamp=time + place)
        until(lambda: running.engines[0].progress.rejected, lambda r: sum(r.values()) == len(odd), "the rejects")
        letters = {(each["source_partition"], each["source_offset"]): each["id"] for each in desk.letters(config)}
        assert letters.keys() == {(0, 0), (0, 1), (1, 0), (1, 1)}
        assert desk.raw(config, "show", letters[0, 0], "--raw") == odd[0][0]
        assert desk.raw(config, "show", letters[0, 1], "--raw") == b""
        assert "ff 00 0a" in desk(config, "show", letters[0, 0])
        assert "wrote 4 records" in desk(config, "retry", *letters.values())
        until(lambda: running.engines[0].progress.rejected, lambda r: sum(r.values()) == 2 * len(odd), "them again")
    records = sorted(written(config, "labels"), key=lambda r: (r.timestamp()[1], r.offset()))
    for place, (value, key) in enumerate(odd):
        first, second = records[2 * place : 2 * place + 2]
        assert (first.value(), first.key(), first.partition()) == (value, key, place % 2)
        assert (second.value(), second.key(), second.partition()) == (value, key, place % 2)
        assert second.timestamp()[1] == time + place
        assert dict(second.headers()) == {"dead_letter": letters[place % 2, place // 2].encode()}
    assert len(desk.letters(config)) == 2 * len(odd)


def test_only_what_was_committed_is_a_dead_letter(bootstrap: str, desk: Desk) -> None:
    """One of an aborted transaction is none; ids that lead nowhere are refused, with the reason."""
    config = configure(bootstrap, {"m": {}}, topics={"partitions": 1})
    Running(config)  # makes the topics
    assert desk(config, "list") == "no dead letters\n"
    producer = Producer(transactional(config.kafka, config.pipeline))
    producer.init_transactions()
    for end, value in ((producer.abort_transaction, b"aborted"), (producer.commit_transaction, b"committed")):
        producer.begin_transaction()
        producer.produce(config.topics.dead_letters, value, headers=[("reason", b"empty")])
        assert producer.flush(PATIENCE) == 0
        end()
    (letter,) = desk.letters(config)
    assert desk.raw(config, "show", letter["id"], "--raw") == b"committed"
    assert "there is no dead letter 0:0" in desk(config, "show", "0:0", code=1)
    assert "there is no dead letter 0:99" in desk(config, "retry", letter["id"], "0:99", code=1)
    assert "there is no dead letter 7:0" in desk(config, "show", "7:0", code=1)
    assert "'first' is no id" in desk(config, "show", "first", code=1)
    assert "is not a topic that this pipeline reads" in desk(config, "retry", letter["id"], code=1)


def test_a_retrain_that_failed_for_good_is_asked_for_anew_once(bootstrap: str, desk: Desk) -> None:
    """Its dead letter holds the trigger; retried twice it makes one manual trigger, of a new id."""
    config = configure(bootstrap, {"m": {}}, topics={"partitions": 1})
    with Running(config) as running:
        first = {"command_id": "c", "model_id": "m", "command": "trigger", "reason": "look", "time": wall_clock()}
        running.send("commands", first)
        (trigger,) = running.wait_for("triggers", 1)
        running.send("deploys", {"model_id": "m", "status": "failed", "trigger_id": trigger["trigger_id"]})
        (record,) = written(config, "triggers", 1)
        value, key, headers = dead_letter(record, BadRecord("retrain_failed", "boom"), "retrain")
        with Sender(config.kafka) as sender:
            sender.send(config.topics.dead_letters, key, value, headers=headers)
        for _ in range(2):
            told = desk(config, "retry", "--reason", "retrain_failed")
            assert told == f"wrote 1 record: {config.topics.commands} (manual triggers) 1\n"
        (_, second) = running.wait_for("triggers", 2)
        assert second["trigger_id"] != trigger["trigger_id"]
        assert (second["cause"], second["reason"]) == ("manual", f"retry of {trigger['trigger_id']}: look")
        running.send("deploys", {"model_id": "m", "status": "failed", "trigger_id": second["trigger_id"]})
        until(lambda: sum(d["rule"] == "failed" for d in running.read("decisions")), lambda n: n == 2, "the answer")
        assert len(running.read("triggers")) == 2
