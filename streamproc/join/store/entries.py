"""What the join knows of one prediction id."""

from __future__ import annotations

from typing import NamedTuple

from streamproc.config.base import Scalar


class Waiting(NamedTuple):
    """A prediction without its label."""

    time: int
    model_id: str
    prediction: Scalar
    body: bytes
    """The prediction's fields as JSON, without the braces."""


class Early(NamedTuple):
    """Labels without their prediction."""

    time: int
    """The newest one's."""
    labels: tuple[tuple[int, Scalar], ...]
    """(time, label) of the newest one of each type, the newest last: the prediction tells which will do."""


class Joined(NamedTuple):
    """A prediction that has its label: kept until the label TTL, to know duplicates and revisions."""

    time: int
    model_id: str
    prediction: Scalar
    body: bytes
    label: Scalar
    label_time: int


Entry = Waiting | Early | Joined
