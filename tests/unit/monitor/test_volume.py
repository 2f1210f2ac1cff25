"""Volume: counts of two sliding periods by event time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.errors import ConfigError
from streamproc.monitor.volume import BUCKETS, Volume

HOUR = 3_600_000
START = 1_700_000_000_000


def counted(times: list[int], period: int) -> tuple[float | None, float | None]:
    """The definition, counted anew: buckets of a sixtieth, the newest one included."""
    if not times:
        return None, None
    bucket = [t * BUCKETS // period for t in times]
    clock = running = bucket[0]
    kept = []
    for b in bucket:  # what is two periods late when it comes is gone
        running = max(running, b)
        if running - b < 2 * BUCKETS:
            kept.append(b)
    clock = running
    present = sum(1 for b in kept if clock - BUCKETS < b <= clock)
    preceding = sum(1 for b in kept if clock - 2 * BUCKETS < b <= clock - BUCKETS)
    seen = max(times) - times[0]
    return (
        present if seen >= period else None,
        present / preceding - 1 if preceding and seen >= 2 * period else None,
    )


@given(
    st.sampled_from([1, 7, 59, 60, 61, 600, 10_000]),
    st.lists(st.integers(-15_000, 15_000) | st.integers(-500, 500) | st.integers(0, 30), max_size=60),
)
def test_as_defined(period: int, steps: list[int]) -> None:
    """Volume and increase are what counting anew gives, with late, far-ahead and repeated times."""
    volume, times, now = Volume(period), [], START
    for step in steps:
        now += step
        times.append(now)
        volume.update(now)
        assert (volume.volume(), volume.increase()) == counted(times, period)


@pytest.mark.parametrize("late", range(130))
def test_how_late_counts_where(late: int) -> None:
    """An outcome late by under 60 buckets counts as present, by under 120 as preceding, and by more not at all."""
    volume = Volume(HOUR)
    minute, now = HOUR // 60, START + 5 * HOUR
    for time in (START, now - 90 * minute, now, now - late * minute):
        volume.update(time)
    present, preceding = 1 + (late < 60), 1 + (60 <= late < 120)
    assert (volume.volume(), volume.increase()) == (present, present / preceding - 1)


def test_a_steady_stream() -> None:
    """One outcome a second is 3,600 an hour, to within the sixtieth that is filling, and grows by nothing."""
    volume = Volume(HOUR)
    for second in range(3 * 3600):
        volume.update(START + second * 1000)
        if second == 3599:
            assert volume.volume() is None
        if second == 7199:
            assert volume.increase() is None
        if second > 7200:
            assert 3600 * 59 / 60 <= (volume.volume() or 0) <= 3600
            assert -1 / 60 <= (volume.increase() or 0) <= 0


def test_growth() -> None:
    """Half as many again in the second period is an increase of a half."""
    volume = Volume(HOUR)
    first_hour = START - START % HOUR
    for n in range(600):
        volume.update(first_hour + n * 6000)
    for n in range(900):
        volume.update(first_hour + HOUR + n * 4000)
    assert volume.volume() == 900
    assert volume.increase() is None
    volume.update(first_hour + 2 * HOUR - 1)
    volume.advance(first_hour + 2 * HOUR - 1)
    assert volume.increase() is None
    volume.update(first_hour + 2 * HOUR)
    # Buckets of a minute: the second hour has lost its first one (15 outcomes) to the preceding period.
    assert volume.increase() == (900 - 15 + 2) / (600 - 10 + 15) - 1


def test_a_jump_far_ahead() -> None:
    """A time years ahead empties both periods at once; there is no increase over nothing."""
    volume = Volume(HOUR)
    for n in range(10):
        volume.update(START + n * HOUR)
    volume.update(START + 10**12)
    assert volume.volume() == 1
    assert volume.increase() is None


def test_silence() -> None:
    """Advancing the clock without outcomes empties the period; going back in time does nothing."""
    volume = Volume(HOUR)
    assert volume.volume() is None
    for n in range(130):
        volume.update(START + n * HOUR // 60)
    before = volume.volume(), volume.increase()
    volume.advance(START)
    assert (volume.volume(), volume.increase()) == before
    volume.advance(START + 3 * HOUR + HOUR // 6)
    assert volume.volume() == 0
    assert volume.increase() == -1.0
    volume.advance(START + 9 * HOUR)
    assert (volume.volume(), volume.increase()) == (0, None)


def test_late_outcomes() -> None:
    """A late outcome counts in the period of its own time, and not at all when that is over."""
    volume = Volume(HOUR)
    for time in (0, 2 * HOUR, 3 * HOUR):
        volume.update(START + time)
    volume.update(START + 3 * HOUR - HOUR // 2)
    assert volume.volume() == 2
    volume.update(START + 2 * HOUR - HOUR // 2)
    assert (volume.volume(), volume.increase()) == (2, 0.0)
    volume.update(START)
    assert (volume.volume(), volume.increase()) == (2, 0.0)


@given(st.lists(st.integers(0, 10**7)), st.lists(st.integers(0, 10**7)))
def test_reset_equals_fresh(before: list[int], after: list[int]) -> None:
    """A volume that was reset cannot be told from a new one."""
    used, fresh = Volume(60_000), Volume(60_000)
    for time in before:
        used.update(time)
    used.reset()
    for time in after:
        used.update(time)
        fresh.update(time)
        assert (used.volume(), used.increase()) == (fresh.volume(), fresh.increase())


def test_no_period() -> None:
    """A period of no length is an error of the configuration."""
    with pytest.raises(ConfigError, match="volume_period"):
        Volume(0)
