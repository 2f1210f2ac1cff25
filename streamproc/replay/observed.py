"""A model under watch in a replay, whose every step of interest is told at the moment that it is taken."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from streamproc.config.model import Model
from streamproc.monitor.model import ModelMonitor
from streamproc.monitor.notes import Note, Notes
from streamproc.monitor.sharing import SharingRules


class Observer(Protocol):
    """Is told before the model takes a record, with what was read of it; `now`: the journal's time, epoch ms."""

    def outcome(self, record: dict[str, Any], now: int) -> None: ...

    def deploy(self, record: dict[str, Any], now: int) -> None: ...

    def raised(self, model_id: str, trigger_id: str) -> None:
        """A trigger was raised, by what was told last."""
        ...


class ObservedMonitor(ModelMonitor):
    """The real one."""

    def __init__(self, observer: Observer, model_id: str, model: Model, rules: SharingRules | None) -> None:
        """Raises as ModelMonitor does."""
        super().__init__(model_id, model, rules)
        self._observer = observer

    def outcome(self, record: dict[str, Any], offset: int, now: int) -> Notes:
        self._observer.outcome(record, now)
        return super().outcome(record, offset, now)

    def deploy(self, record: dict[str, Any], now: int) -> Notes:
        self._observer.deploy(record, now)
        return super().deploy(record, now)

    def raised(self, note: Note, trigger_id: str) -> None:
        self._observer.raised(self.model_id, trigger_id)
        super().raised(note, trigger_id)


def observed_by(observer: Observer) -> Callable[[str, Model, SharingRules | None], ModelMonitor]:
    """Makes the monitors of a replay."""
    return partial(ObservedMonitor, observer)
