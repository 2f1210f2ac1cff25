"""What is read again, when a partition is live, and what is committed for it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from streamproc.engine.limits import DEFAULT, SLICE, Bounds
from streamproc.engine.ports import Partition, Position
from streamproc.engine.tasks import Tasks, by_partition
from streamproc.errors import BadRecord, JournalTruncated
from streamproc.replay.memory import MemoryOutputs
from streamproc.stage import Outputs, Past, Record
from tests.unit.engine.fakes import BAD, CachingStage, CachingTask, FakeKafka, FakeStage, record

A0, A1, B0 = ("a", 0), ("a", 1), ("b", 0)


def opened(
    offsets: dict[Partition, Position],
    bounds: dict[Partition, tuple[int, int]],
    *,
    found: int | None = None,
    past: list[list[Record]] | None = None,
    limits: Bounds = DEFAULT,
) -> tuple[Tasks, FakeKafka, FakeStage]:
    kafka, stage = FakeKafka(), FakeStage()
    kafka.member.offsets, kafka.member.bound, kafka.found = offsets, bounds, found
    kafka.past = past or []  # type: ignore[assignment]
    tasks = Tasks(stage, kafka, kafka.member, limits)
    tasks.open(bounds)
    return tasks, kafka, stage


def test_a_new_group_begins_at_the_beginning() -> None:
    """Without committed offsets nothing is read again, and reading begins with what the log still holds."""
    tasks, kafka, _ = opened({}, {A0: (3, 10), B0: (0, 4)})
    assert not tasks.restoring
    assert kafka.member.resumed == {A0: 3, B0: 0}
    assert not tasks.missed


def test_the_whole_of_a_folded_topic_is_read_again_without_a_bookmark() -> None:
    """Only the topics that make the state, and up to the committed offset."""
    tasks, kafka, _ = opened({A0: Position(7), B0: Position(2)}, {A0: (0, 10), B0: (0, 4)}, past=[[]])
    assert tasks.restoring
    assert kafka.spans == {A0: (0, 7)}
    assert kafka.member.resumed is None, "live records must wait"


@pytest.mark.parametrize(
    ("found", "first", "span"),
    [(4, 0, {A0: (4, 7)}), (4, 5, {A0: (5, 7)}), (7, 0, {}), (9, 0, {}), (None, 0, {})],
)
def test_a_bookmark_says_where_to_begin(found: int | None, first: int, span: dict[Partition, tuple[int, int]]) -> None:
    """From the first record of the bookmark's time on; from what is left if that is gone; nothing if there is none."""
    tasks, kafka, _ = opened({A0: Position(7, 123)}, {A0: (first, 10)}, found=found, past=[[]])
    assert (kafka.spans, tasks.restoring) == (span, bool(span))


def test_what_is_read_again_makes_the_state_and_nothing_else() -> None:
    """The tasks see the records, nobody sees outputs; then, and only then, live records are asked for."""
    past: list[list[Record]] = [[record("a", 0, 0), record("a", 1, 0)], [record("a", 0, 1)]]
    offsets = {A0: Position(2), A1: Position(1)}
    tasks, kafka, stage = opened(offsets, {A0: (0, 9), A1: (0, 9)}, past=past)
    assert not tasks.restore_some(0)
    assert "resume" not in kafka.calls.made
    assert tasks.restore_some(0)
    assert kafka.member.resumed == {A0: 2, A1: 1}
    assert stage.tasks[0].seen == [("a", 0), ("a", 1)]
    assert stage.tasks[1].seen == [("a", 0)]
    assert tasks.restored_records == 3


def test_a_log_that_does_not_reach_back_is_said() -> None:
    """A state of a whole log cannot be made of the rest of it."""
    with pytest.raises(JournalTruncated, match=r"a begins at offset 2 in partition 0.*\n.*retention") as caught:
        opened({A0: Position(7)}, {A0: (2, 10)})
    assert "echo" in str(caught.value)


