"""Durations, as text and as milliseconds."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from streamproc.config.units import LONGEST_MS, DurationError, PositiveDuration, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("5ms", 5),
        ("90s", 90_000),
        ("10m", 600_000),
        ("24h", 86_400_000),
        ("7d", 604_800_000),
        ("2w", 1_209_600_000),
        ("1.5h", 5_400_000),
        (" 3s ", 3_000),
        (0, 0),
        (0.0, 0),
        ("0", 0),
        ("36500d", LONGEST_MS),
    ],
)
def test_durations_are_milliseconds(text: object, ms: int) -> None:
    """A number and its unit give milliseconds; 0 needs no unit."""
    assert parse_duration(text) == ms


@pytest.mark.parametrize("text", ["", "5", 5, 1.5, "5 m", "-5m", "5x", "m", "1e3s", "٣s", None, True, False, [], "5mm"])
def test_anything_else_is_refused_with_an_example(text: object) -> None:
    """What is no duration is refused, with what to write instead and what stood there."""
    with pytest.raises(DurationError) as caught:
        parse_duration(text)
    assert str(caught.value) == f"write a duration with its unit, such as 30s, 10m, 24h or 7d (not {text!r})"
    assert caught.value.advice == "write a duration with its unit, such as 30s, 10m, 24h or 7d"


@pytest.mark.parametrize("text", ["36501d", "9" * 20 + "w"])
def test_absurdly_long_durations_are_refused(text: str) -> None:
    """More than a hundred years is refused, without an overflow."""
    with pytest.raises(DurationError, match="at most 36500d"):
        parse_duration(text)


def test_a_digit_flood_is_no_duration() -> None:
    """Thousands of digits are refused before anything is computed with them."""
    with pytest.raises(DurationError):
        parse_duration("9" * 5000 + "d")


@given(st.integers(0, LONGEST_MS))
def test_written_durations_read_back(ms: int) -> None:
    """`format_duration` loses nothing."""
    assert parse_duration(format_duration(ms)) == ms


@given(st.one_of(st.text(), st.floats(), st.integers(), st.binary(), st.none()))
def test_any_input_gives_a_duration_or_a_value_error(value: object) -> None:
    """Nothing but ValueError comes out of strange input, as pydantic needs it."""
    with contextlib.suppress(ValueError):
        assert 0 <= parse_duration(value) <= LONGEST_MS


def test_a_positive_duration_is_not_zero() -> None:
    """Where a duration must not be zero, `0` and `0s` are refused and `1ms` is not."""
    adapter = TypeAdapter(PositiveDuration)
    assert adapter.validate_python("1ms") == 1
    for zero in (0, "0s", "0.1ms"):
        with pytest.raises(ValidationError):
            adapter.validate_python(zero)
