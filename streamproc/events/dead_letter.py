"""A record that could not be used: its raw bytes as the value, and why in the headers."""

from __future__ import annotations

from typing import Literal, get_args

from streamproc.events.base import Event

Reason = Literal[
    "empty",
    "too_large",
    "too_deep",
    "not_json",
    "not_an_object",
    "invalid_field",
    "missing_field",
    "unknown_model",
    "time_out_of_range",
    "label_mismatch",
    "retrain_failed",
]
REASONS: tuple[str, ...] = get_args(Reason)


class DeadLetterHeaders(Event):
    """The Kafka headers of a dead letter, all as text."""

    source_topic: str
    source_partition: str
    source_offset: str
    source_timestamp: str
    stage: str
    reason: Reason
    detail: str
    truncated_sha256: str | None = None
    """Set when the value had to be cut: the SHA-256 of the whole."""
    truncated_key_bytes: str | None = None
    """Set when the key had to be cut: how long the whole was."""
