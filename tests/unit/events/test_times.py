"""Times: RFC 3339 with a zone, or epoch milliseconds; everything else has a message of its own."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamproc.errors import BadRecord
from streamproc.events.base import EARLIEST_MS, LATEST_MS, format_time, parse_time
from streamproc.events.codec import decoder
from streamproc.events.label import Label

NEW_YEAR = 1_767_225_600_000


@pytest.mark.parametrize(
    ("written", "ms"),
    [
        (NEW_YEAR, NEW_YEAR),
        ("2026-01-01T00:00:00Z", NEW_YEAR),
        ("2026-01-01t00:00:00z", NEW_YEAR),
        ("2026-01-01 00:00:00Z", NEW_YEAR),
        ("2026-01-01T00:00Z", NEW_YEAR),
        ("2026-01-01T02:00:00+02:00", NEW_YEAR),
        ("2025-12-31T18:30:00-0530", NEW_YEAR),
        ("2026-01-01T00:00:00-00:00", NEW_YEAR),
        ("2026-01-01T00:00:00.5Z", NEW_YEAR + 500),
        ("2026-01-01T00:00:00.123456Z", NEW_YEAR + 123),
        ("2026-01-01T00:00:00.1239999Z", NEW_YEAR + 124),
        ("2026-01-01T00:00:00.123456789+00:00", NEW_YEAR + 123),
        ("1973-03-03T09:46:40Z", EARLIEST_MS),
        ("9999-12-31T23:59:59.999Z", LATEST_MS),
        (EARLIEST_MS, EARLIEST_MS),
        (LATEST_MS, LATEST_MS),
    ],
)
def test_a_time_is_read_as_the_nearest_millisecond(written: object, ms: int) -> None:
    """Zones, offsets with and without a colon, fractions of any length."""
    assert parse_time(written) == ms


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (1_767_225_600, "1767225600 looks like seconds; times are RFC 3339 strings or epoch milliseconds"),
        (99_999_999_999, "99999999999 looks like seconds; times are RFC 3339 strings or epoch milliseconds"),
        (0, "'0' is out of range: times lie between March 1973 and the year 9999"),
        (-NEW_YEAR, "'-1767225600000' is out of range: times lie between March 1973 and the year 9999"),
        (
            LATEST_MS + 1,
            "253402300800000 is beyond the year 9999; times are RFC 3339 strings or epoch milliseconds",
        ),
        (
            NEW_YEAR * 1000,
            "1767225600000000 is beyond the year 9999; times are RFC 3339 strings or epoch milliseconds",
        ),
        (1767225600.5, "times are RFC 3339 strings or epoch milliseconds, this is a number with a fraction"),
        (True, "times are RFC 3339 strings or epoch milliseconds, this is true or false"),
        ([NEW_YEAR], "times are RFC 3339 strings or epoch milliseconds, this is an array"),
        ({"ms": 1}, "times are RFC 3339 strings or epoch milliseconds, this is an object"),
        ("", "'' is not an RFC 3339 time such as 2026-01-01T12:00:00Z"),
        ("noon", "'noon' is not an RFC 3339 time such as 2026-01-01T12:00:00Z"),
        ("1767225600000", "'1767225600000' is not an RFC 3339 time such as 2026-01-01T12:00:00Z"),
        ("2026-01-01", "'2026-01-01' is not an RFC 3339 time such as 2026-01-01T12:00:00Z"),
        ("2026-W01-4T00:00:00Z", "'2026-W01-4T00:00:00Z' is not an RFC 3339 time such as 2026-01-01T12:00:00Z"),
        ("20260101T00:00:00Z", "'20260101T00:00:00Z' is not an RFC 3339 time such as 2026-01-01T12:00:00Z"),
        ("2026-01-01T24:00:00Z", "'2026-01-01T24:00:00Z' is not an RFC 3339 time such as 2026-01-01T12:00:00Z"),
        ("2026-01-01T00:00:00,5Z", "'2026-01-01T00:00:00,5Z' is not an RFC 3339 time such as 2026-01-01T12:00:00Z"),
        ("10000-01-01T00:00:00Z", "'10000-01-01T00:00:00Z' is not an RFC 3339 time such as 2026-01-01T12:00:00Z"),
        (
            "\N{FULLWIDTH DIGIT TWO}026-01-01T00:00:00Z",
            "'\N{FULLWIDTH DIGIT TWO}026-01-01T00:00:00Z' is not an RFC 3339 time such as 2026-01-01T12:00:00Z",
        ),
        ("2026-01-01T00:00:00", "'2026-01-01T00:00:00' has no zone; end it with Z or an offset such as +02:00"),
        ("2026-01-01T00:00:00.5", "'2026-01-01T00:00:00.5' has no zone; end it with Z or an offset such as +02:00"),
        ("2016-12-31T23:59:60Z", "'2016-12-31T23:59:60Z' is not a time: leap seconds have no epoch milliseconds"),
        ("2026-02-29T00:00:00Z", "'2026-02-29T00:00:00Z' is not a time: no such day or hour"),
        ("2026-01-01T00:60:00Z", "'2026-01-01T00:60:00Z' is not a time: no such day or hour"),
        ("2026-01-01T00:00:00+24:00", "'2026-01-01T00:00:00+24:00' is not a time: no such day or hour"),
        (
            "1969-12-31T23:59:59Z",
            "'1969-12-31T23:59:59Z' is out of range: times lie between March 1973 and the year 9999",
        ),
        (
            "0001-01-01T00:00:00+14:00",
            "'0001-01-01T00:00:00+14:00' is out of range: times lie between March 1973 and the year 9999",
        ),
        (
            "9999-12-31T23:59:59.9999Z",
            "'9999-12-31T23:59:59.9999Z' is out of range: times lie between March 1973 and the year 9999",
        ),
        (
            "9999-12-31T23:59:59-14:00",
            "'9999-12-31T23:59:59-14:00' is out of range: times lie between March 1973 and the year 9999",
        ),
    ],
)
def test_what_is_not_a_time_has_one_clear_message(written: object, message: str) -> None:
    """Seconds by mistake, no zone, another calendar notation, leap seconds, out of range, another type."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        parse_time(written)
    assert str(caught.value) == message