def restoring_from_cache(begin: int, first: int = 0) -> tuple[Tasks, FakeKafka, CachingTask]:
    """A task that wants to begin there; its input reaches from `first` to 10, 7 records are committed."""
    kafka, stage = FakeKafka(), CachingStage(begin)
    kafka.member.offsets = {A0: Position(7), B0: Position(2)}
    kafka.member.bound = {A0: (first, 10), B0: (0, 4), ("cache", 0): (3, 5)}
    kafka.cached = [[record("cache", 0, 3, b"old")], [record("cache", 0, 4, b"new"), record("cache", 0, 5, b"", None)]]
    kafka.past = [[record("a", 0, 5)], [record("a", 0, 6)]]
    tasks = Tasks(stage, kafka, kafka.member)
    tasks.open([A0, B0])
    task = stage.tasks[0]
    assert isinstance(task, CachingTask)
    return tasks, kafka, task


def test_a_cache_is_loaded_before_the_rest_is_read_again() -> None:
    """Records of the snapshots topic first, then the question where to begin, then the records from there."""
    tasks, kafka, task = restoring_from_cache(begin=5)
    assert kafka.spans == {("cache", 0): (3, 5)}
    assert not tasks.restore_some(0)
    assert not task.asked
    assert not tasks.restore_some(0)
    assert task.loaded == [(b"k", b"old"), (b"k", b"new")], "records without a key say nothing"
    assert task.asked == {"a": Past(0, 0, 7)}
    assert kafka.spans == {A0: (5, 7)}
    assert not tasks.restore_some(0)
    assert kafka.member.resumed is None
    assert tasks.restore_some(0)
    assert task.seen == [("a", 5), ("a", 6)]
    assert tasks.restored_records == 2
    assert kafka.member.resumed == {A0: 7, B0: 2}


def test_a_cache_that_holds_everything_makes_live_at_once() -> None:
    """Nothing is read again."""
    tasks, kafka, task = restoring_from_cache(begin=7)
    assert [tasks.restore_some(0), tasks.restore_some(0)] == [False, True]
    assert task.seen == []
    assert kafka.member.resumed == {A0: 7, B0: 2}


def test_a_log_that_begins_after_what_the_cache_needs_is_said() -> None:
    """But not one that begins before that, though its beginning is gone."""
    tasks, _, _ = restoring_from_cache(begin=5, first=6)
    tasks.restore_some(0)
    with pytest.raises(JournalTruncated, match="a begins at offset 6"):
        tasks.restore_some(0)
    tasks, kafka, _ = restoring_from_cache(begin=6, first=6)
    tasks.restore_some(0)
    tasks.restore_some(0)
    assert kafka.spans == {A0: (6, 7)}


def test_without_a_committed_offset_no_cache_is_read() -> None:
    """It would be somebody else's state."""
    kafka, stage = FakeKafka(), CachingStage(0)
    kafka.member.bound = {A0: (3, 10), ("cache", 0): (0, 5)}
    tasks = Tasks(stage, kafka, kafka.member)
    tasks.open([A0])
    assert not tasks.restoring
    assert not kafka.spans
    assert kafka.member.resumed == {A0: 3}


def test_tasks_are_told_what_is_settled() -> None:
    """All inputs of the task's number, and of no other."""
    kafka, stage = FakeKafka(), CachingStage(0)
    tasks = Tasks(stage, kafka, kafka.member)
    tasks.open([A0, B0, A1])
    tasks.process([record("a", 0, 0), record("b", 0, 8), record("a", 1, 1)], MemoryOutputs())
    tasks.committed()
    settled = {number: task.settled for number, task in stage.tasks.items() if isinstance(task, CachingTask)}
    assert settled == {0: [{"a": 1, "b": 9}], 1: [{"a": 2}]}


def test_records_that_were_removed_unread_are_counted() -> None:
    """Reading goes on with what is there; how many were missed is told."""
    tasks, kafka, _ = opened({B0: Position(2), A0: Position(5, 1)}, {B0: (6, 9), A0: (0, 5)})
    assert tasks.missed == {B0: 4}
    assert kafka.member.resumed == {A0: 5, B0: 6}


def test_records_of_partitions_that_went_elsewhere_are_passed_over() -> None:
    """`consume` may give records that it fetched before a callback took their partition away."""
    tasks, _, stage = opened({}, {A0: (0, 0)})
    out = MemoryOutputs()
    tasks.process([record("a", 0, 0), record("a", 1, 5), record("b", 0, 8)], out)
    assert stage.tasks[0].seen == [("a", 0)]
    assert tasks.to_commit() == {A0: Position(1)}
    assert len(out.sent) == 1


