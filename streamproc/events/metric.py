"""Named numbers from outside (Evidently, NannyML, a notebook), keyed by model_id."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from streamproc.events.base import Event, Id, Number, Time


class Metric(Event):
    """Measured values of one model, such as `{"drift": 0.12}`."""

    model_id: Id
    model_version: Id | None = None
    time: Time
    metrics: Annotated[dict[str, Number], Field(min_length=1, max_length=1000)]
