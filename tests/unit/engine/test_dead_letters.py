"""A record that cannot be used is kept as it was, as far as Kafka takes it."""

from __future__ import annotations

import hashlib

import pytest

from streamproc.engine.dead_letters import MAX_KEY_BYTES, MAX_VALUE_BYTES, dead_letter
from streamproc.errors import BadRecord
from streamproc.events.dead_letter import REASONS, DeadLetterHeaders
from streamproc.replay.memory import MemoryRecord

KAFKAS_LIMIT = 1_000_000
"""librdkafka's message.max.bytes: key, value and headers together."""


def rejected(value: bytes | None, key: bytes | None = b"k", detail: str = "why") -> tuple[MemoryRecord, BadRecord]:
    return MemoryRecord("predictions", 3, 42, value, key, 1_767_225_600_000), BadRecord("not_json", detail)


@pytest.mark.parametrize("value", [b"", b"{", b"\xff\x00", None, b"x" * MAX_VALUE_BYTES])
def test_the_raw_bytes_are_kept(value: bytes | None) -> None:
    """Value and key are those of the record, to the byte, up to the limit."""
    found, key, headers = dead_letter(*rejected(value), "join")
    assert (found, key) == (value, b"k")
    assert "truncated_sha256" not in dict(headers)


def test_the_headers_say_where_it_came_from_and_why() -> None:
    """They are what the event model says, in text."""
    _, _, headers = dead_letter(*rejected(b"{"), "join")
    told = DeadLetterHeaders.model_validate({name: value.decode() for name, value in headers})
    assert told == DeadLetterHeaders(
        source_topic="predictions",
        source_partition="3",
        source_offset="42",
        source_timestamp="1767225600000",
        stage="join",
        reason="not_json",
        detail="why",
    )
    assert told.reason in REASONS


def test_a_value_that_is_too_large_is_cut_and_can_still_be_recognized() -> None:
    """The SHA-256 is of the whole value."""
    value = bytes(range(256)) * 8192
    found, _, headers = dead_letter(*rejected(value), "join")
    assert found == value[:MAX_VALUE_BYTES]
    assert dict(headers)["truncated_sha256"] == hashlib.sha256(value).hexdigest().encode()


def test_it_can_always_be_written() -> None:
    """The largest value, key and detail together stay below Kafka's limit: else the record would be met for ever."""
    found, key, headers = dead_letter(*rejected(b"v" * 2_000_000, b"k" * 700_000, "ü" * 1024), "join")
    assert key == b"k" * MAX_KEY_BYTES
    size = len(found or b"") + len(key or b"") + sum(len(name) + len(value) for name, value in headers)
    assert size < KAFKAS_LIMIT
    assert b"the key is cut: it had 700000 bytes" in dict(headers)["detail"]
    assert dict(headers)["truncated_key_bytes"] == b"700000"


def test_a_detail_that_is_no_unicode_is_told_all_the_same() -> None:
    """Lone surrogates come out of JSON; they have no bytes."""
    _, _, headers = dead_letter(*rejected(b"x", detail="id \ud800"), "join")
    assert dict(headers)["detail"] == b"id ?"
