"""Ctrl-C ends what can be ended in order, and the rest by force."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from streamproc.demo.interrupt import interruptible


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_interrupts_once(number: signal.Signals) -> None:
    """The first one raises; a second one, while things are being ended, is passed over; handlers are put back."""
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), interruptible(lambda: None):
        try:
            os.kill(os.getpid(), number)
            time.sleep(5)
        finally:
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


def test_a_signal_in_the_midst_of_a_destructor_is_not_lost() -> None:
    """What is raised there goes to nobody; it is raised again when the destructor is over."""

    class Slow:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)

    with pytest.raises(KeyboardInterrupt), interruptible(lambda: None):
        slow = Slow()
        del slow
        time.sleep(5)


def test_nothing_is_forced_when_the_end_is_quick() -> None:
    """A context that is left in time is left in order."""
    forced: list[bool] = []
    with pytest.raises(KeyboardInterrupt), interruptible(lambda: forced.append(True)):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)
    assert forced == []


STUBBORN = """
import os, signal, time
from streamproc.demo import interrupt
interrupt.GRACE_SECONDS = 0.2
with interrupt.interruptible(lambda: print("forced", flush=True)):
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        time.sleep(60)  # a client that waits for an answer
"""


def test_what_does_not_end_is_ended_by_force() -> None:
    """After the grace the given function is called and the process ends, with the exit code of Ctrl-C."""
    done = subprocess.run([sys.executable, "-c", STUBBORN], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (130, "forced\n")
    assert "ended by force" in done.stderr
