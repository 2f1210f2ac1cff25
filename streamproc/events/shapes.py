"""The usual forms of the two big topics, for msgspec: parsed and checked at once, at a third of the models' cost.

The pydantic models decide what is valid. A shape accepts only what they accept, with the same result, and is allowed
to be unsure: whatever it refuses goes to the models, which also say what is wrong with it. A property test holds the
two together. Fields that a model does not know, null, and numbers of 1e15 and more are left to the models.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import UNSET, Meta, MsgspecError, Struct, UnsetType

from streamproc.events.base import (
    EARLIEST_MS,
    LATEST_MS,
    MAX_FEATURES,
    MAX_ID_CHARACTERS,
    MAX_TEXT_CHARACTERS,
    Event,
    parse_time,
)
from streamproc.events.label import Label
from streamproc.events.prediction import Prediction

Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID_CHARACTERS)]
"""Control characters are looked for by `isprintable`, which is cheaper than a pattern."""
Number = Annotated[float, Meta(gt=-1e15, lt=1e15)]
Integer = Annotated[int, Meta(gt=-(10**15), lt=10**15)]
Text = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT_CHARACTERS)]
Scalar = Number | Integer | Text | bool
Time = Annotated[int, Meta(ge=EARLIEST_MS, le=LATEST_MS)] | Annotated[str, Meta(max_length=MAX_TEXT_CHARACTERS)]
Probability = Annotated[float, Meta(ge=0, le=1)]
Weight = Annotated[float, Meta(ge=0, lt=1e15)]


class PredictionShape(Struct, forbid_unknown_fields=True, gc=False):
    """As `Prediction`; without `time` the record's timestamp counts."""

    prediction_id: Id
    model_id: Id
    prediction: Scalar
    model_version: Id | UnsetType = UNSET
    time: Time | UnsetType = UNSET
    score: Number | UnsetType = UNSET
    scores: dict[str, Probability] | UnsetType = UNSET
    lower: Number | UnsetType = UNSET
    upper: Number | UnsetType = UNSET
    features: Annotated[dict[str, Scalar], Meta(max_length=MAX_FEATURES)] | UnsetType = UNSET
    weight: Weight | UnsetType = UNSET

    def event_time(self, timestamp: int) -> int | None:
        """Epoch ms; None: the model is to say whether this is valid."""
        version = self.model_version
        if not (self.prediction_id.isprintable() and self.model_id.isprintable()):
            return None
        if version is not UNSET and not version.isprintable():
            return None
        return _event_time(self.time, timestamp)


class LabelShape(Struct, forbid_unknown_fields=True, gc=False):
    """As `Label`; without `time` the record's timestamp counts."""

    prediction_id: Id
    label: Scalar
    time: Time | UnsetType = UNSET

    def event_time(self, timestamp: int) -> int | None:
        """Epoch ms; None: the model is to say whether this is valid."""
        return _event_time(self.time, timestamp) if self.prediction_id.isprintable() else None


def _event_time(time: int | str | UnsetType, timestamp: int) -> int | None:
    if type(time) is int:
        return time
    try:
        return parse_time(timestamp if time is UNSET else time)
    except ValueError:
        return None


SHAPES: Mapping[type[Event], type[PredictionShape | LabelShape]] = {Prediction: PredictionShape, Label: LabelShape}
REFUSED = (MsgspecError, ValueError, RecursionError)
"""What msgspec raises for what has another shape, or is no JSON."""
