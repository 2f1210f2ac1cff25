"""One round of the loop after the other: when it commits, and what it does when something does not go through."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from streamproc.engine.limits import DEFAULT, Bounds
from streamproc.engine.loop import IDLE_WAIT, OFFSETS_WAIT_MS, RETRY_WAIT, Engine, Settings
from streamproc.engine.ports import Position
from streamproc.errors import (
    AbortNeeded,
    BrokerUnavailable,
    JournalTruncated,
    MembershipLost,
    OutcomeUnknown,
    ProducerLost,
    SlotTaken,
    StreamprocError,
    TransactionError,
)
from streamproc.replay.memory import MemoryRecord
from tests.unit.engine.fakes import BAD, QUIET, CachingStage, CachingTask, FakeKafka, FakeStage, record

A0 = ("a", 0)
BATCH = 3
INTERVAL_MS = 100


class Bench:
    """An engine whose partition is assigned and live, with a clock that is set by hand."""

    def __init__(
        self,
        stage: FakeStage | None = None,
        *,
        live: bool = True,
        bounds: Bounds = DEFAULT,
        interval: int = INTERVAL_MS,
    ) -> None:
        self.kafka, self.stage, self.now = FakeKafka(), stage or FakeStage(), 1_000
        self.member = self.kafka.member
        settings = Settings("p", "0", "dead", BATCH, interval, bounds)
        self.engine = Engine(self.stage, self.kafka, settings, lambda: self.now)
        self.engine.start()
        if live:
            self.round(lambda: self.member.on_assign([A0]))
            assert self.is_live()

    def round(self, *batches: list[MemoryRecord] | Callable[[], None]) -> list[str]:
        """One step for each of these -> what was called."""
        self.kafka.calls.made.clear()
        for batch in batches or ([],):
            self.member.batches = [batch]
            self.engine.step()
        return self.kafka.calls.made

    def is_live(self) -> bool:
        return self.engine.progress.live

    def records(self, count: int, start: int = 0) -> list[MemoryRecord]:
        return [record("a", 0, start + n) for n in range(count)]


def commits(calls: list[str]) -> int:
    return calls.count("commit")


def test_a_drained_input_is_committed_at_once() -> None:
    """Fewer records than a batch holds: nothing waits, and neither does the commit."""
    bench = Bench()
    assert bench.round(bench.records(1)) == ["begin", "send out", "commit"]
    assert bench.kafka.producers[0].commits[0][0] == {A0: Position(1)}
    assert bench.engine.progress.commits == 1


@pytest.mark.parametrize(("interval", "wait"), [(10**6, OFFSETS_WAIT_MS), (INTERVAL_MS // 2, INTERVAL_MS // 2)])
def test_offsets_alone_wait_a_little(interval: int, wait: int) -> None:
    """Nobody waits for them, and what comes next is not to wait for their commit; nothing more may come at all."""
    bench = Bench(interval=interval)
    assert bench.round([record("a", 0, 0, QUIET)], [record("a", 0, 1, QUIET)]) == ["begin"]
    bench.now += wait - 1
    assert bench.round() == []
    bench.now += 1
    assert bench.round() == ["commit"]
    assert bench.kafka.producers[0].commits[0][0] == {A0: Position(2)}


@pytest.mark.parametrize(("value", "topic"), [(b"v", "out"), (BAD, "dead")])
def test_offsets_that_wait_go_with_the_first_output(value: bytes, topic: str) -> None:
    """A dead letter is one too. The next transaction is as quiet as its own records."""
    bench = Bench()
    assert bench.round([record("a", 0, 0, QUIET)]) == ["begin"]
    assert bench.round([record("a", 0, 1, value)]) == [f"send {topic}", "commit"]
    assert bench.kafka.producers[0].commits[0][0] == {A0: Position(2)}
    assert bench.round([record("a", 0, 2, QUIET)]) == ["begin"]


def test_under_load_transactions_fill() -> None:
    """Full batches share a transaction until it is as old as the commit interval."""
    bench = Bench()
    assert commits(bench.round(bench.records(BATCH), bench.records(BATCH, 3))) == 0
    bench.now += INTERVAL_MS - 1
    assert commits(bench.round(bench.records(BATCH, 6))) == 0
    bench.now += 1
    assert commits(bench.round(bench.records(BATCH, 9))) == 1
    assert bench.kafka.calls.made.count("begin") == 0, "it was the same transaction all the time"
    assert bench.kafka.producers[0].commits[0][0] == {A0: Position(12)}


def test_a_transaction_does_not_stay_open_because_the_clock_was_put_back() -> None:
    """Else it would be aborted by its own timeout, again and again."""
    bench = Bench()
    bench.round(bench.records(BATCH))
    bench.now -= 3_600_000
    assert commits(bench.round(bench.records(BATCH, 3))) == 1


def test_snapshots_are_in_the_transaction_and_settled_after_it() -> None:
    """A task hears that its records are settled only when their commit has gone through."""
    stage = CachingStage(0)
    bench = Bench(stage)
    task = stage.tasks[0]
    assert isinstance(task, CachingTask)
    assert bench.round(bench.records(1)) == ["begin", "send out", "send cache", "commit"]
    assert task.settled == [{"a": 1}]
    bench.kafka.calls.fail("commit", AbortNeeded("refused"))
    bench.round(bench.records(1, 1))
    assert task.settled == [{"a": 1}]


def test_an_idle_round_asks_for_nothing() -> None:
    """No transaction is begun for no records; the tasks are woken all the same."""
    bench = Bench()
    assert bench.round() == []
    assert bench.stage.tasks[0].woken == [1_000]
    assert bench.member.waited[-1] == IDLE_WAIT


def test_a_member_without_partitions_only_waits() -> None:
    """Nothing is worked on before something is assigned."""
    bench = Bench(live=False)
    assert bench.round(bench.records(2)) == ["init", "subscribe"]
    assert bench.round(bench.records(2)) == []


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (AbortNeeded("fenced"), ["abort"]),
        (ProducerLost("fenced"), ["close", "init"]),
        (OutcomeUnknown("no answer"), ["close", "init"]),
    ],
)
def test_a_commit_that_does_not_go_through_drops_the_state(error: TransactionError, answer: list[str]) -> None:
    """Abort or a new producer, then everything from the committed offsets again, with a new task."""
    bench = Bench()
    before = bench.stage.tasks[0]
    bench.kafka.calls.fail("commit", error)
    bench.round(bench.records(1))
    assert before.closed
    assert not bench.is_live()
    assert bench.member.paused == {A0}
    bench.round()
    assert bench.is_live()
    assert bench.stage.tasks[0] is not before
    assert bench.member.resumed == {A0: 0}
    assert bench.engine.progress.recoveries == 1
    calls = bench.round(bench.records(1))
    assert calls == ["begin", "send out", "commit"]
    assert len(bench.kafka.producers) == 1 + answer.count("init")


def test_offsets_are_asked_for_when_the_old_transaction_is_settled() -> None:
    """Only then do they tell which way it went."""
    bench = Bench()
    bench.kafka.calls.fail("commit", OutcomeUnknown("no answer"))
    assert bench.round(bench.records(1))[-1] == "close"
    assert bench.round() == ["init", "committed", "resume"]


def test_a_failed_commit_is_not_repeated_without_its_offsets() -> None:
    """On revocation the state is dropped, offsets and all: what is still open then must be undone, not committed."""
    bench = Bench()
    bench.round(bench.records(BATCH))
    bench.kafka.calls.fail("commit", OutcomeUnknown("no answer"))
    calls = bench.round(lambda: bench.member.on_revoke([A0]), [])
    assert calls == ["commit", "close", "init"]
    assert len(bench.kafka.producers[0].commits) == 0


def test_revoked_partitions_are_committed_and_let_go() -> None:
    """What was done for them is not done again by the next owner."""
    bench = Bench()
    bench.round(bench.records(BATCH))
    assert bench.round(lambda: bench.member.on_revoke([A0])) == ["commit"]
    assert bench.stage.tasks[0].closed
    assert not bench.is_live()
    assert bench.round(bench.records(2)) == [], "records that come too late are nobody's"


def test_lost_partitions_are_aborted_and_let_go() -> None:
    """Somebody else has them: nothing that was done for them may be seen."""
    bench = Bench()
    bench.round(bench.records(BATCH))
    called: list[str] = []

    def lose() -> None:
        bench.member.on_lost([A0])
        called.extend(bench.kafka.calls.made)
        assert bench.stage.tasks[0].closed

    bench.round(lose)
    assert called == ["abort"], "within the callback: after it, the member may already be somebody else"


@pytest.mark.parametrize("call", ["committed", "resume"])
def test_a_broker_that_does_not_answer_is_waited_for(call: str) -> None:
    """Opening is tried again, with a pause, until it goes through."""
    bench = Bench(live=False)
    bench.kafka.calls.fail(call, BrokerUnavailable("1"), BrokerUnavailable("2"))
    bench.round(lambda: bench.member.on_assign([A0]), [])
    assert not bench.is_live()
    assert bench.member.waited[-1] == RETRY_WAIT
    bench.round()
    assert bench.is_live()
    bench.round()
    assert bench.member.waited[-1] == IDLE_WAIT


def test_a_producer_that_cannot_be_made_is_tried_again() -> None:
    """Also the first one of all: the process stays, and the group is joined meanwhile."""
    bench = Bench(live=False)
    bench.kafka.calls.fail("init", OutcomeUnknown("1"), OutcomeUnknown("2"))
    assert bench.round() == ["init", "close", "subscribe"]
    assert bench.round(lambda: bench.member.on_assign([A0])) == ["init", "close"]
    assert bench.round() == ["init", "committed", "resume"]
    assert bench.member.waited[-1] == RETRY_WAIT
    assert bench.is_live()


def test_nothing_live_is_worked_on_while_the_state_is_read_again() -> None:
    """A record that comes all the same is left; it is delivered again from the committed offset."""
    bench = Bench(live=False)
    bench.member.offsets = {A0: Position(2)}
    bench.member.bound = {A0: (0, 5)}
    bench.kafka.past = [bench.records(1), bench.records(1, 1)]
    bench.round(lambda: bench.member.on_assign([A0]))
    assert bench.round(bench.records(1, 2)) == ["read"]
    assert bench.stage.tasks[0].seen == [("a", 0)]
    assert bench.member.waited[-1] == 0.0
    assert bench.round() == ["read", "history closed", "resume"]
    assert bench.member.resumed == {A0: 2}
    assert bench.engine.progress.restored_records == 2
    bench.round(bench.records(1, 2))
    assert bench.stage.tasks[0].seen == [("a", 0), ("a", 1), ("a", 2)]


@pytest.mark.parametrize("error", [SlotTaken("two"), JournalTruncated("gone")])
def test_what_only_a_person_can_mend_ends_the_loop(error: StreamprocError) -> None:
    """`run` raises it, after it has aborted what was open and left the group."""
    bench = Bench(live=False)
    engine = Engine(bench.stage, bench.kafka, Settings("p", "0", "dead", BATCH), lambda: 0)

    def fail() -> None:
        raise error

    bench.member.batches = [lambda: bench.member.on_assign([A0]), bench.records(BATCH), fail]
    with pytest.raises(type(error)):
        engine.run(lambda: False)
    assert bench.kafka.calls.made[-3:] == ["abort", "leave", "close"]


def test_a_member_that_nobody_has_replaced_joins_again() -> None:
    """Fenced by a request to join of its own: a new consumer, in the same process, and nothing of the old life left."""
    bench = Bench()

    def fail() -> None:
        raise MembershipLost("fenced")

    calls = bench.round(bench.records(BATCH), fail, [])
    assert calls[-4:] == ["abort", "leave", "consumer", "subscribe"]
    assert not bench.is_live()
    bench.round(lambda: bench.member.on_assign([A0]))
    assert bench.is_live()
    assert bench.engine.progress.recoveries == 1


def test_two_processes_that_take_a_slot_from_each_other_are_told() -> None:
    """Whoever is fenced for the fourth time in a minute ends, with the reason; the other one has the slot."""
    bench = Bench()

    def fail() -> None:
        bench.now += 10_000
        raise MembershipLost("fenced")

    bench.round(fail, fail, fail)
    bench.now += 60_000
    bench.round(fail, fail, fail)
    with pytest.raises(SlotTaken, match="another live process runs slot 0 of the echo stage"):
        bench.round(fail)


def test_a_stop_commits_what_is_open_and_leaves() -> None:
    """SIGTERM loses no work, and leaves nothing open for others to wait for."""
    bench = Bench(live=False)
    engine = Engine(bench.stage, bench.kafka, Settings("p", "0", "dead", BATCH, 10**9), lambda: 0)
    bench.member.batches = [lambda: bench.member.on_assign([A0]), bench.records(BATCH)]
    engine.run(lambda: not bench.member.batches)
    assert bench.kafka.calls.made[-4:] == ["commit", "resign", "leave", "close"]


def test_records_that_were_removed_unread_do_not_stop_the_loop() -> None:
    """They are logged as an error; what is left is worked on."""
    bench = Bench(live=False)
    bench.member.offsets, bench.member.bound = {("b", 0): Position(1)}, {("b", 0): (4, 6)}
    bench.round(lambda: bench.member.on_assign([("b", 0)]))
    assert bench.is_live()
    assert bench.member.resumed == {("b", 0): 4}


def test_a_partition_that_is_stopped_raises_one_alert_with_what_to_do() -> None:
    """After the commit of its dead letters, not before: an aborted transaction has written none."""
    bench = Bench(bounds=Bounds(max_run=2, max_share=1))
    rubbish = [record("a", 0, n, BAD) for n in range(BATCH)]
    bench.kafka.calls.fail("commit", AbortNeeded("fenced"))
    with capture_logs() as logs:
        bench.round(rubbish[: BATCH - 1])
        assert not alerts(logs)
        assert bench.engine.progress.paused == 0
        bench.round()
        bench.round(rubbish[: BATCH - 1], [], rubbish)
    (alert,) = alerts(logs)
    assert (alert["topic"], alert["partition"], alert["offset"]) == ("a", 0, 2)
    assert (alert["dead_letters"], alert["log_level"]) == ({"not_json": 2}, "error")
    assert "dead-letters retry" in alert["advice"]
    assert bench.engine.progress.paused == 1
    assert bench.engine.progress.records == 4
    assert bench.is_live(), "the other partitions go on"
    bench.round(lambda: bench.member.on_revoke([A0]))
    assert bench.engine.progress.paused == 0


def alerts(logs: list[EventDict]) -> list[EventDict]:
    return [entry for entry in logs if entry["event"].startswith("partition paused")]


def test_members_and_groups_have_stable_names() -> None:
    """The slot is in the transactional.id and group.instance.id, and not in the group."""
    settings = Settings("shop", "3", "dead")
    assert (settings.group("join"), settings.member("join")) == ("shop-join", "shop-join-3")
