"""Replays from a real Kafka."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import orjson

from streamproc.app import recordings
from streamproc.app.replay import Recording, replay
from streamproc.app.run import wall_clock
from streamproc.config.pipeline import Config
from streamproc.replay.files import is_numbered, journal_of
from streamproc.replay.journal import JournalReplay
from streamproc.replay.pipeline import Found
from streamproc.replay.results import Question
from tests.kafka.harness import Running, configure, until

MODELS = {
    f"m{n}": {
        "window": 100,
        "min_samples": 50,
        "detectors": {"errors": {"type": "adwin"}},
        "policies": [
            {"name": "changed", "condition": "errors"},
            {"name": "low", "condition": "accuracy < 0.8 or load > 3", "min_outcomes": 60},
        ],
        "external_metrics": ["load"],
    }
    for n in range(3)
}


def life(running: Running) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Errors that rise, a metric, commands, and a deploy for each trigger; what was raised and decided."""
    rng, answered, number = random.Random(11), set[str](), 0
    until(lambda: all(engine.progress.live for engine in running.engines), bool, "both stages to be live")
    for turn in range(12):
        predictions, labels = [], []
        for _ in range(240):
            number += 1
            wrong = rng.random() < (0.02 if turn % 4 < 2 else 0.5)
            common = {"prediction_id": f"p{number}", "time": wall_clock()}
            predictions.append({**common, "model_id": f"m{number % 3}", "prediction": 1})
            labels.append({**common, "label": int(not wrong)})
        running.send("predictions", *predictions)
        running.send("labels", *labels)
        if turn == 5:
            running.send("metrics", {"model_id": "m1", "time": wall_clock(), "metrics": {"load": 4.0}})
            running.send("commands", {"command_id": "c", "model_id": "m2", "command": "trigger", "time": wall_clock()})
        outcomes = 240 * (turn + 1)
        until(lambda: running.read("journal"), lambda r: sum(e["kind"] == "outcome" for e in r) >= outcomes, "outcomes")  # noqa: B023
        for trigger in running.read("triggers"):
            if trigger["trigger_id"] not in answered:
                answered.add(trigger["trigger_id"])
                deploy = {"model_id": trigger["model_id"], "trigger_id": trigger["trigger_id"], "time": wall_clock()}
                running.send("deploys", {**deploy, "status": "started"})
                running.send("deploys", {**deploy, "status": "deployed", "model_version": f"v{len(answered)}"})
    return settled(running)


def settled(running: Running) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What is in triggers and decisions when the monitor is at the journal's end: it answers marks of each model."""
    marks = [{"command_id": f"end-{m}", "model_id": m, "command": "resume", "time": wall_clock()} for m in MODELS]
    running.send("commands", *marks)
    until(lambda: running.read("decisions"), lambda r: sum(d["verdict"] == "resumed" for d in r) == 3, "the marks")
    return running.read("triggers"), running.read("decisions")


def by_model(events: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Each model's events in their order: topics have that order and no other."""
    return {m: [event for event in events if event["model_id"] == m] for m in MODELS}


def wired(found: list[Found], kind: str) -> list[dict[str, Any]]:
    return [e for e in (orjson.loads(orjson.dumps(each.wire())) for each in found) if (kind + "_id") in e and
            ("verdict" in e) == (kind == "decision")]  # fmt: skip


def figures(recording: Recording, config: Config) -> dict[str, Any]:
    return replay(recording, {"again": config}, Question("test", "recorded"), print)


def test_the_journal_gives_the_live_triggers_again_id_for_id(bootstrap: str, tmp_path: Path) -> None:
    """From Kafka, and from what `kcat -J` would write of it: triggers and decisions, whole and in order."""
    config = configure(bootstrap, MODELS)
    with Running(config) as running:
        triggers, decisions = life(running)
    assert len(triggers) > 5
    topic = config.topics.journal
    partitions = recordings.partitions_of(config, [topic])
    spans = recordings.spans(config, partitions, None, None)
    records = list(recordings.journal_records(config, spans))
    found = list(JournalReplay(config, partitions[topic]).run(records))
    assert by_model(wired(found, "trigger")) == by_model(triggers)
    assert by_model(wired(found, "decision")) == by_model(decisions)
    file = tmp_path / "journal.jsonl"
    with file.open("w", encoding="utf-8") as out:
        for record in records:
            key, payload = record.key(), (record.value() or b"").decode()
            line = {"topic": topic, "partition": record.partition(), "offset": record.offset()}
            line |= {"ts": record.timestamp()[1], "key": key and key.decode(), "payload": payload}
            out.write(json.dumps(line) + "\n")
    assert is_numbered(file)
    assert list(JournalReplay(config, partitions[topic]).run(journal_of([file], topic))) == found
    told = figures(Recording(journal=lambda: records, partitions=partitions[topic]), config)
    ids = {r["trigger_id"] for model in told["models"].values() for r in model["arms"][0]["raised"]}
    assert ids == {trigger["trigger_id"] for trigger in triggers}


def test_raw_topics_and_spans_of_time_and_offsets(bootstrap: str) -> None:
    """The topics give the same outcomes by model; a time or offsets choose a part."""
    config = configure(bootstrap, MODELS)
    with Running(config) as running:
        before, number = wall_clock(), 0
        middle = 0
        for _ in range(2):
            events = [{"prediction_id": f"p{number + n}", "time": wall_clock()} for n in range(90)]
            running.send(
                "predictions", *({**e, "model_id": f"m{n % 3}", "prediction": 1} for n, e in enumerate(events))
            )
            running.send("labels", *({**e, "label": 1} for e in events), b"rubbish")
            number += 90
            outcomes = number
            until(lambda: running.read("journal"), lambda r: sum(e["kind"] == "outcome" for e in r) >= outcomes, "it")  # noqa: B023
            middle = middle or wall_clock() + 1
            until(wall_clock, lambda now: now > middle, "the next part")  # noqa: B023
    names = [getattr(config.topics, n) for n in ("predictions", "labels", "metrics", "commands", "deploys")]
    partitions = recordings.partitions_of(config, names)
    for since, until_, count in ((None, None, 180), (middle, None, 90), (before, middle, 90)):
        found, rejected = recordings.raw_events(config, recordings.spans(config, partitions, since, until_))
        told = figures(Recording(events=found, rejected=rejected), config)
        assert [model["arms"][0]["outcomes"] for model in told["models"].values()] == [count // 3] * 3
        assert told["rejected"] == {"again": {"not_json": count // 90}}
    journal = recordings.partitions_of(config, [config.topics.journal])
    spans = recordings.spans(config, journal, None, None)
    part = recordings.narrowed(spans, config.topics.journal, {0: (3, 6)})
    assert [r.offset() for r in recordings.journal_records(config, part)] == [3, 4, 5]
