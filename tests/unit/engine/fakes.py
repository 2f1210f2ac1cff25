"""The ends of the engine, made of lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from streamproc.engine.ports import Headers, Partition, Position
from streamproc.errors import BadRecord, StreamprocError
from streamproc.replay.memory import MemoryRecord
from streamproc.stage import Outputs, Past, Record, Uncached

Callback = Callable[[list[Partition]], None]
BAD = b"bad"
"""The value of records that a FakeTask cannot use."""
QUIET = b"quiet"
"""The value of records that a FakeTask has nothing to say to."""


def record(topic: str, number: int, offset: int, value: bytes = b"v", key: bytes | None = b"k") -> MemoryRecord:
    """A record with a timestamp that follows its offset."""
    return MemoryRecord(topic, number, offset, value, key, 1000 + offset)


@dataclass
class Calls:
    """What was called, in order, and the errors that wait for a call."""

    made: list[str] = field(default_factory=list)
    errors: dict[str, list[StreamprocError]] = field(default_factory=dict)

    def note(self, name: str, text: str = "") -> None:
        self.made.append(f"{name} {text}".strip())
        waiting = self.errors.get(name)
        if waiting:
            raise waiting.pop(0)

    def fail(self, name: str, *errors: StreamprocError) -> None:
        """Let the next calls of this name raise these."""
        self.errors[name] = list(errors)


class FakeProducer:
    """Notes what it is told."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self.sent: list[tuple[str, bytes | None, bytes | None, int | None, Headers]] = []
        self.commits: list[tuple[dict[Partition, Position], object]] = []

    def init(self) -> None:
        self._calls.note("init")

    def begin(self) -> None:
        self._calls.note("begin")

    def send(self, topic: str, value: bytes | None, key: bytes | None, partition: int | None, headers: Headers) -> None:
        self._calls.note("send", topic)
        self.sent.append((topic, value, key, partition, headers))

    def commit(self, positions: Mapping[Partition, Position], metadata: object) -> None:
        self._calls.note("commit")
        self.commits.append((dict(positions), metadata))

    def abort(self) -> None:
        self._calls.note("abort")

    def close(self) -> None:
        self._calls.note("close")


