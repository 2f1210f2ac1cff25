"""Write the golden states anew: `make golden`, after a new river or a change of any state (and a new FORMAT).

Each file holds what a model of one kind wrote at a place in a seeded journal, and what its monitor said from there on.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import ormsgpack

from streamproc.monitor.envelope import digest
from streamproc.monitor.model import ModelMonitor
from streamproc.monitor.snapshot import Mark, encode
from tests.unit.monitor.journals import ORIGIN, TASKS, T, journal, monitor_of, play

HERE = Path(__file__).parent
SEED, PLACE, END = 20, 700, 1400


class Golden(NamedTuple):
    """One file."""

    state: bytes
    """As it was written: the payload in MessagePack, before it is deflated (zlib libraries differ)."""
    records: list[tuple[bytes, bytes]]
    said: str
    """Everything the monitor said afterwards."""
    end: bytes
    """Digest of its state at the end."""


def path(task: str) -> Path:
    return HERE / f"{task}.state"


def events(monitor: ModelMonitor) -> Sequence[dict[str, Any]]:
    return journal(Random(SEED), monitor.model.task, monitor.config_hash, END)


def go_on(monitor: ModelMonitor) -> tuple[str, bytes]:
    """What a monitor says from the place on, and the digest of its last state."""
    said = play(monitor, events(monitor)[PLACE:], PLACE)
    return "\n".join(map(repr, map(_rounded, said))), digest(ormsgpack.packb(monitor.state()))


def _rounded(said: Any) -> Any:
    """Evidence holds logarithms, whose last digit is a matter of the C library."""
    if isinstance(said, float):
        return float(f"{said:.10g}")
    if isinstance(said, list):
        return [_rounded(item) for item in said]
    return {key: _rounded(value) for key, value in said.items()} if isinstance(said, dict) else said


def make(task: str) -> Golden:
    monitor = monitor_of(task)
    play(monitor, events(monitor)[:PLACE], 0)
    state, records = ormsgpack.packb(monitor.state()), encode(monitor, Mark(PLACE, T, T), ORIGIN)
    return Golden(state, records, *go_on(monitor))


def read(task: str) -> Golden:
    state, records, said, end = ormsgpack.unpackb(path(task).read_bytes())
    return Golden(state, [(key, value) for key, value in records], said, end)


if __name__ == "__main__":
    for each in TASKS:
        path(each).write_bytes(ormsgpack.packb([*make(each)]))
