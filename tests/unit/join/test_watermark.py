"""How far event time has come, with sides that lag, fall silent or were never heard."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamproc.join.watermark import Watermark

IDLE = 1_000


def test_it_follows_the_slower_side() -> None:
    """While labels lag, what waits for them must not expire."""
    watermark = Watermark(IDLE)
    watermark.advance("predictions", 500)
    assert watermark.time == 0
    watermark.advance("labels", 100)
    assert watermark.time == 100
    watermark.advance("labels", 700)
    assert watermark.time == 500


def test_a_silent_side_holds_nothing_back_after_a_while() -> None:
    """Silence is counted from the first look at the clock: only then has everything been read that was there."""
    watermark = Watermark(IDLE)
    watermark.advance("predictions", 500)
    watermark.pass_over_idle(10_000)
    watermark.advance("predictions", 600)
    watermark.pass_over_idle(10_000 + IDLE - 1)
    assert watermark.time == 0
    watermark.pass_over_idle(10_000 + IDLE)
    assert watermark.time == 600


def test_a_side_that_speaks_again_holds_back_again() -> None:
    """It never goes back, but it goes no further either."""
    watermark = Watermark(IDLE)
    watermark.advance("labels", 100)
    watermark.pass_over_idle(0)
    watermark.advance("predictions", 500)
    watermark.pass_over_idle(IDLE)
    assert watermark.time == 500
    watermark.advance("labels", 200)
    watermark.advance("predictions", 900)
    watermark.pass_over_idle(IDLE + 1)
    assert watermark.time == 500


def test_two_silent_sides_move_nothing() -> None:
    """Where nothing is read, no time passes."""
    watermark = Watermark(IDLE)
    watermark.advance("predictions", 500)
    watermark.pass_over_idle(0)
    watermark.pass_over_idle(10 * IDLE)
    assert watermark.time == 0


def test_a_clock_that_was_put_back_starts_the_silence_anew() -> None:
    """Else a side would count as heard of for as long as the clock was put back."""
    watermark = Watermark(IDLE)
    watermark.pass_over_idle(1_000_000)
    watermark.pass_over_idle(0)
    watermark.advance("predictions", 500)
    watermark.pass_over_idle(IDLE)
    assert watermark.time == 500


steps = st.lists(st.tuples(st.sampled_from(["predictions", "labels", "clock"]), st.integers(0, 5 * IDLE)), max_size=40)


@given(steps)
def test_it_never_goes_back(taken: list[tuple[str, int]]) -> None:
    """Neither by events that are out of order nor by the clock; and it is never ahead of both sides."""
    watermark, newest, before = Watermark(IDLE), 0, 0
    for side, time in taken:
        if side == "clock":
            watermark.pass_over_idle(time)
        else:
            watermark.advance(side, time)
            newest = max(newest, time)
        assert before <= watermark.time <= newest
        before = watermark.time
