"""A monitor that comes back on a real Kafka: from its snapshots, without them, and without the journal's beginning."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from streamproc.app.run import wall_clock
from streamproc.config.pipeline import Config
from streamproc.errors import JournalTruncated
from streamproc.kafka.tail import read_all
from tests.kafka.harness import Running, configure, until

MODEL: dict[str, Any] = {
    "window": 50,
    "min_samples": 10,
    "detectors": {"worse": {"type": "page_hinkley", "min_instances": 20, "threshold": 3.0}},
    "policies": [{"name": "degraded", "condition": "worse or accuracy < 0.3"}],
    "retrain_timeout": "1s",
}
PARTITIONS = 2


@pytest.fixture
def config(bootstrap: str) -> Config:
    return configure(bootstrap, {f"m{n}": MODEL for n in range(8)}, engine={"snapshot_interval": "100ms"})


def feed(running: Running, first: int, count: int) -> None:
    """Outcomes of all models; every other hundred is wrong."""
    numbers = range(first, first + count)
    common = [{"prediction_id": f"id-{n}", "model_id": f"m{n % 8}", "time": wall_clock()} for n in numbers]
    running.send("predictions", *({**event, "prediction": 1} for event in common))
    labels = [{"prediction_id": f"id-{n}", "label": 1 - n // 100 % 2} for n in numbers]
    running.send("labels", *labels)


def outcomes(running: Running) -> int:
    return sum(int(stage.gauges().get("monitor_outcomes", 0)) for stage in running.stages)


def fed(running: Running, first: int, count: int) -> None:
    """Feed, and wait until the monitor has it."""
    before = outcomes(running)
    feed(running, first, count)
    until(lambda: outcomes(running), lambda seen: seen >= before + count, f"{count} more outcomes")


def with_snapshots(config: Config) -> Iterator[Running]:
    """A pipeline until each model has a snapshot that is newer than its thousandth outcome."""
    with Running(config) as running:
        fed(running, 0, 1200)
        # A model's turn comes with the commits.
        fresh = (n for n in range(1200, 1_000_000, 8))

        def more() -> int:
            fed(running, next(fresh), 8)
            return saved(config)

        until(more, lambda keys: keys == 8 + PARTITIONS, "the snapshots")
        fed(running, 1_000_000, 400)
        yield running


def saved(config: Config) -> int:
    """Keys on the snapshots topic: each model's, and each partition's own."""
    return len({(r.partition(), r.key()) for r in read_all(config.kafka, {config.topics.snapshots: PARTITIONS})})


def test_a_restart_reads_only_what_comes_after_the_snapshots(config: Config) -> None:
    """And goes on with the same state: what it says then is what one says that has read the whole journal."""
    for running in with_snapshots(config):
        until(partial(running.read, "triggers"), bool, "a trigger")
    with Running(config, ["monitor"]) as running:
        until(lambda: running.engines[0].progress.live, bool, "the monitor")
        progress = running.engines[0].progress
        whole = sum(1 for _ in read_all(config.kafka, {config.topics.journal: PARTITIONS}))
        assert progress.restored_records < whole / 2, "most of the journal is in the snapshots"
        assert running.stages[0].gauges()["monitor_rebuilt_models"] == 0
    triggers_follow_from_the_journal(config)


def test_snapshots_that_cannot_be_read_are_rebuilt_from_the_journal(config: Config) -> None:
    """Nothing is lost by them: they are a cache."""
    for _ in with_snapshots(config):
        pass
    damage(config)
    with Running(config) as running:
        until(lambda: running.engines[1].progress.live, bool, "the monitor")
        assert running.stages[1].gauges()["monitor_rebuilt_models"] == 8
        fed(running, 2_000_000, 400)
    triggers_follow_from_the_journal(config)


def test_a_journal_that_was_cut_is_enough_with_snapshots_and_said_without(config: Config) -> None:
    """The message names the topic, the models and what to do."""
    for _ in with_snapshots(config):
        pass
    admin = AdminClient({**config.kafka, "log_level": 0})
    cuts = [TopicPartition(config.topics.journal, number, 50) for number in range(PARTITIONS)]
    for cut in admin.delete_records(cuts).values():
        assert cut.result(20).low_watermark == 50
    with Running(config) as running:
        fed(running, 2_000_000, 400)
    damage(config)
    with (
        pytest.raises(
            JournalTruncated, match=rf"{config.topics.journal}.* begins at offset 50(.|\n)*m\d(.|\n)*rebuild"
        ),
        Running(config, ["monitor"]) as running,
    ):
        until(lambda: running.failures, bool, "the refusal")


def damage(config: Config) -> None:
    """A byte is another one, in every snapshot."""
    producer = Producer({**config.kafka, "log_level": 0})
    for record in read_all(config.kafka, {config.topics.snapshots: PARTITIONS}):
        value = bytearray(record.value() or b"")
        value[len(value) // 2] ^= 1
        producer.produce(config.topics.snapshots, bytes(value), record.key(), record.partition())
    assert producer.flush(20) == 0


def triggers_follow_from_the_journal(config: Config) -> None:
    """Those that were written are those of a pure replay: bytes, ids, order."""
    from streamproc.monitor.stage import MonitorStage
    from streamproc.replay.memory import MemoryOutputs

    stage = MonitorStage(config, PARTITIONS)
    records = list(read_all(config.kafka, {config.topics.journal: PARTITIONS}))
    written = list(read_all(config.kafka, {config.topics.triggers: PARTITIONS}))
    for number in range(PARTITIONS):
        out = MemoryOutputs()
        mine = sorted((r for r in records if r.partition() == number), key=lambda r: r.offset())
        stage.task(number).process(config.topics.journal, mine, out)
        for model_id in config.models:
            key = model_id.encode()
            wanted = [value for topic, value, of in out.sent if topic == config.topics.triggers and of == key]
            got = [r.value() for r in sorted(written, key=lambda r: r.offset()) if r.key() == key]
            if wanted:
                assert got == wanted, model_id
    assert written
