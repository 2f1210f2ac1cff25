"""States as they were written by the pinned river and this format: another river or codec cannot slip in unnoticed."""

from __future__ import annotations

import ormsgpack
import pytest

from streamproc.monitor.snapshot import Mark, Saved
from tests.unit.monitor.golden.remake import PLACE, go_on, make, read
from tests.unit.monitor.journals import ORIGIN, TASKS, T, monitor_of

each_task = pytest.mark.parametrize("task", TASKS)


@each_task
def test_a_golden_state_is_read_and_goes_on_as_it_did(task: str) -> None:
    """The same notes with the same evidence, and the same state in the end. If this is meant to change: make golden."""
    golden, saved = read(task), Saved(ORIGIN)
    for key, value in golden.records:
        saved.add(key, value)
    monitor = monitor_of(task)
    assert saved.restore(monitor) == Mark(PLACE, T, T), "another river, format or configuration: make golden"
    assert ormsgpack.packb(monitor.state()) == golden.state
    assert go_on(monitor) == (golden.said, golden.end)


@each_task
def test_the_same_journal_still_makes_the_golden_state(task: str) -> None:
    """Bytes as they were. If this is meant to change: raise envelope.FORMAT, then make golden."""
    golden, made = read(task), make(task)
    assert made.state == golden.state
    assert (made.said, made.end) == (golden.said, golden.end)
