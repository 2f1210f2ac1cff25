"""Retrain this model, because of this evidence, on exactly this data: written by the monitor, keyed by model_id."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from streamproc.events.base import Event, Id, Text, Time


class JournalPosition(Event):
    """The journal record that something follows from."""

    partition: int
    offset: int


class ChangePoint(Event):
    """Where the data is estimated to have changed."""

    offset: int
    outcomes: int
    """Outcomes from there to the trigger."""
    detector: str


class DataWindow(Event):
    """The labelled rows that a retrain reads: this model's outcomes in a range of the journal."""

    topic: str
    partition: int
    from_offset: int
    """Inclusive."""
    to_offset: int
    """Exclusive."""
    outcomes: int
    """How many of this model's outcomes lie in the range, at least; the start is known to within 64."""
    change_point: ChangePoint | None = None
    since_deploy: int | None = None
    """Outcomes since the version in service was deployed, if the configuration asks for them."""


class Evidence(Event):
    """What the decision was made on."""

    values: dict[str, float | bool | None] = Field(default_factory=dict)
    """Every name in the condition, at that moment."""
    terms: list[str] = Field(default_factory=list)
    """Each comparison with its result: `accuracy < 0.85: true (0.8)`."""
    detectors: dict[str, dict[str, Any]] = Field(default_factory=dict)
    drift: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """With `drift` in the condition, the signals with the largest distances: distance, value, values in the reference
    and in the window, and p_value, the probability of so large a distance without any change."""
    outcomes: int = 0
    """Outcomes of the version in service since its deploy."""


class Trigger(Event):
    """One retrain is due. `trigger_id` follows from the log alone: the same log gives the same ids for ever."""

    trigger_id: Id
    pipeline: str
    model_id: Id
    model_version: Id | None = None
    """The champion: the version in service when it fired."""
    segment: str | None = None
    policy: str
    """The policy's name, or `manual`."""
    cause: Literal["condition", "schedule", "manual"]
    reason: Text
    time: Time
    scheduled_time: Time | None = None
    command_id: Id | None = None
    evidence: Evidence = Evidence()
    data: DataWindow
    config_hash: str
    journal: JournalPosition
