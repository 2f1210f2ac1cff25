"""Members come and go, and topics grow, while data flows: every pair meets once."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions  # type: ignore[attr-defined]

from streamproc.app.run import wall_clock
from streamproc.engine.ports import Partition
from streamproc.errors import SlotTaken, TopicError
from streamproc.kafka.client import ConfluentKafka
from tests.kafka.harness import Running, Tail, configure, until

MODELS: dict[str, Any] = {f"m{n}": {"window": 50, "min_samples": 10} for n in range(6)}
QUICK = {"session.timeout.ms": 6_000, "heartbeat.interval.ms": 500, "topic.metadata.refresh.interval.ms": 500}


def predict(running: Running, first: int, count: int) -> None:
    events = [{"prediction_id": f"id-{n}", "model_id": f"m{n % 6}", "prediction": n % 2} for n in range(first, count)]
    running.send("predictions", *({**event, "time": wall_clock()} for event in events))


def label(running: Running, first: int, count: int) -> None:
    running.send("labels", *({"prediction_id": f"id-{n}", "label": 1} for n in range(first, count)))


def outcomes(running: Running) -> list[str]:
    return [r["prediction_id"] for r in running.read("journal") if r["kind"] == "outcome"]


def wait_for_outcomes(running: Running, count: int) -> None:
    until(lambda: outcomes(running), lambda found: len(found) >= count, f"{count} outcomes")


def test_members_come_and_go_while_data_flows(bootstrap: str) -> None:
    """A prediction is read by one member and its label by another; no outcome is lost or doubled."""
    config = configure(bootstrap, MODELS, topics={"partitions": 4}, kafka={"bootstrap.servers": bootstrap, **QUICK})
    with Running(config) as running:
        predict(running, 0, 200)
        label(running, 0, 100)
        wait_for_outcomes(running, 100)
        leave = [running.add(stage, "1") for stage in ("join", "monitor")]
        predict(running, 200, 400)
        label(running, 100, 300)
        wait_for_outcomes(running, 300)
        until(lambda: owners(running, "join"), lambda n: n == 2, "the newcomer to have its share")
        predict(running, 400, 600)
        for each in leave:
            each()
        label(running, 300, 500)
        wait_for_outcomes(running, 500)
        back = [running.add(stage, "1") for stage in ("join", "monitor")]
        label(running, 500, 600)
        wait_for_outcomes(running, 600)
        assert sorted(outcomes(running)) == sorted(f"id-{n}" for n in range(600))
        assert len(back) == 2


def test_two_processes_with_one_slot_are_noticed_and_one_goes_on(bootstrap: str) -> None:
    """The one that loses says what is wrong and ends; nothing is lost or doubled while they quarrel."""
    config = configure(bootstrap, MODELS, kafka={"bootstrap.servers": bootstrap, **QUICK})
    with (
        pytest.raises(SlotTaken, match="another live process runs slot 0 of the join stage"),
        Running(config) as running,
    ):
        predict(running, 0, 100)
        label(running, 0, 50)
        wait_for_outcomes(running, 50)
        running.add("join", "0")
        until(lambda: running.failures, bool, "one of them to end")
        (reason,) = running.failures
        running.failures.clear()
        label(running, 50, 100)
        wait_for_outcomes(running, 100)
        assert sorted(outcomes(running)) == sorted(f"id-{n}" for n in range(100))
        running.failures.append(reason)


def test_a_member_whose_place_is_taken_by_nobody_takes_it_back(bootstrap: str) -> None:
    """As by a stray request to join of its own: the process stays, restores, and goes on."""
    config = configure(bootstrap, MODELS, kafka={"bootstrap.servers": bootstrap, **QUICK})
    with Running(config) as running:
        predict(running, 0, 100)
        label(running, 0, 50)
        wait_for_outcomes(running, 50)
        owned: list[Partition] = []
        name = f"{config.pipeline}-join"
        stray = ConfluentKafka(config.kafka).consumer(name, f"{name}-0")
        stray.subscribe([config.topics.predictions, config.topics.labels], owned.extend, lambda _: None, lambda _: None)
        until(lambda: (stray.consume(1, 0.1), owned)[1], bool, "the place to be taken")
        stray.close()
        label(running, 50, 100)
        wait_for_outcomes(running, 100)
        assert not running.failures


def owners(running: Running, stage: str) -> int:
    """How many members of a stage own something."""
    return sum(
        engine.progress.live for s, engine in zip(running.stages, running.engines, strict=True) if s.name == stage
    )


def grow(running: Running, count: int) -> None:
    """Both inputs have so many partitions, and who writes to them knows it."""
    topics = running.config.topics.predictions, running.config.topics.labels
    admin = AdminClient({"bootstrap.servers": running.config.kafka["bootstrap.servers"], "log_level": 0})
    for grown in admin.create_partitions([NewPartitions(topic, count) for topic in topics]).values():
        grown.result(20)
    until(lambda: [running.partitions_seen(t) for t in topics], lambda seen: seen == [count, count], "the growth")


def test_repartitioned_inputs_may_grow(bootstrap: str) -> None:
    """Predictions from before the change meet labels from after it, though their ids lead elsewhere now."""
    config = configure(
        bootstrap, MODELS, join={"co_partitioning": "repartition"}, kafka={"bootstrap.servers": bootstrap, **QUICK}
    )
    with Running(config) as running:
        predict(running, 0, 100)
        label(running, 0, 50)
        wait_for_outcomes(running, 50)
        grow(running, 5)
        predict(running, 100, 200)
        label(running, 50, 200)
        wait_for_outcomes(running, 200)
        assert sorted(outcomes(running)) == sorted(f"id-{n}" for n in range(200))


def test_co_partitioned_inputs_that_grow_are_refused_with_the_reason(bootstrap: str) -> None:
    """Pairs that straddle the change would be lost in silence: the stage stops and says what to do."""
    config = configure(bootstrap, MODELS, kafka={"bootstrap.servers": bootstrap, **QUICK})
    with pytest.raises(TopicError, match=r"more than the 2 partitions(.|\n)*repartition"), Running(config) as running:
        predict(running, 0, 50)
        label(running, 0, 50)
        wait_for_outcomes(running, 50)
        grow(running, 5)
        until(lambda: running.failures, bool, "the refusal")


def test_trusted_inputs_that_grow_go_on(bootstrap: str) -> None:
    """What is written after the change meets; that is what `trust` says."""
    config = configure(
        bootstrap, MODELS, join={"co_partitioning": "trust"}, kafka={"bootstrap.servers": bootstrap, **QUICK}
    )
    with Running(config) as running:
        predict(running, 0, 50)
        label(running, 0, 50)
        wait_for_outcomes(running, 50)
        grow(running, 5)
        tail = Tail(config, config.topics.predictions, 5)
        predict(running, 50, 100)
        until(tail.records, lambda found: len(found) == 100, "the predictions")
        tail.close()
        label(running, 50, 100)
        wait_for_outcomes(running, 100)
