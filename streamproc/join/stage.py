"""The join stage: reads all that comes from outside, writes the journal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import orjson

from streamproc.config.pipeline import Config
from streamproc.errors import BadRecord, StateDamaged, StreamprocError, TopicError
from streamproc.events.codec import Decode, decoder
from streamproc.events.command import Command
from streamproc.events.deploy import Deploy
from streamproc.events.metric import Metric
from streamproc.join.inputs import source_topics
from streamproc.join.joiner import Counts, Joiner
from streamproc.join.partitioning import PartitioningCheck
from streamproc.join.reading import Read, T, label_reader, prediction_reader
from streamproc.join.restart import rules, unusable
from streamproc.join.store.disk import Disk
from streamproc.join.store.memory import MemoryStore
from streamproc.join.store.overlay import Overlay
from streamproc.join.store.protocol import Kept, Store
from streamproc.stage import Outputs, Past, Record, Task, Uncached

BUCKETS_PER_TTL = 8
"""Fewer make the search for an id cheaper, more let less stay that has expired: here an eighth too much at most."""
MOST_RECENT, FEWEST_RECENT = 40_000, 1_000
"""Entries that stay in memory over a disk: of all partitions together, and of one however many there are."""
MOST_UNSETTLED = 20_000
"""Entries of all partitions together that wait in memory for their disk: what a killed process has to read again."""
SETTLE_MS = 1_000
"""How long they wait at most, with commits that often: a label that comes soon spares its prediction a write."""


class JoinStage:
    """One task per partition number of the co-partitioned predictions and labels."""

    name = "join"
    snapshots = None

    def __init__(
        self, config: Config, partitions: int, disks: Callable[[int], Disk] | None = None, recent: int | None = None
    ) -> None:
        """`disks` gives the disk of a partition's state; without, it is in memory alone. `recent`: as of Overlay."""
        self._config, self._partitions, self._disks = config, partitions, disks
        self._recent = max(FEWEST_RECENT, MOST_RECENT // partitions) if recent is None else recent
        self.most_unsettled = max(FEWEST_RECENT, MOST_UNSETTLED // partitions)
        self._bucket_ms = max(1000, config.join.label_ttl // BUCKETS_PER_TTL)
        topics = config.topics
        self.predictions, self.labels = source_topics(config)
        self.inputs = (self.predictions, self.labels, topics.metrics, topics.commands, topics.deploys)
        self.folded = (self.predictions, self.labels)
        self._tasks: dict[int, JoinTask] = {}

    def task(self, partition: int) -> Task:
        if partition >= self._partitions and self._config.join.co_partitioning == "check":
            raise TopicError(self._grown())
        task = JoinTask(self, self._config, partition, self._partitions, self._store(partition))
        self._tasks[partition] = task
        return task

    def _store(self, partition: int) -> Store:
        if self._disks is None:
            return MemoryStore(self._bucket_ms)
        return Overlay(self._disks(partition), self._bucket_ms, rules(self._config), self._recent)

    def _grown(self) -> str:
        return (
            f"{self.predictions} and {self.labels} have more than the {self._partitions} partitions that they had when "
            "this process started: equal ids lead elsewhere now, and a label from after the change would not meet a "
            "prediction from before it.\n  Set join.co_partitioning to `repartition`, where the numbers may change, "
            "or to `trust` to go on without those pairs."
        )

    def closed(self, partition: int) -> None:
        self._tasks.pop(partition, None)

    def gauges(self) -> Mapping[str, float]:
        tasks = list(self._tasks.values())
        counts = {
            f"join_{field.name}": sum(getattr(t.joiner.counts, field.name) for t in tasks) for field in fields(Counts)
        }
        return {**counts, "join_waiting": sum(len(t.joiner.store) for t in tasks)}


class JoinTask(Uncached):
    """The join of one partition."""

    def __init__(self, stage: JoinStage, config: Config, partition: int, partitions: int, store: Store) -> None:
        self._stage, self._partition = stage, partition
        ttl = config.join.label_ttl
        self.joiner = Joiner(config.models, store, ttl)
        self._positions: dict[str, int] = {}
        """Of the folded topics: the state is what follows from all before."""
        self._settled: dict[str, int] = {}
        self._is_clean = False
        """Whether nothing has been taken since the last commit: what is in memory can no longer be undone."""
        self._now = self._settled_at = 0
        """The newest wake-up, and when the second began in which the disk was written last, epoch ms."""
        self._phase = SETTLE_MS * (partition % partitions) // partitions
        """Each partition's seconds begin at another time: all disks at once would hold up the records behind them."""
        self._committed: dict[str, int] = {}
        """Of the folded topics, when the partition was opened: what is below is only read again. Empty from then on."""
        self._models = {model_id: model_id.encode() for model_id in config.models}
        self._journal = config.topics.journal
        self._max_future = config.join.max_future
        self._ttl = ttl
        self._check = PartitioningCheck(partition, partitions) if config.join.co_partitioning == "check" else None
        inputs = config.inputs
        copied = config.join.co_partitioning == "repartition"  # the copies have our own field names already
        self._read_prediction = prediction_reader(None if copied else inputs.predictions.fields, config.models)
        self._read_label = label_reader(None if copied else inputs.labels.fields)
        self._others: dict[str, tuple[str, Decode]] = {
            config.topics.metrics: ("metric", decoder(Metric, inputs.metrics.fields)),
            config.topics.commands: ("command", decoder(Command)),
            config.topics.deploys: ("deploy", decoder(Deploy)),
        }

    def process(self, topic: str, records: Sequence[Record], out: Outputs) -> None:
        if topic not in self._stage.folded:
            self._pass_on(*self._others[topic], records, out)
            return
        self._is_clean = False  # before all else: a producer that is lost ends this in the midst of it
        if topic == self._stage.predictions:
            self._predictions(records, out)
        else:
            self._labels(records, out)
        self._positions[topic] = end = records[-1].offset() + 1
        if end > self._committed.get(topic, 0):
            self._committed = {}
        elif (
            self.joiner.store.unsettled >= self._stage.most_unsettled
        ):  # only read again: it need not wait for a commit
            self._settle()

    def resume(self, past: Mapping[str, Past]) -> Mapping[str, int]:
        """Go on from what the store has kept, or begin anew from the bookmarks."""
        store = self.joiner.store
        kept = store.kept()
        why_not = unusable(kept, past)
        if kept is not None and why_not is None:
            try:
                store.go_on()
            except StateDamaged as exc:
                why_not = str(exc)
            else:
                self.joiner.go_on(kept.watermark)
                self._positions = dict(kept.positions)
        if why_not is not None:
            store.begin_anew(why_not)
            self._positions = {topic: span.start for topic, span in past.items()}
        self._committed = {topic: span.committed for topic, span in past.items()}
        return dict(self._positions)

    def committed(self, positions: Mapping[str, int]) -> None:
        """Only now may the store take what was processed, and not every time: what is missing is read again."""
        self._positions = {topic: positions[topic] for topic in self._stage.folded if topic in positions}
        self._committed, self._is_clean = {}, True
        if self._is_due or self.joiner.store.unsettled >= self._stage.most_unsettled:
            self._settle_anew()

    @property
    def _is_due(self) -> bool:
        return not 0 <= self._now - self._settled_at < SETTLE_MS

    def _settle_anew(self) -> None:
        if self._positions != self._settled:
            self._settle()

    def _settle(self) -> None:
        self.joiner.store.settle(Kept(self._positions, self.joiner.watermark.place))
        self._settled = dict(self._positions)
        self._settled_at = self._now - (self._now - self._phase) % SETTLE_MS

    def wake(self, now: int, out: Outputs) -> None:
        """Expire what a topic that has fallen silent would hold for ever."""
        self._now = now
        if self._committed:  # restored, and nothing has been read since
            self._positions, self._committed = self._committed, {}
            self._settle()
        elif self._is_clean and self._is_due:  # nothing comes any more: what came last need not be read again
            self._settle_anew()
        self.joiner.watermark.pass_over_idle(now)
        self.joiner.expire()

    def bookmark(self, topic: str) -> int | None:
        # An event may be ahead of its record, and a label may have waited for its prediction.
        before = self._max_future + (self._ttl if topic == self._stage.labels else 0)
        return max(0, self.joiner.horizon - before)

    def close(self) -> None:
        if self._is_clean:
            with contextlib.suppress(StreamprocError):  # whoever opens it next meets what is wrong
                self._settle_anew()
        self.joiner.store.close()
        self._stage.closed(self._partition)

    def _predictions(self, records: Sequence[Record], out: Outputs) -> None:
        read, newest = self._read("predictions", self._read_prediction, records, out)
        take, send, models, journal = self.joiner.prediction, out.send, self._models, self._journal
        for record, prediction_id, waiting in read:
            try:
                for value in take(prediction_id, waiting):
                    send(journal, value, models[waiting.model_id])
            except BadRecord as error:
                out.reject(record, error)
        self._advance("predictions", newest)

    def _labels(self, records: Sequence[Record], out: Outputs) -> None:
        read, newest = self._read("labels", self._read_label, records, out)
        take, send, models, journal = self.joiner.label, out.send, self._models, self._journal
        for record, prediction_id, truth in read:
            try:
                joined = take(prediction_id, truth)
                if joined is not None:
                    send(journal, joined[1], models[joined[0]])
            except BadRecord as error:
                out.reject(record, error)
        self._advance("labels", newest)

    def _read(
        self, side: str, read: Read[T], records: Sequence[Record], out: Outputs
    ) -> tuple[list[tuple[Record, str, T]], int]:
        """(record, prediction id, event) of what can be used; the time (epoch ms) that it takes the watermark to."""
        max_future, check = self._max_future, self._check
        watch = check.watch if check is not None and check.wants(side) else None
        newest, usable = 0, []
        for record in records:
            try:
                arrived = record.timestamp()[1]
                prediction_id, event = read(record, arrived)
                time = event.time
                if time > arrived + max_future:
                    raise self._from_the_future(time, arrived)
                if watch is not None:
                    watch(side, prediction_id)
                usable.append((record, prediction_id, event))
                if time > arrived:  # an event ahead of its record takes the watermark no further
                    time = arrived
                if time > newest:
                    newest = time
            except BadRecord as error:
                out.reject(record, error)
        self.joiner.store.prefetch([prediction_id for _, prediction_id, _ in usable])
        return usable, newest

    def _pass_on(self, kind: str, decode: Decode, records: Sequence[Record], out: Outputs) -> None:
        for record in records:
            try:
                event: dict[str, Any] = decode(record.value(), record.key(), record.timestamp()[1])
                key = self._models.get(event["model_id"])
                if key is None:
                    raise BadRecord("unknown_model", f"{event['model_id']!r} is not among the configured models")
                if event["time"] > record.timestamp()[1] + self._max_future:
                    raise self._from_the_future(event["time"], record.timestamp()[1])
            except BadRecord as error:
                out.reject(record, error)
            else:
                out.send(self._journal, orjson.dumps({"kind": kind, **event}), key)

    def _advance(self, side: str, event_time: int) -> None:
        self.joiner.watermark.advance(side, event_time)
        self.joiner.expire()

    def _from_the_future(self, time: int, arrived: int) -> BadRecord:
        ahead = (time - arrived) / 3_600_000
        return BadRecord("time_out_of_range", f"time is {ahead:.1f} h ahead of its record (join.max_future)")
