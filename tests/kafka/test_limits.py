"""Rubbish on a real Kafka: a partition of it is paused, and nothing is lost."""

from __future__ import annotations

import orjson
from structlog.testing import capture_logs

from streamproc.app.run import wall_clock
from streamproc.config.pipeline import Config, DeadLetters
from streamproc.engine.limits import SLICE
from streamproc.events.partitioner import partition_of
from streamproc.kafka.admin import Admin
from streamproc.kafka.tail import read_all, send_all
from tests.kafka.harness import Running, configure, until

POISON = 10_000
LIMIT = 1000
PARTITIONS = 2


def keys(partition: int, first: int, count: int) -> list[str]:
    """Prediction ids that lie in this partition."""
    found = (f"id-{n}" for n in range(first, first + 100 * count))
    return [key for key in found if partition_of(key, PARTITIONS) == partition][:count]


def pairs(config: Config, ids: list[str]) -> list[tuple[str, bytes, bytes]]:
    """Predictions and their labels."""
    now, topics = wall_clock(), config.topics
    records = []
    for key in ids:
        prediction = {"prediction_id": key, "model_id": "m", "prediction": 1, "time": now}
        records.append((topics.predictions, key.encode(), orjson.dumps(prediction)))
        records.append((topics.labels, key.encode(), orjson.dumps({"prediction_id": key, "label": 1, "time": now})))
    return records


def outcomes(running: Running) -> list[str]:
    return sorted(r["prediction_id"] for r in running.read("journal") if r["kind"] == "outcome")


def letters(config: Config) -> list[int]:
    """Source offsets of the dead letters, all of predictions, partition 0."""
    found = []
    for record in read_all(config.kafka, {config.topics.dead_letters: PARTITIONS}):
        headers: dict[str, bytes] = dict(record.headers())  # type: ignore[attr-defined]
        assert (headers["source_topic"], headers["source_partition"]) == (config.topics.predictions.encode(), b"0")
        found.append(int(headers["source_offset"]))
    return sorted(found)


def committed(config: Config) -> dict[int, int | None]:
    """Of the predictions, by partition."""
    lags = Admin(config.kafka).lags(f"{config.pipeline}-join", {config.topics.predictions: PARTITIONS})
    return {lag.partition: lag.committed for lag in lags}


def test_a_partition_of_poison_is_paused_and_nothing_is_lost(bootstrap: str) -> None:
    """10,000 unusable records between good ones: a thousand dead letters, one alert, the other partition goes on.

    After a restart with the limit raised everything is through, each record once: as outcome or as dead letter.
    """
    config = configure(bootstrap, {"m": {}}, topics={"partitions": PARTITIONS}, dead_letters={"max_run": LIMIT})
    before, after = keys(0, 0, 50), keys(0, 100_000, 50)
    first, later = keys(1, 0, 50), keys(1, 100_000, 50)
    poison = keys(0, 500_000, 1)[0].encode()
    with Running(config, ["join"]) as running, capture_logs() as logs:
        send_all(config.kafka, pairs(config, [*before, *first]))
        until(lambda: outcomes(running), lambda found: len(found) == 100, "the good ones before")
        send_all(config.kafka, [(config.topics.predictions, poison, b"poison %d" % n) for n in range(POISON)])
        send_all(config.kafka, pairs(config, after))
        (engine,) = running.engines
        until(lambda: engine.progress.paused, lambda paused: paused == 1, "the pause")
        send_all(config.kafka, pairs(config, later))
        until(lambda: outcomes(running), lambda found: len(found) == 150, "the other partition's")
        stop = committed(config)[0]
        found = letters(config)
        assert engine.progress.live
    assert stop is not None
    assert LIMIT <= len(found) < LIMIT + SLICE
    assert found == list(range(50, stop)), "the offset stays before what was not taken"
    (alert,) = [entry for entry in logs if entry["event"].startswith("partition paused")]
    assert (alert["log_level"], alert["offset"], alert["dead_letters"]) == ("error", stop, {"not_json": len(found)})

    raised = config.model_copy(update={"dead_letters": DeadLetters(max_run=2 * POISON, max_share=1)})
    with Running(raised, ["join"]) as running:
        until(lambda: outcomes(running), lambda found: len(found) == 200, "everything")
        assert outcomes(running) == sorted([*before, *after, *first, *later])
        until(lambda: letters(config), lambda found: len(found) >= POISON, "all dead letters")
        assert letters(config) == list(range(50, 50 + POISON))
