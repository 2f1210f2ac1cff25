"""Dead letters as people look at them: found, filtered, counted, without holding more than is shown."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, cast

from streamproc.config.pipeline import Config
from streamproc.engine.ports import Partition
from streamproc.errors import TopicError, UserError
from streamproc.kafka.tail import read_spans, spans_of
from streamproc.stage import Record


class _WithHeaders(Record, Protocol):
    """A record as it comes from Kafka."""

    def headers(self) -> Iterable[tuple[str, bytes | None]] | None: ...


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter. Anybody may write to its topic, so each header may be missing: then it is empty."""

    partition: int
    offset: int
    time: int
    """Epoch ms: when it was put there."""
    headers: Mapping[str, str]
    key: bytes | None
    value: bytes | None
    size: int
    """Bytes of the value."""

    @property
    def id(self) -> str:
        """Its place, which names it for ever."""
        return f"{self.partition}:{self.offset}"

    @property
    def source(self) -> str:
        """Topic, partition and offset of the record that could not be used."""
        return "/".join(self.header(name) or "?" for name in ("source_topic", "source_partition", "source_offset"))

    @property
    def age(self) -> tuple[int, int, int]:
        """Sorts the oldest first."""
        return self.time, self.partition, self.offset

    def header(self, name: str) -> str:
        """A header's text; empty if there is none."""
        return self.headers.get(name, "")

    def number(self, name: str) -> int | None:
        """A header's number; None if it holds none."""
        text = self.header(name)
        return int(text) if text.isascii() and text.isdecimal() else None


def letter_of(record: Record) -> Letter:
    """What a record of the dead letters' topic says."""
    pairs = cast("_WithHeaders", record).headers() or ()
    headers = {name: (text or b"").decode("utf-8", "replace") for name, text in pairs}
    value = record.value()
    return Letter(
        record.partition(),
        record.offset(),
        record.timestamp()[1],
        headers,
        record.key(),
        value,
        len(value or b""),
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which dead letters; an empty set stands for all."""

    reasons: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    stages: frozenset[str] = frozenset()
    since: int | None = None
    """Epoch ms."""

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return self == Wanted()

    def __contains__(self, letter: Letter) -> bool:
        sets = ((self.reasons, "reason"), (self.topics, "source_topic"), (self.stages, "stage"))
        return all(not wanted or letter.header(name) in wanted for wanted, name in sets) and (
            self.since is None or letter.time >= self.since
        )


class Box:
    """The dead letters of a pipeline, as they are when it is opened: what comes later is not seen."""

    def __init__(self, config: Config, partitions: Mapping[str, int]) -> None:
        """`partitions`: those of the cluster's topics. Raises TopicError."""
        self._kafka, self._topic = config.kafka, config.topics.dead_letters
        if self._topic not in partitions:
            raise TopicError(f"the topic {self._topic} is missing\n  Make it with: streamproc topics create")
        self._count = partitions[self._topic]
        self._spans: dict[int | None, dict[Partition, tuple[int, int]]] = {}

    def letters(self, wanted: Wanted) -> Iterator[Letter]:
        """Those that are wanted, each partition in its order. Raises BrokerUnavailable, UserError."""
        for record in read_spans(self._kafka, self._held(wanted.since)):
            letter = letter_of(record)
            if letter in wanted:
                yield letter

    def one(self, letter_id: str) -> Letter:
        """The one with this id (`partition:offset`). Raises UserError if there is none, BrokerUnavailable."""
        number, _, offset = letter_id.partition(":")
        if not all(part.isascii() and part.isdecimal() for part in (number, offset)):
            raise UserError(
                f"{letter_id!r} is no id of a dead letter: they are written partition:offset, such as 0:17, "
                "by `streamproc dead-letters list`"
            )
        partition, place = (self._topic, int(number)), int(offset)
        first, end = self._held(None).get(partition, (0, 0))
        records = read_spans(self._kafka, {partition: (place, place + 1)}) if first <= place < end else iter(())
        for record in records:
            return letter_of(record)
        raise UserError(
            f"there is no dead letter {letter_id} in {self._topic}: never written, or removed since (retention.ms)"
        )

    def _held(self, since: int | None) -> dict[Partition, tuple[int, int]]:
        if since not in self._spans:
            self._spans[since] = spans_of(self._kafka, {self._topic: self._count}, since)
        return self._spans[since]


def newest(letters: Iterable[Letter], limit: int) -> tuple[list[Letter], Counter[str]]:
    """(the newest `limit` of them, newest first, without their values; how many there are by reason)."""
    counts: Counter[str] = Counter()

    def counted() -> Iterator[Letter]:
        for letter in letters:
            counts[letter.header("reason") or "?"] += 1
            yield replace(letter, value=None)

    return heapq.nlargest(limit, counted(), key=lambda letter: letter.age), counts