def test_every_owned_partition_is_committed_moved_or_not() -> None:
    """Bookmarks go with the topics that make the state, and never back behind an earlier life's."""
    tasks, _, stage = opened({A0: Position(4, 900), B0: Position(1)}, {A0: (0, 4), B0: (0, 1)})
    assert tasks.to_commit() == {A0: Position(4), B0: Position(1)}
    stage.tasks[0].mark = 100
    assert tasks.to_commit()[A0] == Position(4, 900)
    stage.tasks[0].mark = 1000
    tasks.process([record("b", 0, 1)], MemoryOutputs())
    assert tasks.to_commit() == {A0: Position(4, 1000), B0: Position(2)}


def test_tasks_are_woken_once_they_have_seen_what_was_there() -> None:
    """Up to the ends of the logs when they were opened; a control record at the end counts as seen when passed."""
    tasks, kafka, stage = opened({}, {A0: (0, 2), B0: (0, 2)})
    out = MemoryOutputs()
    tasks.wake(1, out)
    tasks.process([record("a", 0, 0), record("a", 0, 1), record("b", 0, 0)], out)
    tasks.wake(2, out)
    assert stage.tasks[0].woken == []
    kafka.member.positions[B0] = 2  # past the control record at offset 1
    tasks.wake(3, out)
    tasks.wake(4, out)
    assert stage.tasks[0].woken == [3, 4]


def bad(partition: Partition, start: int, count: int) -> list[Record]:
    return [record(*partition, offset, BAD) for offset in range(start, start + count)]


def good(partition: Partition, start: int, count: int) -> list[Record]:
    return [record(*partition, offset) for offset in range(start, start + count)]


BOUNDS = Bounds(max_run=50, max_share=1)


def test_a_partition_of_rubbish_is_stopped_and_the_others_go_on() -> None:
    """In the midst of a batch, at the limit; what is behind it is neither taken nor rejected, nor is it later."""
    tasks, kafka, stage = opened({}, {A0: (0, 0), A1: (0, 0)}, limits=BOUNDS)
    out = MemoryOutputs()
    assert tasks.process(good(A0, 0, 3), out) == 3
    assert tasks.process([*bad(A0, 3, 5000), *good(A1, 0, 7)], out) == 50 + 7
    assert len(out.rejected) == 50
    assert kafka.member.paused == {A0}
    assert tasks.to_commit() == {A0: Position(53), A1: Position(7)}
    (stop,) = tasks.committed()
    assert (stop.partition, stop.offset, stop.reasons) == (A0, 53, {"not_json": 50})
    assert "max_run" in stop.limit
    assert tasks.process([*bad(A0, 53, 10), *good(A1, 7, 1)], out) == 1
    assert len(out.rejected) == 50
    assert tasks.committed() == [], "said once"
    assert stage.tasks[1].seen[-1] == ("a", 7)


@pytest.mark.parametrize("before", range(0, 60, 7))
def test_a_stop_is_never_further_than_a_slice_behind_the_limit(before: int) -> None:
    """Wherever in a batch the rubbish begins; a good one in the midst of it begins a new count."""
    tasks, _, _ = opened({}, {A0: (0, 0)}, limits=BOUNDS)
    out = MemoryOutputs()
    tasks.process([*good(A0, 0, before), *bad(A0, before, 49), *good(A0, before + 49, 1)], out)
    assert not tasks.stops
    tasks.process(bad(A0, before + 50, 5000), out)
    assert 50 <= len(out.rejected) - 49 < 50 + SLICE
    assert tasks.stops[A0].reasons == {"not_json": len(out.rejected)}


def test_records_that_were_rejected_of_other_topics_do_not_count() -> None:
    """A task may reject what it has kept: only what it was just given says something about that partition."""
    tasks, _, stage = opened({}, {A0: (0, 0), B0: (0, 0)}, limits=Bounds(max_run=SLICE, max_share=1))
    task, kept = stage.tasks[0], bad(B0, 0, 5000)

    def process(topic: str, records: Sequence[Record], out: Outputs) -> None:
        for each in kept:
            out.reject(each, BadRecord("not_json", "kept"))

    task.process = process  # type: ignore[method-assign]
    assert tasks.process(good(A0, 0, 100), MemoryOutputs()) == 100
    assert not tasks.stops


