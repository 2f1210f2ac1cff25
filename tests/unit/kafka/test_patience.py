"""Calls that do not come back are left to themselves."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

from streamproc.kafka.patience import Caller, Hung

LONG = 60.0


class Client:
    """Notes calls, in the thread that they come in."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.may_go_on = threading.Event()

    def work(self, what: str) -> None:
        self.calls.append((what, threading.current_thread().name))

    def refuse(self) -> None:
        raise ValueError("no")

    def hang(self) -> None:
        self.may_go_on.wait(LONG)
        self.work("late")


def test_calls_are_made_in_order_and_in_one_thread() -> None:
    """And each has been made when the caller goes on."""
    client, caller = Client(), Caller("mine")
    for word in ("a", "b", "c"):
        caller(LONG, client.work, word)
    assert client.calls == [("a", "mine"), ("b", "mine"), ("c", "mine")]
    caller.close()


def test_what_a_call_raises_is_raised() -> None:
    """And the next one is made all the same."""
    client, caller = Client(), Caller("mine")
    with pytest.raises(ValueError, match="no"):
        caller(LONG, client.refuse)
    caller(LONG, client.work, "after")
    assert client.calls == [("after", "mine")]
    caller.close()


def test_a_call_that_hangs_is_given_up() -> None:
    """It goes on by itself; nobody waits for it, neither when the client is let go."""
    client, caller = Client(), Caller("hanging")
    with pytest.raises(Hung):
        caller(0.05, client.hang)
    caller.close()
    assert client.calls == []
    client.may_go_on.set()
    for thread in threading.enumerate():
        if thread.name == "hanging":
            thread.join(LONG)
            assert not thread.is_alive()
    assert client.calls == [("late", "hanging")]


def test_a_client_that_is_let_go_is_freed() -> None:
    """The thread does not keep it once its calls have come back."""
    client, caller = Client(), Caller("mine")
    caller(LONG, client.work, "a")
    caller.close()
    for thread in threading.enumerate():
        if thread.name == "mine":
            thread.join(LONG)
    there = weakref.ref(client)
    del client
    gc.collect()
    assert there() is None
