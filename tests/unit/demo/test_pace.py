"""Rows come at their pace, not in bursts."""

from __future__ import annotations

from streamproc.demo.pace import Pace


def taken(pace: Pace, start: float, end: float, step: float = 0.001) -> int:
    """How many rows are taken by somebody who looks every `step` seconds."""
    count, now = 0, start
    while now < end:
        while pace.take(now):
            count += 1
        now += step
    return count


def test_so_many_rows_a_second() -> None:
    """Over a second, what was asked for, whatever the pace of looking."""
    for step in (0.0001, 0.003, 0.05):
        pace = Pace(500)
        taken(pace, 99.0, 100.0, step)
        assert abs(taken(pace, 100.0, 101.0, step) - 500) <= 26


def test_a_wait_is_not_made_up_for() -> None:
    """After ten seconds in which nobody took a row, a tenth of a second's rows follow at once, not ten seconds'."""
    pace = Pace(500)
    taken(pace, 0.0, 1.0)
    assert taken(pace, 11.0, 11.0005) <= 52
