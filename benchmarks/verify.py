"""Whether what came out is what should have: counted on the topics, after the clock has stopped."""

from __future__ import annotations

from collections import Counter

import orjson

from benchmarks.traffic import PARTITIONS, Maker
from streamproc.config.pipeline import Config
from streamproc.kafka.tail import read_all


def wrong_with(config: Config, pairs: int) -> list[str]:
    """What is wrong with the journal, the triggers and the dead letters of a finished run; empty: nothing."""
    topics, maker, faults = config.topics, Maker(pairs, 0), []
    expected = {maker.key(n).decode(): maker.label(n, b"", 0) for n in range(pairs)}
    seen: Counter[str] = Counter()
    mixed_up = 0
    for record in read_all(config.kafka, {topics.journal: PARTITIONS}):
        event = orjson.loads(record.value() or b"{}")
        if event["kind"] == "outcome":
            seen[event["prediction_id"]] += 1
            label = expected.get(event["prediction_id"])
            mixed_up += label is None or orjson.loads(label)["label"] != event["label"]
    missing = expected.keys() - seen.keys()
    twice = sum(count > 1 for count in seen.values())
    if missing or twice or mixed_up:
        faults.append(f"outcomes: {len(missing)} missing, {twice} more than once, {mixed_up} with a wrong id or label")
    letters = sum(1 for _ in read_all(config.kafka, {topics.dead_letters: PARTITIONS}))
    if letters:
        faults.append(f"{letters} dead letters")
    triggers = Counter(
        orjson.loads(record.value() or b"{}")["trigger_id"]
        for record in read_all(config.kafka, {topics.triggers: PARTITIONS})
    )
    if not triggers:
        faults.append("no triggers, though error rates went up")
    if any(count > 1 for count in triggers.values()):
        faults.append("a trigger came twice")
    return faults
