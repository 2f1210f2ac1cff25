"""What unquoted YAML values mean."""

from __future__ import annotations

import math

import pytest

from streamproc.config.scalar import meaning


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("False", False),
        ("12", 12),
        ("-3", -3),
        ("+3", 3),
        ("012", 12),
        ("0o17", 15),
        ("0xFf", 255),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("1e3", 1000.0),
        ("-1.5E-3", -0.0015),
        (".inf", math.inf),
        ("-.Inf", -math.inf),
        # text in YAML 1.2, though not in 1.1
        ("yes", "yes"),
        ("on", "on"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("nUll", "nUll"),
        ("0b1", "0b1"),
        (".", "."),
        ("+", "+"),
        ("1.2.3", "1.2.3"),
        ("٣", "٣"),
    ],
)
def test_scalars_follow_the_core_schema(text: str, value: object) -> None:
    """YAML 1.2, section 10.3.2, and nothing of YAML 1.1."""
    found = meaning(text)
    assert found == value
    assert type(found) is type(value)


def test_nan_is_a_number() -> None:
    """`.nan` is read, so that the models can refuse it as a number."""
    assert math.isnan(meaning(".nan"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["9223372036854775808", "-9223372036854775809", "9" * 400, "9" * 10_000, "0x" + "f" * 99]
)
def test_whole_numbers_beyond_64_bits_are_refused(text: str) -> None:
    """A number that JSON and Kafka could not carry is refused, however long it is."""
    with pytest.raises(ValueError, match="too large"):
        meaning(text)
