"""Calls into librdkafka that may not come back.

Its transactional calls take a time limit, and as a rule they keep to it. Not always: `send_offsets_to_transaction` was
seen to wait for minutes while brokers came and went. Such a call cannot be ended. It can be left to itself, and the
producer with it.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, NamedTuple


class _Work(NamedTuple):
    call: Callable[..., Any]
    arguments: tuple[Any, ...]
    answer: queue.SimpleQueue[BaseException | None]


class Hung(Exception):
    """A call did not come back in time. It may still take effect."""


class Caller:
    """A thread of its own for the calls of one client, one after the other. After `Hung` it is of no more use."""

    def __init__(self, name: str) -> None:
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        # A daemon: a call that hangs must not keep the process from ending.
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def __call__(self, limit: float, call: Callable[..., Any], *arguments: Any) -> None:
        """Make a call, and wait for it at most `limit` seconds. Raises what it raises, and Hung."""
        answer: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._work.put(_Work(call, arguments, answer))
        try:
            raised = answer.get(timeout=limit)
        except queue.Empty:
            raise Hung from None
        if raised is not None:
            raise raised

    def close(self) -> None:
        """No more calls; the thread ends after the present one, if that ever does."""
        self._work.put(None)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                work.call(*work.arguments)
            except BaseException as exc:  # noqa: BLE001 - raised where it was asked for
                work.answer.put(exc)
            else:
                work.answer.put(None)
            del work  # it refers to the client, which is to be freed when nobody uses it
