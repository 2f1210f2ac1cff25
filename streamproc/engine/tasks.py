"""The tasks of the partitions that this member owns: opened, restored, fed, closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from streamproc.engine.intake import Intake, Noting, Stop
from streamproc.engine.limits import DEFAULT, Bounds
from streamproc.engine.ports import Consumer, History, Kafka, Partition, Position
from streamproc.engine.transaction import Discard
from streamproc.errors import JournalTruncated
from streamproc.stage import Outputs, Past, Record, Stage, Task

RESTORE_BATCH = 10_000


class Tasks:
    """All state that is lost with the partitions.

    A task is restored in two steps: its snapshots are loaded, if the stage writes any, and then the records between
    them and its committed offsets are read again, outputs thrown away. It is live only when all of its inputs have
    been read up to there: a live label could else meet a prediction that is still being read silently, and their
    outcome would be lost.
    """

    def __init__(self, stage: Stage, kafka: Kafka, consumer: Consumer, bounds: Bounds = DEFAULT) -> None:
        self._stage, self._kafka, self.consumer = stage, kafka, consumer
        self._intake = Intake(bounds)
        self.tasks: dict[int, Task] = {}
        self.positions: dict[Partition, int] = {}
        self._ends: dict[Partition, int] = {}
        self._bookmarks: dict[Partition, int] = {}
        self._past: dict[int, dict[str, Past]] = {}
        """By task: what it may have to read again, until it was asked."""
        self._history: History | None = None
        self._discard = Discard()
        self.restored_records = 0
        self.missed: dict[Partition, int] = {}
        """Records that were removed from the log before they were read, since the last `open`."""

    @property
    def restoring(self) -> bool:
        return self._history is not None

    @property
    def stops(self) -> Mapping[Partition, Stop]:
        """The partitions that had too much that is unusable: paused, with what is left of them."""
        return self._intake.stops

    def open(self, partitions: Iterable[Partition]) -> None:
        """Empty tasks for these partitions, and the first step of their restore. Raises JournalTruncated."""
        partitions = sorted(partitions)
        committed = self.consumer.committed(partitions)
        self.missed, self.restored_records = {}, 0
        for partition in partitions:
            topic, number = partition
            first, self._ends[partition] = self.consumer.bounds(partition)
            position = committed.get(partition)
            self.positions[partition] = first if position is None else max(position.offset, first)
            if number not in self.tasks:
                self.tasks[number] = self._stage.task(number)
            if position is None:
                continue
            if position.offset < first:
                self.missed[partition] = first - position.offset
            if topic in self._stage.folded:
                self._bookmarks[partition] = position.bookmark or 0
                start = self._by_bookmark(partition, position, first)
                self._past.setdefault(number, {})[topic] = Past(first, start, position.offset)
        self._intake.open(self.positions)
        if self._stage.snapshots is not None and self._past:
            parts = [(self._stage.snapshots, number) for number in self._past]
            self._history = self._kafka.history({part: self.consumer.bounds(part) for part in parts})
        else:
            self._read_again()

    def _by_bookmark(self, partition: Partition, position: Position, first: int) -> int:
        if position.bookmark is None:
            return 0
        found = self._kafka.offset_at(partition, position.bookmark)
        return position.offset if found is None else max(first, found)

    def _read_again(self) -> None:
        """The second step, or, with nothing to be read again, the end of the restore."""
        past, self._past = self._past, {}
        spans: dict[Partition, tuple[int, int]] = {}
        for number, inputs in past.items():
            for topic, start in self.tasks[number].resume(inputs).items():
                first, _, committed = inputs[topic]
                if start < first:
                    raise JournalTruncated(self._truncated(topic, number, first))
                if start < committed:
                    spans[topic, number] = (start, committed)
        if spans:
            self._history = self._kafka.history(spans)
        else:
            self._resume()

    def _resume(self) -> None:
        """Ask for live records, but for what is stopped."""
        self.consumer.resume_at({p: offset for p, offset in self.positions.items() if p not in self.stops})

    def _truncated(self, topic: str, number: int, first: int) -> str:
        return (
            f"{topic} begins at offset {first} in partition {number}: what came before is gone, and the state of the "
            f"{self._stage.name} stage cannot be rebuilt from what is left.\n  Keep {topic} for ever "
            "(retention.ms=-1). To start anew from what is left, delete the group's offsets."
        )

    def restore_some(self, timeout: float) -> bool:
        """Read one batch. True when this was the last, and the partitions are live. Raises JournalTruncated."""
        if self._history is None:
            return True
        loading = bool(self._past)
        for (topic, number), batch in by_partition(self._history.read(RESTORE_BATCH, timeout)):
            if loading:
                self._load(self.tasks[number], batch)
            else:
                self.tasks[number].process(topic, batch, self._discard)
                self.restored_records += len(batch)
        if not self._history.done:
            return False
        self._close_history()
        if loading:
            self._read_again()
            return not self.restoring
        self._resume()
        return True

    def _load(self, task: Task, records: Iterable[Record]) -> None:
        for record in records:
            key, value = record.key(), record.value()
            if key is not None and value is not None:
                task.load(key, value)

    def _close_history(self) -> None:
        if self._history is not None:
            self._history.close()
            self._history = None

    def process(self, records: Sequence[Record], out: Outputs) -> int:
        """Feed live records -> how many. One of a partition that was stopped or went elsewhere is passed over."""
        noting, count = Noting(out), 0
        for partition, batch in by_partition(records):
            task = self.tasks.get(partition[1])
            if task is None or partition not in self.positions or partition in self.stops:
                continue
            taken = self._intake.feed(task, partition, batch, noting)
            self.positions[partition] = batch[taken - 1].offset() + 1
            count += taken
            if partition in self.stops:
                self.consumer.pause([partition])
        return count

    def wake(self, now: int, out: Outputs) -> None:
        """Let the tasks act on the clock, once they have read what was there when they were opened.

        A task that one of its inputs was stopped for has not read what there is, and sleeps on.
        """
        if self._ends:
            self._ends = {p: end for p, end in self._ends.items() if self.positions[p] < end and self._behind(p, end)}
        if not self._ends:
            asleep = {number for _, number in self.stops}
            for number, task in list(self.tasks.items()):
                if number not in asleep:
                    task.wake(now, out)

    def _behind(self, partition: Partition, end: int) -> bool:
        """Control records leave holes: the last offset before the end may never be delivered."""
        return partition not in self.stops and self.consumer.position(partition) < end

    def snapshot(self, now: int, out: Outputs) -> None:
        """Let the tasks write some of their state into the transaction that is about to be committed."""
        if self._stage.snapshots is not None:
            for task in self.tasks.values():
                task.snapshot(now, out)

    def committed(self) -> list[Stop]:
        """Tell the tasks that all that they have processed is settled -> partitions that were stopped since then."""
        settled: dict[int, dict[str, int]] = {number: {} for number in self.tasks}
        for (topic, number), offset in self.positions.items():
            settled[number][topic] = offset
        for number, task in self.tasks.items():
            task.committed(settled[number])
        return self._intake.settle()

    def to_commit(self) -> dict[Partition, Position]:
        """Every owned partition, moved on or not: an offset in the transaction is what lets Kafka refuse a zombie."""
        return {partition: Position(offset, self._bookmark(partition)) for partition, offset in self.positions.items()}

    def _bookmark(self, partition: Partition) -> int | None:
        topic, number = partition
        if topic not in self._stage.folded:
            return None
        bookmark = self.tasks[number].bookmark(topic)
        # What an earlier life of the task could do without, this one can do without too.
        return None if bookmark is None else max(bookmark, self._bookmarks.get(partition, 0))

    def drop(self) -> None:
        """Forget all state."""
        for task in self.tasks.values():
            task.close()
        self.tasks.clear()
        self.positions.clear()
        self._ends.clear()
        self._bookmarks.clear()
        self._past.clear()
        self._intake.drop()
        self._close_history()


def by_partition(records: Sequence[Record]) -> list[tuple[Partition, list[Record]]]:
    """Records grouped by their partition, each group in its order."""
    groups: dict[Partition, list[Record]] = {}
    last_topic, last_number, group = "", -1, []
    for record in records:
        topic, number = record.topic(), record.partition()
        if number != last_number or topic != last_topic:
            group = groups.setdefault((topic, number), [])
            last_topic, last_number = topic, number
        group.append(record)
    return list(groups.items())
