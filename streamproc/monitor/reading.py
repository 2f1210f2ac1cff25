"""Reading an outcome: only what the models of a partition look at is made of its bytes.

Features are most of an outcome, and once the label has come nothing but segments asks for them: what watches features
takes predictions. So they are passed over, and checked for their form alone (not whether a number has a range that
JSON's readers can hold). Whatever the forms below do not take is read whole, which also says what is wrong with it. A
property test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal, TypedDict

import orjson
from msgspec import Meta
from msgspec.json import Decoder

from streamproc.config.model import Model
from streamproc.events.shapes import REFUSED

Read = Callable[[bytes], dict[str, Any]]
Integer = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""Beyond, the two libraries make different numbers."""
Number = Integer | float | None
Scalar = Integer | float | bool | str | None

_OUTCOME = b'{"kind":"outcome"'
"""How they begin: streamproc writes `kind` first."""
_OF_SCORES = frozenset({"log_loss", "brier", "ece", "roc_auc", "interval_coverage"})
"""Metrics that look at scores and intervals, as the signal `loss` does."""


class Outcome(TypedDict, total=False):
    """What is read of every outcome."""

    kind: Literal["outcome"]
    model_id: str
    model_version: str | None
    time: Integer
    prediction: Scalar
    label: Scalar
    label_time: Integer
    revises: Scalar
    weight: Number


class ScoredOutcome(Outcome, total=False):
    """With how sure the model was."""

    score: Number
    scores: dict[str, Number] | None
    lower: Number
    upper: Number


def reader(models: Iterable[Model]) -> Read:
    """Bytes of any record of the journal -> its fields; of an outcome those that these models look at.

    What it gives raises ValueError for what is no JSON.
    """
    models = list(models)
    if any(model.segment_by for model in models):
        return orjson.loads
    decode: Callable[[bytes], Any] = Decoder(ScoredOutcome if any(map(_scores, models)) else Outcome).decode

    def read(value: bytes) -> dict[str, Any]:
        if value.startswith(_OUTCOME):
            try:
                if not value.isascii():
                    value.decode()  # what is passed over is not looked at
                found: dict[str, Any] = decode(value)
            except REFUSED:
                pass
            else:
                return found
        whole: dict[str, Any] = orjson.loads(value)
        return whole

    return read


def _scores(model: Model) -> bool:
    loss = any(detector.signal == "loss" for detector in model.detectors.values())
    return loss or not _OF_SCORES.isdisjoint(model.words_of_conditions)
