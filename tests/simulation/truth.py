"""What the raw topics say, worked out in one go by the plainest means: a second opinion on the join."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from streamproc.config.pipeline import Config
from streamproc.events.codec import decoder
from streamproc.events.label import Label
from streamproc.events.prediction import Prediction
from streamproc.replay.memory import MemoryRecord

Place = tuple[str, int, int]


class Log(Protocol):
    """A partition, when all is over."""

    def committed(self) -> Sequence[MemoryRecord]:
        """What a read_committed reader gets."""
        ...

    def value_at(self, offset: int) -> bytes | None:
        """The value of a record that anybody wrote."""
        ...


class Kept(Protocol):
    """What a cluster has kept, simulated or real."""

    @property
    def topics(self) -> Mapping[str, int]:
        """Topic -> partitions."""
        ...

    @property
    def logs(self) -> Mapping[tuple[str, int], Log]: ...


@dataclass(slots=True)
class Truth:
    """One prediction and its labels, in the order in which they were written: (time, label, whether it is in time)."""

    event: dict[str, Any]
    clock: int
    """The largest event time in the prediction's log, up to it."""
    labels: list[tuple[int, Any, bool]] = field(default_factory=list)
    is_sure: bool = True
    """Whether no order of reading makes it come too late."""

    @property
    def is_exact(self) -> bool:
        """Whether every order of reading must give the same outcome."""
        return self.is_sure and all(in_time for _, _, in_time in self.labels)

    @property
    def final(self) -> Any:
        """The newest label; of two with one time, the later one."""
        return max(enumerate(self.labels), key=lambda item: (item[1][0], item[0]))[1][1]


def offline_join(
    world: Kept, config: Config, refused: Collection[Place], unsuitable: Collection[Place]
) -> dict[str, Truth]:
    """Prediction id -> what is to become of it."""
    truths: dict[str, Truth] = {}
    ttl = config.join.label_ttl
    decode = decoder(Prediction)
    clocks = {n: _Clock() for n in range(world.topics[config.topics.predictions])}
    for record in _records(world, config.topics.predictions):
        if (record.topic_name, record.number, record.place) in refused:
            continue
        event = decode(record.value(), record.key(), record.time)
        clock = clocks[record.number].read(event["time"], record.time)
        if event["prediction_id"] not in truths:
            truths[event["prediction_id"]] = Truth(event, clock, is_sure=event["time"] >= clock - ttl)
    _add_labels(world, config, truths, {*refused}, {*unsuitable})
    return truths


def _add_labels(
    world: Kept, config: Config, truths: dict[str, Truth], refused: set[Place], unsuitable: set[Place]
) -> None:
    ttl, decode = config.join.label_ttl, decoder(Label)
    clocks = {n: _Clock() for n in range(world.topics[config.topics.labels])}
    newest = dict.fromkeys(clocks, 0)
    for record in _records(world, config.topics.labels):
        if (record.topic_name, record.number, record.place) in refused:
            continue
        event = decode(record.value(), record.key(), record.time)
        clock = clocks[record.number].read(event["time"], record.time)
        newest[record.number] = max(newest[record.number], record.time)
        truth = truths.get(event["prediction_id"])
        if truth is None:
            continue
        if (record.topic_name, record.number, record.place) in unsuitable:
            continue
        in_time = (
            truth.event["time"] >= max(newest[record.number], clock) - ttl
            and event["time"] >= max(clock, truth.clock) - ttl
        )
        truth.labels.append((event["time"], event["label"], in_time))


class _Clock:
    """The largest event time so far; no event takes it beyond its record."""

    def __init__(self) -> None:
        self.time = 0

    def read(self, event_time: int, record_time: int) -> int:
        self.time = max(self.time, min(event_time, record_time))
        return self.time


def _records(world: Kept, topic: str) -> list[MemoryRecord]:
    return [r for n in range(world.topics[topic]) for r in world.logs[topic, n].committed()]


def passed_on(world: Kept, config: Config, refused: Collection[Place]) -> dict[str, list[MemoryRecord]]:
    """Kind -> the metrics, commands and deploys that must be in the journal, each once and in their order."""
    topics = config.topics
    kinds = {"metric": topics.metrics, "command": topics.commands, "deploy": topics.deploys}
    return {
        kind: [r for r in _records(world, topic) if (r.topic_name, r.number, r.place) not in refused]
        for kind, topic in kinds.items()
    }
