"""Join and monitor on a real Kafka: what goes in, what comes out, what survives a restart."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from streamproc.app.run import wall_clock
from streamproc.config.pipeline import Config
from streamproc.errors import TopicError
from streamproc.events.partitioner import partition_of
from streamproc.kafka.tail import read_all, send_all
from streamproc.monitor.stage import MonitorStage
from streamproc.replay.memory import MemoryOutputs
from tests.kafka.harness import Running, configure, until

ADWIN = {
    "detectors": {"error_adwin": {"type": "adwin"}},
    "policies": [{"name": "p", "condition": "error_adwin", "cooldown": 0}],
}


def prediction(number: int, model: str = "m", **more: Any) -> dict[str, Any]:
    return {
        "prediction_id": f"id-{number}",
        "model_id": model,
        "model_version": "v1",
        "time": wall_clock(),
        "prediction": number % 2,
        **more,
    }


def label(number: int, value: int, time: int | None = None) -> dict[str, Any]:
    return {"prediction_id": f"id-{number}", "label": value, "time": time or wall_clock()}


def outcomes(running: Running) -> list[dict[str, Any]]:
    return [r for r in running.read("journal") if r["kind"] == "outcome"]


def test_predictions_and_labels_meet_in_any_order(bootstrap: str) -> None:
    """Labels before, after, twice and revised: each prediction has one outcome, and one more for its revision."""
    rng = random.Random(5)
    numbers = list(range(300))
    predictions = [prediction(n) for n in numbers]
    labels = [label(n, 1) for n in numbers]
    rng.shuffle(labels)
    with Running(configure(bootstrap, {"m": {}})) as running:
        running.send("labels", *labels[:150], *labels[:20])
        running.send("predictions", *predictions, *predictions[:20])
        running.send("labels", *labels[150:], *labels[100:120])
        until(lambda: outcomes(running), lambda found: len(found) == 300, "300 outcomes")
        running.send("labels", label(7, 0, wall_clock() + 1000))
        found = until(lambda: outcomes(running), lambda found: len(found) > 300, "the revision")
    assert len(found) == 301
    assert {(o["prediction_id"], o["prediction"], o["label"]) for o in found if "revises" not in o} == {
        (f"id-{n}", n % 2, 1) for n in numbers
    }
    assert [(o["prediction_id"], o["label"], o["revises"]) for o in found if "revises" in o] == [("id-7", 0, 1)]


BAD: list[tuple[str, bytes, str]] = [
    ("predictions", b"not json", "not_json"),
    ("predictions", b'{"prediction_id": "x", "model_id": "m", "prediction": NaN}', "not_json"),
    ("predictions", b'{"prediction_id": "x", "model_id": "m", "prediction": 1e999}', "not_json"),
    ("predictions", b'{"prediction_id": "x", "model_id": "m"}', "missing_field"),
    ("predictions", b'{"prediction_id": 7, "model_id": "m", "prediction": 1}', "invalid_field"),
    ("predictions", b'{"prediction_id": "x", "model_id": "nobody", "prediction": 1}', "unknown_model"),
    ("predictions", b'{"prediction_id": "x", "model_id": "m", "prediction": 1, "time": "2999-01-01T00:00:00Z"}',
     "time_out_of_range"),
    ("predictions", b'{"prediction_id": "x", "model_id": "m", "prediction": 1, "time": 1780000000}', "invalid_field"),
    ("predictions", b'{"f": "' + b"x" * 300_000 + b'"}', "too_large"),
    ("predictions", b'{"a":' + b"[" * 500 + b"]" * 500 + b"}", "too_deep"),
    ("labels", b"[1, 2]", "not_an_object"),
    ("labels", b'{"prediction_id": "id-1", "label": {"a": 1}}', "invalid_field"),
    ("labels", b'{"prediction_id": "id-1", "label": "yes"}', "label_mismatch"),
    ("metrics", b'{"model_id": "m", "metrics": {"drift": "high"}}', "invalid_field"),
    ("commands", b'{"command_id": "c", "model_id": "m", "command": "explode"}', "invalid_field"),
    ("deploys", b'{"model_id": "m", "status": "deployed"}', "invalid_field"),
]  # fmt: skip


def test_bad_input_becomes_one_dead_letter_each_and_the_stream_goes_on(bootstrap: str) -> None:
    """Every unusable record is kept, raw, with its reason and origin; what comes behind it is processed."""
    config = configure(bootstrap, {"m": {}}, topics={"partitions": 1})
    with Running(config) as running:
        running.send("predictions", prediction(1))
        running.send("labels", label(1, 1))
        until(lambda: outcomes(running), lambda found: len(found) == 1, "the first good one")
        for topic, raw, _ in BAD:
            running.send(topic, raw)
        running.send("predictions", prediction(2))
        running.send("labels", label(2, 1))
        until(lambda: outcomes(running), lambda found: len(found) == 2, "the good ones")
        name = config.topics.dead_letters
        letters = until(lambda: list(read_all(config.kafka, {name: 1})), lambda f: len(f) >= len(BAD), "dead letters")
        assert running.engines[0].progress.rejected  # counted, by reason
    origin = {
        name: getattr(config.topics, name) for name in ("predictions", "labels", "metrics", "commands", "deploys")
    }
    found = sorted((_headers(r)["source_topic"], _headers(r)["reason"], r.value()) for r in letters)
    assert found == sorted((origin[topic], reason, raw) for topic, raw, reason in BAD)
    assert all(_headers(r)["stage"] == "join" and _headers(r)["detail"] for r in letters)


def _headers(record: Any) -> dict[str, str]:
    return {name: value.decode() for name, value in record.headers()}


def _feed(config: Config, first: int, last: int, error_rate: float) -> None:
    rng = random.Random(first)
    topics = config.topics
    records = []
    for n in range(first, last):
        right = n % 2
        answer = right if rng.random() >= error_rate else 1 - right
        key = f"id-{n}".encode()
        records.append((topics.predictions, key, orjson.dumps(prediction(n, f"m{n % 3}"))))
        records.append((topics.labels, key, orjson.dumps(label(n, answer))))
    send_all(config.kafka, records)


def pure_replay(config: Config, partitions: int) -> list[str]:
    """The trigger ids that a fresh monitor gives over the journal, partition by partition."""
    stage, out = MonitorStage(config, partitions), MemoryOutputs()
    name = config.topics.journal
    by_partition: dict[int, list[Any]] = {}
    for record in read_all(config.kafka, {name: partitions}):
        by_partition.setdefault(record.partition(), []).append(record)
    for number, records in sorted(by_partition.items()):
        stage.task(number).process(name, records, out)
    return [orjson.loads(v)["trigger_id"] for topic, v, _ in out.sent if topic == config.topics.triggers]


def test_a_restart_changes_nothing(bootstrap: str) -> None:
    """Stopped and started in mid-stream, with labels outstanding: the same outcomes, the triggers of a pure replay."""
    config = configure(bootstrap, {f"m{i}": ADWIN for i in range(3)})
    topics = config.topics
    with Running(config) as running:
        _feed(config, 0, 1500, 0.05)
        # predictions whose labels come only after the restart
        waiting = [
            (topics.predictions, f"id-{n}".encode(), orjson.dumps(prediction(n, "m0"))) for n in range(9000, 9050)
        ]
        send_all(config.kafka, waiting)
        until(lambda: running.stages[1].gauges()["monitor_outcomes"], lambda n: n == 1500, "the first half")
    with Running(config) as running:
        send_all(
            config.kafka,
            [(topics.labels, f"id-{n}".encode(), orjson.dumps(label(n, n % 2))) for n in range(9000, 9050)],
        )
        _feed(config, 1500, 3000, 0.6)
        until(lambda: len({o["prediction_id"] for o in outcomes(running)}), lambda n: n == 3050, "all outcomes")
        partitions = running.partitions[topics.journal]
        expected = until(lambda: pure_replay(config, partitions), lambda ids: len(ids) == 3, "a trigger for each model")
        found = until(lambda: running.read("triggers"), lambda f: len(f) >= 3, "three triggers")
        everything = [o["prediction_id"] for o in outcomes(running)]
    assert sorted(t["trigger_id"] for t in found) == sorted(expected)
    assert len(everything) == len(set(everything)) == 3050


class FakeClock:
    """The wall clock of the engines, set by the test."""

    def __init__(self, start: str, zone: str) -> None:
        self.zone = ZoneInfo(zone)
        self.set(start)

    def set(self, local: str) -> None:
        self.ms = int(datetime.fromisoformat(local).replace(tzinfo=self.zone).timestamp() * 1000)

    def __call__(self) -> int:
        return self.ms


def test_a_daily_schedule_fires_once_a_day_at_local_midnight(bootstrap: str) -> None:
    """`0 0 * * *` in Berlin over the end of summer time, with no events, and after a night with the process down."""
    nightly = {
        "policies": [
            {"name": "nightly", "schedule": {"cron": "0 0 * * *", "time_zone": "Europe/Berlin"}, "cooldown": 0}
        ]
    }
    config = configure(bootstrap, {"m": nightly}, topics={"partitions": 1})
    clock = FakeClock("2026-10-23T23:50:00", "Europe/Berlin")

    def midnights(running: Running) -> list[str]:
        times = [t["scheduled_time"] for t in running.read("triggers")]
        return [datetime.fromtimestamp(ms / 1000, clock.zone).isoformat() for ms in times]

    def go_to(running: Running, local: str, count: int) -> list[str]:
        """Set the clock; when its tick has been dealt with there are so many triggers, all answered."""
        clock.set(local)
        until(lambda: running.read("journal"), lambda found: _has_tick(found, clock.ms), f"the tick of {local}")
        found: list[str] = until(
            lambda: midnights(running), lambda found: len(found) >= count, f"{count} midnights at {local}"
        )
        for trigger in running.read("triggers")[-1:]:  # the user's pipeline answers, so that the next one may fire
            answer = {"model_id": "m", "status": "rejected", "trigger_id": trigger["trigger_id"]}
            running.send("deploys", {**answer, "time": wall_clock()})
            until(
                lambda: sum(d["rule"] == "rejected" for d in running.read("decisions")),
                lambda answered: answered == count,
                f"answer {count}",
            )
        return found

    with Running(config, clock=clock) as running:
        for local, count in [
            ("2026-10-23T23:50:00", 0),
            ("2026-10-23T23:59:00", 0),
            ("2026-10-24T00:00:00", 1),
            ("2026-10-24T00:01:00", 1),
            ("2026-10-24T12:00:00", 1),
            ("2026-10-25T00:00:00", 2),
            ("2026-10-25T12:00:00", 2),  # summer time ends at 03:00: the next midnight is 25 hours away
            ("2026-10-25T23:59:00", 2),
        ]:
            assert len(go_to(running, local, count)) == count
    clock.set("2026-10-26T08:15:00")  # the process was down at midnight
    with Running(config, clock=clock) as running:
        go_to(running, "2026-10-26T08:15:00", 3)
        assert go_to(running, "2026-10-26T08:20:00", 3) == [
            "2026-10-24T00:00:00+02:00",
            "2026-10-25T00:00:00+02:00",
            "2026-10-26T00:00:00+01:00",
        ]


def _has_tick(journal: list[dict[str, Any]], time: int) -> bool:
    return any(record["kind"] == "tick" and record["time"] == time for record in journal)


def test_commands_reach_the_monitor_once(bootstrap: str) -> None:
    """A manual trigger sent twice with one id fires once; a paused model's policies stay silent until `resume`."""
    config = configure(
        bootstrap,
        {"m": {"external_metrics": ["drift"], "policies": [{"name": "p", "condition": "drift > 0.1", "cooldown": 0}]}},
    )
    manual = {"command_id": "c1", "model_id": "m", "command": "trigger", "reason": "new feature", "time": wall_clock()}
    with Running(config) as running:
        running.send("commands", manual, manual)
        (trigger,) = running.wait_for("triggers", 1)
        assert (trigger["policy"], trigger["cause"], trigger["reason"]) == ("manual", "manual", "new feature")
        running.send("deploys", {"model_id": "m", "status": "failed", "trigger_id": trigger["trigger_id"]})
        until(lambda: [d["rule"] for d in running.read("decisions")], lambda r: "failed" in r, "the failure")
        running.send("commands", {"command_id": "c2", "model_id": "m", "command": "pause", "time": wall_clock()})
        until(lambda: [d["verdict"] for d in running.read("decisions")], lambda v: "paused" in v, "the pause")
        running.send("metrics", {"model_id": "m", "metrics": {"drift": 0.5}})
        until(lambda: [d["rule"] for d in running.read("decisions")], lambda r: "paused" in r, "the suppression")
        assert len(running.read("triggers")) == 1
        running.send("commands", {"command_id": "c3", "model_id": "m", "command": "resume", "time": wall_clock()})
        assert [t["policy"] for t in running.wait_for("triggers", 2)] == ["manual", "p"]