def test_the_message_reaches_the_dead_letter_with_the_field_before_it() -> None:
    """The codec adds the name of the field, and nothing else."""
    with pytest.raises(BadRecord) as caught:
        decoder(Label)(b'{"label":1,"time":1767225600}', b"p1", NEW_YEAR)
    assert str(caught.value).startswith("invalid_field: time: 1767225600 looks like seconds; ")


@settings(deadline=None)
@given(st.integers(EARLIEST_MS, LATEST_MS))
@example(LATEST_MS)
@example(EARLIEST_MS)
@example(8_640_000_000_123)
def test_a_written_time_reads_as_the_same_millisecond(ms: int) -> None:
    """Every millisecond from 1973 to 9999 survives being written and read."""
    assert parse_time(format_time(ms)) == ms


@settings(deadline=None)
@given(st.datetimes(datetime(1973, 4, 1), datetime(9999, 12, 30), timezones=st.timezones()))  # noqa: DTZ001
def test_any_datetime_of_any_zone_is_read(moment: datetime) -> None:
    """What Python writes as ISO 8601 with a zone is read to the nearest millisecond."""
    written = moment.isoformat()
    if written[-6] not in "+-":
        return  # zones of the 19th century have seconds in their offsets
    assert abs(parse_time(written) - (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000) <= 0.51


@settings(deadline=None)
@given(st.text(max_size=40) | st.from_regex(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:?\d\d)?\Z"))
@example("0000-01-01T00:00:00Z")
@example("9999-12-31T23:59:59.9999999Z")
@example("2026-01-01T00:00:00.5\n")
def test_no_text_makes_anything_but_a_time_or_a_value_error(text: str) -> None:
    """Whatever a producer writes as a time, the answer is a time in range or a ValueError."""
    try:
        ms = parse_time(text)
    except ValueError:
        return
    assert EARLIEST_MS <= ms <= LATEST_MS
