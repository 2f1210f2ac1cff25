"""What the join knows of one prediction id.

Made by the million: msgspec's structs cost a fifth of named tuples to make, a disk's bytes are theirs, and the garbage
collector does not look at them.
"""

from __future__ import annotations

from msgspec import Struct

from streamproc.config.base import Scalar


class Waiting(Struct, frozen=True, gc=False, array_like=True, tag=0):
    """A prediction without its label."""

    time: int
    model_id: str
    prediction: Scalar
    body: bytes
    """The prediction's fields as JSON, without the braces."""


class Early(Struct, frozen=True, gc=False, array_like=True, tag=1):
    """Labels without their prediction."""

    time: int
    """The newest one's."""
    labels: tuple[tuple[int, Scalar], ...]
    """(time, label) of the newest one of each type, the newest last: the prediction tells which will do."""


class Joined(Struct, frozen=True, gc=False, array_like=True, tag=2):
    """A prediction that has its label: kept until the label TTL, to know duplicates and revisions."""

    time: int
    model_id: str
    prediction: Scalar
    body: bytes
    label: Scalar
    label_time: int


Entry = Waiting | Early | Joined
