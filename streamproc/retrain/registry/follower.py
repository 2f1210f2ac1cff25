"""Has a registry's `champion` follow the log: a thread of the worker's, since a registry may take its time or be away.

What the log says is folded by the stage; here is only which models differ from it, as far as is known. A worker that
starts knows of none and asks for all of its models, so whatever a dead one has left undone is done.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

import structlog

from streamproc.errors import RegistryUnavailable
from streamproc.retrain.registry import Pointers

FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0
"""Seconds between attempts; each further one doubles it."""


class PointerFollower:
    """Implements `Follower`: does what is not done yet, and again what has failed."""

    def __init__(self, registry: Pointers, first_pause: float = FIRST_PAUSE) -> None:
        self._registry, self._first_pause = registry, first_pause
        self._wanted: dict[str, str | None] = {}
        self._done: dict[str, str | None] = {}
        self._changed, self._closed = threading.Condition(), False
        self._log = structlog.get_logger()
        self._thread: threading.Thread | None = None

    def follow(self, in_service: Mapping[str, str | None]) -> None:
        with self._changed:
            self._wanted.update(in_service)
            if self._thread is None and self._wanted:
                self._thread = threading.Thread(target=self._run, name="registry", daemon=True)
                self._thread.start()
            self._changed.notify()

    def forget(self, model_ids: Iterable[str]) -> None:
        with self._changed:
            for model_id in model_ids:
                self._wanted.pop(model_id, None)
                self._done.pop(model_id, None)

    @property
    def behind(self) -> int:
        with self._changed:
            return len(self._due())

    def close(self, seconds: float) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(seconds)

    def _due(self) -> list[tuple[str, str | None]]:
        return [each for each in self._wanted.items() if each not in self._done.items()]

    def _run(self) -> None:
        pause = self._first_pause
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._due())
                if self._closed:
                    return
                due = self._due()
            done = [self._point(model_id, uri) for model_id, uri in due]
            if all(done):
                pause = self._first_pause
                continue
            with self._changed:
                self._changed.wait_for(lambda: self._closed, pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _point(self, model_id: str, uri: str | None) -> bool:
        with self._changed:
            if self._closed or self._wanted.get(model_id, _GONE) != uri:
                return True  # no longer wanted; what is wanted instead is due
        try:
            self._registry.point(model_id, uri)
        except RegistryUnavailable as error:
            self._log.warning("the registry does not say yet what is in service", model=model_id, reason=str(error))
            return False
        with self._changed:
            if model_id in self._wanted:
                self._done[model_id] = uri
        return True


_GONE = "\0"
"""Of a model that is not followed: no URI is this."""