def _crc32_records(config: Config, count: int) -> list[tuple[str, bytes, bytes]]:
    return [(config.topics.labels, f"id-{n}".encode(), orjson.dumps(label(n, 1))) for n in range(count)]


@pytest.mark.parametrize("mode", ["check", "repartition"])
def test_ids_that_would_never_meet_are_refused_or_repartitioned(bootstrap: str, mode: str) -> None:
    """Labels written by a client with another partitioner: a clear error, or with `repartition` they meet."""
    from confluent_kafka import Producer

    config = configure(bootstrap, {"m": {}}, join={"co_partitioning": mode}, topics={"partitions": 4})

    def feed(running: Running) -> None:
        running.send("predictions", *(prediction(n) for n in range(40)))
        python_default = Producer({"bootstrap.servers": bootstrap})
        for topic, key, value in _crc32_records(config, 40):
            python_default.produce(topic, value, key)
        python_default.flush(10)

    if mode == "repartition":
        with Running(config) as running:
            feed(running)
            until(lambda: outcomes(running), lambda found: len(found) == 40, "40 outcomes")
        return
    with (
        pytest.raises(TopicError, match=r"partitioned by different hashes|not partitioned by prediction_id"),
        Running(config) as running,
    ):
        feed(running)
        until(lambda: running.failures, bool, "the refusal")


def test_journal_records_of_a_model_lie_in_the_partition_that_the_monitor_expects(bootstrap: str) -> None:
    """The client's murmur2 and streamproc's own agree, so that a schedule knows its idle models."""
    config = configure(bootstrap, {f"model-{i}": {} for i in range(20)}, topics={"partitions": 5})
    with Running(config) as running:
        running.send("metrics", *({"model_id": f"model-{i}", "metrics": {"x": 1.0}} for i in range(20)))
        until(lambda: running.read("journal"), lambda f: sum(r["kind"] == "metric" for r in f) == 20, "20 metrics")
        name = config.topics.journal
        for record in read_all(config.kafka, {name: 5}):
            if key := record.key():
                assert record.partition() == partition_of(key.decode(), 5)
