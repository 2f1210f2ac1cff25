"""The one owner of the producer: when it begins, what fences it, how it ends."""

from __future__ import annotations

import pytest

from streamproc.engine.ports import Position
from streamproc.engine.transaction import Discard, Transaction
from streamproc.errors import AbortNeeded, BadRecord, OutcomeUnknown, ProducerLost, TransactionError
from tests.unit.engine.fakes import FakeKafka, record

POSITIONS = {("a", 0): Position(5, 7)}


def settled(kafka: FakeKafka) -> Transaction:
    transaction = Transaction(lambda: kafka.producer("t"), kafka.member.group_metadata, "echo", "dead")
    transaction.settle()
    kafka.calls.made.clear()
    return transaction


def test_nothing_is_connected_before_it_is_settled() -> None:
    """The constructor asks Kafka for nothing, so that an engine can be made while no broker answers."""
    kafka = FakeKafka()
    transaction = Transaction(lambda: kafka.producer("t"), kafka.member.group_metadata, "echo", "dead")
    assert not kafka.producers
    with pytest.raises(ProducerLost):
        transaction.begin()
    assert not transaction.is_open


def test_it_begins_at_the_first_output_and_ends_with_its_offsets() -> None:
    """Outputs, then offsets, in one transaction; the next output begins another one."""
    kafka = FakeKafka()
    transaction = settled(kafka)
    transaction.send("out", b"1", b"k", headers=[("h", b"v")])
    transaction.send("out", b"2", partition=3)
    transaction.commit(POSITIONS)
    assert not transaction.is_open
    transaction.send("out", b"3")
    assert kafka.calls.made == ["begin", "send out", "send out", "commit", "begin", "send out"]
    assert kafka.producers[0].sent[:2] == [("out", b"1", b"k", None, [("h", b"v")]), ("out", b"2", None, 3, ())]
    assert transaction.sent == 3


def test_the_member_is_who_it_was_at_the_beginning() -> None:
    """The metadata is asked for when the transaction begins, not when it is committed."""
    kafka = FakeKafka()
    transaction = settled(kafka)
    transaction.begin()
    begun_as = kafka.member.life
    kafka.member.group_metadata()  # thrown out and back again
    transaction.begin()
    transaction.commit(POSITIONS)
    assert kafka.producers[0].commits == [(POSITIONS, begun_as)]


def test_dead_letters_belong_to_the_transaction() -> None:
    """A rejected record is sent like any output, and counted by its reason."""
    kafka = FakeKafka()
    transaction = settled(kafka)
    transaction.reject(record("a", 1, 9), BadRecord("not_json", "line 1"))
    assert kafka.calls.made == ["begin", "send dead"]
    assert transaction.rejected == {"not_json": 1}
    assert dict(kafka.producers[0].sent[0][4])["source_offset"] == b"9"


def test_a_commit_that_fails_leaves_it_open() -> None:
    """Whoever catches the error decides between abort and a new producer."""
    kafka = FakeKafka()
    transaction = settled(kafka)
    transaction.begin()
    kafka.calls.fail("commit", OutcomeUnknown("?"))
    with pytest.raises(OutcomeUnknown):
        transaction.commit(POSITIONS)
    assert transaction.is_open


@pytest.mark.parametrize("error", [AbortNeeded("a"), ProducerLost("p"), OutcomeUnknown("o")])
def test_abort_never_raises(error: TransactionError) -> None:
    """A producer that cannot abort is let go, and `settle` makes a new one."""
    kafka = FakeKafka()
    transaction = settled(kafka)
    transaction.begin()
    kafka.calls.fail("abort", error)
    transaction.abort()
    assert not transaction.is_open
    transaction.settle()
    assert kafka.calls.made == ["begin", "abort", "close", "init"]
    assert len(kafka.producers) == 2


def test_abort_without_an_open_transaction_asks_nothing() -> None:
    """There is nothing to abort after a commit or before a begin."""
    kafka = FakeKafka()
    settled(kafka).abort()
    assert kafka.calls.made == []


def test_settle_keeps_a_good_producer_and_ends_what_is_open() -> None:
    """Only a producer that was given up is made anew."""
    kafka = FakeKafka()
    transaction = settled(kafka)
    transaction.settle()
    assert kafka.calls.made == []
    transaction.begin()
    transaction.settle()
    assert kafka.calls.made == ["begin", "abort"]
    assert len(kafka.producers) == 1


def test_settle_can_be_tried_again() -> None:
    """An `init` that does not go through closes its producer; the next attempt has a new one."""
    kafka = FakeKafka()
    transaction = settled(kafka)
    transaction.give_up()
    kafka.calls.fail("init", OutcomeUnknown("no broker"))
    with pytest.raises(OutcomeUnknown):
        transaction.settle()
    transaction.settle()
    transaction.send("out", b"1")
    assert kafka.calls.made == ["close", "init", "close", "init", "begin", "send out"]
    assert kafka.producers[-1].sent


def test_give_up_closes_once() -> None:
    """Letting go of a producer twice is letting go of it."""
    kafka = FakeKafka()
    transaction = settled(kafka)
    transaction.give_up()
    transaction.give_up()
    assert kafka.calls.made == ["close"]


def test_what_is_read_again_says_nothing() -> None:
    """The outputs of a restore go nowhere."""
    discard = Discard()
    discard.send("out", b"1")
    discard.reject(record("a", 0, 0), BadRecord("empty", ""))
