"""Monitors that have lived, written down and read back."""

from __future__ import annotations

from random import Random

from streamproc.monitor.model import ModelMonitor
from streamproc.monitor.snapshot import Mark, Refusal, Saved, encode
from tests.unit.monitor.journals import ORIGIN, SHARED, T, journal, monitor_of, play

MARK = Mark(upto=123, now=T, ticked=T - 60_000)
Records = list[tuple[bytes, bytes]]


def new(task: str = "binary", model_id: str = "model") -> ModelMonitor:
    return monitor_of(task, model_id)


def lived(task: str = "binary", count: int = 1200, seed: int = 5) -> ModelMonitor:
    monitor = new(task)
    play(monitor, journal(Random(seed), task, monitor.config_hash, count), 0)
    return monitor


def dump(monitor: ModelMonitor) -> Records:
    return encode(monitor, MARK, ORIGIN)


def load(records: Records, into: ModelMonitor, origin: str = ORIGIN) -> Mark | Refusal | None:
    saved = Saved(origin)
    for key, value in records:
        saved.add(key, value)
    return saved.restore(into)


def again(monitor: ModelMonitor) -> ModelMonitor:
    restored = ModelMonitor(monitor.model_id, monitor.model, SHARED if monitor.sharing is not None else None)
    assert load(dump(monitor), restored) == MARK
    return restored
