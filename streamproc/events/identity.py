"""Ids that follow from the log alone, and the CloudEvents headers that carry them."""

from __future__ import annotations

import hashlib

from streamproc.events.base import format_time

Headers = list[tuple[str, bytes]]


def derived_id(prefix: str, *parts: object) -> str:
    """A stable id: `trg_` and 32 hexadecimal digits of the SHA-256 over the parts."""
    text = "\x1f".join("" if part is None else str(part) for part in parts)
    return f"{prefix}_{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def cloud_event_headers(kind: str, event_id: str, pipeline: str, subject: str, time_ms: int) -> Headers:
    """CloudEvents 1.0 attributes, Kafka binary mode: https://github.com/cloudevents/spec kafka-protocol-binding."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_type", f"dev.streamproc.{kind}".encode()),
        ("ce_id", event_id.encode()),
        ("ce_source", f"/streamproc/{pipeline}".encode()),
        ("ce_subject", subject.encode()),
        ("ce_time", format_time(time_ms).encode()),
        ("content-type", b"application/json"),
    ]
