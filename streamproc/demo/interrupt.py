"""Ctrl-C at any moment: end in order if that is quick, and by force if it is not."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

GRACE_SECONDS = 2.5
"""A download, or a client that waits for an answer, may not notice that it is to end: then nobody waits for it."""
AGAIN_SECONDS = 0.05
EXIT_CODE = 128 + signal.SIGINT
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def interruptible(by_force: Callable[[], None]) -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt here, once; a second one changes nothing.

    If the context is not left within GRACE_SECONDS of it, `by_force` is called in another thread and the process ends.
    """
    left = threading.Event()

    def end() -> None:
        if not left.wait(GRACE_SECONDS):
            try:
                by_force()
                os.write(2, b"\nended by force; nothing is left running\n")
            finally:
                os._exit(EXIT_CODE)

    def handle(number: int, frame: FrameType | None) -> None:
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        threading.Thread(target=end, name="end-by-force", daemon=True).start()
        raise KeyboardInterrupt

    def again(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    def unraisable(args: sys.UnraisableHookArgs) -> None:
        if args.exc_type is not KeyboardInterrupt:
            other(args)
        elif not left.is_set():  # it came in the midst of a destructor, which raises to nobody: once more
            signal.signal(signal.SIGINT, again)
            threading.Timer(AGAIN_SECONDS, os.kill, (os.getpid(), signal.SIGINT)).start()

    other, sys.unraisablehook = sys.unraisablehook, unraisable
    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield
    finally:
        left.set()
        sys.unraisablehook = other
        for number, handler in before.items():
            signal.signal(number, handler)
