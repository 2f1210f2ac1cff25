"""Recorded events from Kafka: a span of the journal, or of the topics that the join reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import orjson

from streamproc.config.pipeline import Config
from streamproc.engine.ports import Partition
from streamproc.errors import BadRecord, TopicError, UserError
from streamproc.events.codec import Decode, decoder
from streamproc.kafka.admin import Admin
from streamproc.kafka.client import ConfluentKafka
from streamproc.kafka.tail import read_spans, spans_of
from streamproc.replay.mapping import EVENTS
from streamproc.replay.recorded import ROLES, Recorded, Role
from streamproc.stage import Record

Spans = Mapping[Partition, tuple[int, int]]
"""(topic, partition) -> offsets [from, to)."""


def partitions_of(config: Config, topics: Sequence[str]) -> dict[str, int]:
    """Topic -> partitions. Raises TopicError, BrokerUnavailable."""
    known = Admin(config.kafka).partitions()
    missing = [topic for topic in topics if topic not in known]
    if missing:
        raise TopicError(f"there is no topic {', '.join(missing)}: nothing to replay")
    return {topic: known[topic] for topic in topics}


def spans(config: Config, partitions: Mapping[str, int], since: int | None, until: int | None) -> Spans:
    """What the topics hold between two times (epoch ms; of the records). Raises BrokerUnavailable, UserError."""
    found = spans_of(config.kafka, partitions, since)
    if until is None:
        return found
    kafka = ConfluentKafka(config.kafka)
    ended = {}
    for partition, (start, end) in found.items():
        beyond = kafka.offset_at(partition, until)
        ended[partition] = (start, end if beyond is None else max(start, min(beyond, end)))
    return ended


def narrowed(found: Spans, topic: str, offsets: Mapping[int, tuple[int, int | None]]) -> Spans:
    """Only these offsets of the topic's partitions. Raises UserError for a partition that is not there."""
    if not offsets:
        return found
    chosen = {}
    for number, (start, end) in offsets.items():
        span = found.get((topic, number))
        if span is None:
            raise UserError(f"{topic} has no partition {number}")
        low, high = span
        chosen[topic, number] = (max(start, low), high if end is None else min(end, high))
    return chosen


def journal_records(config: Config, chosen: Spans) -> Iterator[Record]:
    """One partition after the other: each is a history of its own. Raises BrokerUnavailable, UserError."""
    for partition, span in sorted(chosen.items()):
        yield from read_spans(config.kafka, {partition: span})


def raw_events(config: Config, chosen: Spans) -> tuple[list[Recorded], Counter[str]]:
    """The events of all topics under our own field names, sorted by their records' times; and what was unusable.

    All are in memory. Raises BrokerUnavailable, UserError.
    """
    roles: dict[str, tuple[Role, Decode]] = {}
    for role in ROLES:
        fields = getattr(config.inputs, role).fields if hasattr(config.inputs, role) else None
        roles[getattr(config.topics, role)] = role, decoder(EVENTS[role], fields)
    events: list[Recorded] = []
    rejected: Counter[str] = Counter()
    for number, record in enumerate(read_spans(config.kafka, chosen)):
        role, decode = roles[record.topic()]
        arrived = record.timestamp()[1]
        try:
            event = decode(record.value(), record.key(), arrived)
        except BadRecord as error:
            rejected[error.code] += 1
            continue
        events.append(Recorded(arrived, ROLES.index(role), number, orjson.dumps(event)))
    events.sort()
    return events, rejected
