"""What must be so when everything has come to rest. Each check gives the breaches that it finds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, Protocol

import orjson

from streamproc.config.pipeline import Config
from streamproc.monitor.stage import MonitorStage
from streamproc.replay.memory import MemoryOutputs, MemoryRecord
from streamproc.stage import Record
from tests.simulation.truth import Kept, Place, Truth, passed_on
from tests.simulation.world import World


class Fates(Protocol):
    """What must become of what users wrote."""

    @property
    def refused(self) -> Collection[Place]:
        """Records that must become dead letters."""
        ...

    @property
    def unsuitable(self) -> Collection[Place]:
        """Records that may become dead letters."""
        ...


def breaches(world: World, config: Config, traffic: Fates, truths: Mapping[str, Truth]) -> list[str]:
    """All that is wrong."""
    return [*against_the_rules(world), *kept_wrongly(world, config, traffic, truths)]


def against_the_rules(world: World) -> list[str]:
    """What the model of Kafka has noticed, whatever the stages."""
    return [
        *world.complaints,
        *(step for group in world.groups.values() for step in group.steps_back),
        *_left_open(world),
    ]


def kept_wrongly(world: Kept, config: Config, traffic: Fates, truths: Mapping[str, Truth]) -> list[str]:
    """All that the logs show to be wrong."""
    return [
        *_outcomes(world, config, truths),
        *_passed_on(world, config, traffic),
        *_dead_letters(world, config, traffic),
        *_decisions(world, config),
        *_ticks(world, config),
    ]


def committed(world: Kept, topic: str) -> list[MemoryRecord]:
    """What a read_committed reader of a topic gets, partition by partition."""
    return [r for n in range(world.topics[topic]) for r in world.logs[topic, n].committed()]


def _events(records: Iterable[MemoryRecord]) -> list[dict[str, Any]]:
    return [orjson.loads(record.value_bytes or b"null") for record in records]


def _left_open(world: World) -> Iterator[str]:
    if world.coordinator.busy:
        yield "a transaction is left open"
    for (topic, number), log in world.logs.items():
        if log.has_open:
            yield f"{topic} {number} holds an open transaction"


def _outcomes(world: Kept, config: Config, truths: Mapping[str, Truth]) -> Iterator[str]:
    """Outcomes = offline join of the raw topics, each exactly once; label-free predictions likewise."""
    journal = _events(committed(world, config.topics.journal))
    found: dict[str, list[dict[str, Any]]] = {}
    shown: Counter[str] = Counter()
    for event in journal:
        if event["kind"] == "outcome":
            found.setdefault(event["prediction_id"], []).append(event)
        elif event["kind"] == "prediction":
            shown[event["prediction_id"]] += 1
    for name, truth in truths.items():
        yield from _one_prediction(name, truth, found.pop(name, []))
        watched = config.models[truth.event["model_id"]].watches_predictions
        if shown[name] > watched or (truth.is_sure and shown[name] < watched):
            yield f"prediction {name} is {shown[name]} times in the journal"
    yield from (f"outcome {name} of no prediction" for name in found)


def _one_prediction(name: str, truth: Truth, outcomes: list[dict[str, Any]]) -> Iterator[str]:
    first = [outcome for outcome in outcomes if "revises" not in outcome]
    if len(first) > 1:
        yield f"outcome {name} is {len(first)} times in the journal: {outcomes}"
    if not truth.is_exact:
        return
    if not truth.labels:
        if outcomes:
            yield f"outcome {name} of no label"
        return
    if len(first) != 1 or outcomes[0] != first[0]:
        yield f"outcome {name} is lost, or not the first of its kind: {outcomes}, {truth}"
        return
    for before, after in pairwise(outcomes):
        if after["revises"] != before["label"]:
            yield f"a revision of {name} does not follow from the one before: {before}, {after}"
    if outcomes[-1]["label"] != truth.final:
        yield f"{name} ends with {outcomes[-1]['label']}, it should be {truth.final}: {truth}"
    if any(outcomes[-1][key] != value for key, value in truth.event.items()):
        yield f"outcome {name} changed its prediction: {outcomes[-1]}"


def _passed_on(world: Kept, config: Config, traffic: Fates) -> Iterator[str]:
    """Metrics, commands and deploys are in the journal once each, those of a model in their order."""
    journal = _events(committed(world, config.topics.journal))
    for kind, records in passed_on(world, config, traffic.refused).items():
        for model in config.models:
            wanted = [_bare(e) for e in _events(records) if e["model_id"] == model]
            got = [_bare(e) for e in journal if e["kind"] == kind and e["model_id"] == model]
            if wanted != got:
                yield f"{kind} events of {model}: {len(got)} in the journal, {len(wanted)} were written"


def _bare(event: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key not in ("kind", "time")}


def _dead_letters(world: Kept, config: Config, traffic: Fates) -> Iterator[str]:
    """Accepted and dead-lettered are together what was written: each unusable record once, with its bytes."""
    places: Counter[tuple[str, int, int]] = Counter()
    for letter in committed(world, config.topics.dead_letters):
        headers = {name: value.decode() for name, value in letter.header_list}
        if headers["reason"] == "retrain_failed":
            continue  # no fault of the record's
        place = (headers["source_topic"], int(headers["source_partition"]), int(headers["source_offset"]))
        places[place] += 1
        if world.logs[place[0], place[1]].value_at(place[2]) != letter.value_bytes:
            yield f"dead letter of {place} does not hold its bytes"
    expected = {*traffic.refused, *traffic.unsuitable}
    for place in sorted(expected | places.keys()):
        count = places[place]
        if count > 1 or (count and place not in expected):
            yield f"{place} is {count} times among the dead letters"
        if not count and place in traffic.refused:
            yield f"{place} is not among the dead letters"


def _decisions(world: Kept, config: Config) -> Iterator[str]:
    """Triggers and decisions = a pure replay of the journal by fresh tasks: bytes, ids, order; no id twice."""
    stage, out = MonitorStage(config, world.topics[config.topics.journal]), MemoryOutputs()
    for number in range(world.topics[config.topics.journal]):
        records: list[Record] = [*world.logs[config.topics.journal, number].committed()]
        stage.task(number).process(config.topics.journal, records, out)
    for topic, name in ((config.topics.triggers, "trigger_id"), (config.topics.decisions, "decision_id")):
        written = committed(world, topic)
        for model in config.models:
            wanted = [value for to, value, key in out.sent if to == topic and key == model.encode()]
            got = [r.value_bytes for r in written if r.key_bytes == model.encode()]
            if wanted != got:
                yield f"{topic} of {model}: {len(got)} written, {len(wanted)} follow from the journal"
        ids = Counter(event[name] for event in _events(written))
        yield from (f"{name} {one} is {count} times in {topic}" for one, count in ids.items() if count > 1)
    yield from _ends_of_probations(world, config, [value for to, value, _ in out.sent if to == config.topics.deploys])


def _ends_of_probations(world: Kept, config: Config, follow: list[bytes]) -> Iterator[str]:
    """What the monitor has written to deploys follows from the journal, each once, beside what others wrote there."""
    topic = config.topics.deploys
    written = Counter(r.value_bytes for r in committed(world, topic) if b'"probation"' in (r.value_bytes or b""))
    if written != Counter(follow):
        yield f"{topic}: {written.total()} ends of probations written, {len(follow)} follow from the journal"


def _ticks(world: Kept, config: Config) -> Iterator[str]:
    """Ticks grow strictly in each partition; no schedule decides twice on one time."""
    for number in range(world.topics[config.topics.journal]):
        events = _events(world.logs[config.topics.journal, number].committed())
        times = [event["time"] for event in events if event["kind"] == "tick"]
        if any(after <= before for before, after in pairwise(times)):
            yield f"ticks of journal {number} do not grow: {times}"
    due = Counter(
        (event["model_id"], event["policy"], event["scheduled_time"])
        for event in _events(committed(world, config.topics.triggers))
        if event.get("scheduled_time") is not None
    )
    yield from (f"{key} fired {count} times" for key, count in due.items() if count > 1)
