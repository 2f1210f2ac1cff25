"""Everybody comes up once in an interval, a few at a time."""

from __future__ import annotations

from collections import Counter

import pytest

from streamproc.monitor.rota import MOST, Rota


@pytest.mark.parametrize("places", [1, 7, 300])
@pytest.mark.parametrize("step", [3, 100, 999])
def test_each_comes_up_once_in_an_interval(places: int, step: int) -> None:
    """However often it is asked, in ten intervals everybody comes up ten times, or was about to."""
    rota, now, turns = Rota(1000), 5_000, Counter[int]()
    turns.update(rota.turn(now, places))
    assert not turns
    while now < 15_000:
        now += step
        turns.update(rota.turn(now, places))
    assert len(turns) == places
    assert 9 <= min(turns.values()) <= max(turns.values()) <= 11


def test_nobody_waits_for_thousands_at_once() -> None:
    """After a long silence it goes on from where it was, with no more than so many at a time."""
    rota = Rota(1000)
    assert [*rota.turn(0, 10_000)] == []
    first, second = [*rota.turn(60_000, 10_000)], [*rota.turn(60_000, 10_000)]
    assert len(first) == len(second) == MOST
    assert not {*first} & {*second}


def test_a_clock_that_is_put_back_is_nobody_s_turn() -> None:
    """And it goes on from there."""
    rota = Rota(1000)
    assert [*rota.turn(5_000, 4)] == []
    assert [*rota.turn(1_000, 4)] == []
    assert sorted(rota.turn(2_000, 4)) == [0, 1, 2, 3]


def test_places_may_be_none() -> None:
    """A partition without models."""
    rota = Rota(1000)
    assert [*rota.turn(0, 0), *rota.turn(9_000, 0)] == []