def test_the_task_of_a_stopped_partition_sleeps_and_holds_up_nobody() -> None:
    """Its state is not complete; the other tasks are woken as if the stopped partition had been read to its end."""
    tasks, _, stage = opened({}, {A0: (0, 5000), A1: (0, 0), B0: (0, 0)}, limits=BOUNDS)
    out = MemoryOutputs()
    tasks.process(bad(A0, 0, 5000), out)
    tasks.wake(7, out)
    assert (stage.tasks[0].woken, stage.tasks[1].woken) == ([], [7])
    tasks.process(good(B0, 0, 2), out)
    assert stage.tasks[0].seen[-1] == ("b", 1), "its other inputs go on"


def stopped() -> tuple[Tasks, FakeKafka]:
    """A0 is stopped at 50, in a transaction that is open."""
    tasks, kafka, _ = opened({}, {A0: (0, 5000), A1: (0, 0)}, limits=BOUNDS)
    tasks.process(bad(A0, 0, 5000), MemoryOutputs())
    return tasks, kafka


def reopen(tasks: Tasks, kafka: FakeKafka, committed: int) -> None:
    tasks.drop()
    assert not tasks.stops
    kafka.member.offsets = {A0: Position(committed, 0), A1: Position(0, 0)}
    tasks.open([A0, A1])


def test_a_stop_outlives_an_abort_and_a_rebalance() -> None:
    """Else each of them would drain another thousand; it is not said again."""
    tasks, kafka = stopped()
    assert len(tasks.committed()) == 1
    reopen(tasks, kafka, 50)
    assert tasks.stops.keys() == {A0}
    assert kafka.member.resumed == {A1: 0}
    assert tasks.process(bad(A0, 50, 10), MemoryOutputs()) == 0
    assert tasks.committed() == []


def test_a_stop_that_was_not_committed_is_none() -> None:
    """Its dead letters are undone with it."""
    tasks, kafka = stopped()
    reopen(tasks, kafka, 0)
    assert not tasks.stops
    assert kafka.member.resumed == {A0: 0, A1: 0}
    tasks.process(bad(A0, 0, 5000), MemoryOutputs())
    assert len(tasks.committed()) == 1


def test_a_stopped_partition_that_somebody_else_took_further_is_counted_anew() -> None:
    """Another process has another count, or other limits."""
    tasks, kafka = stopped()
    tasks.committed()
    reopen(tasks, kafka, 60)
    assert not tasks.stops
    assert tasks.process(good(A0, 60, 10), MemoryOutputs()) == 10


def test_a_stopped_partition_stays_so_after_a_restore() -> None:
    """Live records are asked for when the restore ends: not of this one."""
    tasks, kafka = stopped()
    tasks.committed()
    tasks.drop()
    kafka.found, kafka.past = 0, [[record("a", 0, 3, BAD)]]
    kafka.member.offsets = {A0: Position(50, 1), A1: Position(0, 1)}
    tasks.open([A0, A1])
    assert tasks.restoring
    assert tasks.restore_some(0)
    assert kafka.member.resumed == {A1: 0}


def test_dropped_tasks_are_closed_and_forgotten() -> None:
    """Whatever of a restore was under way ends with them."""
    tasks, kafka, stage = opened({A0: Position(7)}, {A0: (0, 10)}, past=[[]])
    task = stage.tasks[0]
    tasks.drop()
    assert task.closed
    assert not tasks.restoring
    assert tasks.to_commit() == {}
    assert "history closed" in kafka.calls.made


def test_grouping_keeps_the_order_within_a_partition() -> None:
    """Records of different partitions may change places, those of one may not."""
    records: list[Record] = [
        record("a", 0, 0),
        record("a", 1, 0),
        record("b", 0, 0),
        record("a", 0, 1),
        record("b", 0, 1),
    ]
    groups = {partition: [r.offset() for r in batch] for partition, batch in by_partition(records)}
    assert groups == {A0: [0, 1], A1: [0], B0: [0, 1]}
    assert by_partition([]) == []
