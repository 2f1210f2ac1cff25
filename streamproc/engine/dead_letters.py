"""An unusable record as a dead letter: raw bytes kept, where it came from and why in the headers."""

from __future__ import annotations

import hashlib

from streamproc.engine.ports import Headers
from streamproc.errors import BadRecord
from streamproc.stage import Record

MAX_VALUE_BYTES = 900_000
"""Kafka's default limit is a megabyte with key and headers; a longer value is cut, with the SHA-256 of the whole."""
MAX_KEY_BYTES = 50_000
"""A longer key is cut too. One that could not be written would be met again and again."""


def dead_letter(record: Record, error: BadRecord, stage: str) -> tuple[bytes | None, bytes | None, Headers]:
    """(value, key, headers) of the dead letter."""
    value, key, detail = record.value(), record.key(), error.detail
    cut: list[tuple[str, bytes]] = []
    if key is not None and len(key) > MAX_KEY_BYTES:
        detail += f" (the key is cut: it had {len(key)} bytes)"
        cut.append(("truncated_key_bytes", b"%d" % len(key)))
        key = key[:MAX_KEY_BYTES]
    if value is not None and len(value) > MAX_VALUE_BYTES:
        cut.append(("truncated_sha256", hashlib.sha256(value).hexdigest().encode()))
        value = value[:MAX_VALUE_BYTES]
    headers = [
        ("source_topic", record.topic().encode()),
        ("source_partition", b"%d" % record.partition()),
        ("source_offset", b"%d" % record.offset()),
        ("source_timestamp", b"%d" % record.timestamp()[1]),
        ("stage", stage.encode()),
        ("reason", error.code.encode()),
        ("detail", detail.encode("utf-8", "replace")),
        *cut,
    ]
    return value, key, headers