class FakeConsumer:
    """A group of one; `batches` are what `consume` gives, or what it does."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self.batches: list[list[MemoryRecord] | Callable[[], None]] = []
        self.offsets: dict[Partition, Position] = {}
        self.bound: dict[Partition, tuple[int, int]] = {}
        self.positions: dict[Partition, int] = {}
        self.waited: list[float] = []
        self.resumed: dict[Partition, int] | None = None
        self.paused: set[Partition] = set()
        self.life = 0

    def subscribe(self, topics: Sequence[str], on_assign: Callback, on_revoke: Callback, on_lost: Callback) -> None:
        self._calls.note("subscribe")
        self.on_assign, self.on_revoke, self.on_lost = on_assign, on_revoke, on_lost

    def consume(self, limit: int, timeout: float) -> list[Record]:
        self.waited.append(timeout)
        batch = self.batches.pop(0) if self.batches else []
        if not isinstance(batch, list):
            batch()
            return []
        return cast("list[Record]", batch)

    def group_metadata(self) -> object:
        self.life += 1
        return self.life

    def committed(self, partitions: Iterable[Partition]) -> dict[Partition, Position]:
        self._calls.note("committed")
        return {p: self.offsets[p] for p in partitions if p in self.offsets}

    def bounds(self, partition: Partition) -> tuple[int, int]:
        return self.bound.get(partition, (0, 0))

    def position(self, partition: Partition) -> int:
        return self.positions.get(partition, -1)

    def pause(self, partitions: Iterable[Partition]) -> None:
        self.paused |= set(partitions)

    def resume_at(self, positions: Mapping[Partition, int]) -> None:
        self._calls.note("resume")
        self.resumed = dict(positions)

    def resign(self, seconds: float) -> None:
        self._calls.note("resign")

    def close(self) -> None:
        self._calls.note("leave")


class FakeHistory:
    """Gives its records batch by batch."""

    def __init__(self, calls: Calls, batches: list[list[MemoryRecord]]) -> None:
        self._calls, self._batches = calls, batches

    @property
    def done(self) -> bool:
        return not self._batches

    def read(self, limit: int, timeout: float) -> list[Record]:
        self._calls.note("read")
        return cast("list[Record]", self._batches.pop(0))

    def close(self) -> None:
        self._calls.note("history closed")


class FakeKafka:
    """Makes one of each; `past` is what a history gives."""

    def __init__(self) -> None:
        self.calls = Calls()
        self.member = FakeConsumer(self.calls)
        self.producers: list[FakeProducer] = []
        self.past: list[list[MemoryRecord]] = []
        self.cached: list[list[MemoryRecord]] = []
        """What a history of the topic `cache` gives."""
        self.spans: dict[Partition, tuple[int, int]] = {}
        self.found: int | None = None

    def consumer(self, group: str, instance: str) -> FakeConsumer:
        self.calls.note("consumer")
        return self.member

    def producer(self, transactional_id: str) -> FakeProducer:
        self.producers.append(FakeProducer(self.calls))
        return self.producers[-1]

    def history(self, spans: Mapping[Partition, tuple[int, int]]) -> FakeHistory:
        self.spans = dict(spans)
        return FakeHistory(self.calls, self.cached if any(topic == "cache" for topic, _ in spans) else self.past)

    def offset_at(self, partition: Partition, timestamp: int) -> int | None:
        return self.found


class FakeTask(Uncached):
    """Echoes what it is given, and remembers it."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []
        self.woken: list[int] = []
        self.mark: int | None = None
        self.closed = False

    def process(self, topic: str, records: Sequence[Record], out: Outputs) -> None:
        for each in records:
            self.seen.append((topic, each.offset()))
            if each.value() == BAD:
                out.reject(each, BadRecord("not_json", "bad"))
            elif each.value() != QUIET:
                out.send("out", each.value() or b"", each.key())

    def wake(self, now: int, out: Outputs) -> None:
        self.woken.append(now)

    def bookmark(self, topic: str) -> int | None:
        return self.mark

    def close(self) -> None:
        self.closed = True


class CachingTask(FakeTask):
    """Has its state elsewhere too; `begin` is where it wants to begin."""

    def __init__(self, begin: int) -> None:
        super().__init__()
        self.begin = begin
        self.loaded: list[tuple[bytes, bytes]] = []
        self.asked: dict[str, Past] = {}
        self.settled: list[dict[str, int]] = []

    def load(self, key: bytes, value: bytes) -> None:
        self.loaded.append((key, value))

    def resume(self, past: Mapping[str, Past]) -> Mapping[str, int]:
        self.asked = dict(past)
        return dict.fromkeys(past, self.begin)

    def snapshot(self, now: int, out: Outputs) -> None:
        out.send("cache", b"%d" % now, b"key")

    def committed(self, positions: Mapping[str, int]) -> None:
        self.settled.append(dict(positions))


class FakeStage:
    """Two inputs of which the first makes the state."""

    name = "echo"
    snapshots: str | None = None
    inputs = ("a", "b")
    folded = ("a",)

    def __init__(self) -> None:
        self.tasks: dict[int, FakeTask] = {}

    def task(self, partition: int) -> FakeTask:
        self.tasks[partition] = FakeTask()
        return self.tasks[partition]

    def gauges(self) -> Mapping[str, float]:
        return {}


class CachingStage(FakeStage):
    """The same, with a cache of the state in the topic `cache`."""

    snapshots: str | None = "cache"

    def __init__(self, begin: int) -> None:
        super().__init__()
        self._begin = begin

    def task(self, partition: int) -> CachingTask:
        self.tasks[partition] = task = CachingTask(self._begin)
        return task
