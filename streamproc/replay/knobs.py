"""Which setting makes a detector stricter, and its values from loose to strict."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from streamproc.errors import UserError


@dataclass(frozen=True, slots=True)
class Knob:
    """One setting of a detector."""

    field: str
    values: Sequence[float]
    """From loose to strict."""
    place: Callable[[float], float]
    """Where a value lies on the axis along which the logarithm of the false-alarm rate falls about linearly."""
    value: Callable[[float], float]
    """The inverse of `place`."""


def _identity(x: float) -> float:
    return x


def _below_one(x: float) -> float:
    return 1 - x


def _strength(x: float) -> float:
    return -math.log(x)


def _of_strength(x: float) -> float:
    return math.exp(-x)


_CONFIDENCES = [10 ** (-k / 4) for k in range(2, 61)]
"""0.32 down to 1e-15."""
_RATIOS = [1.2**k for k in range(-10, 31)]
"""0.16 to 237 times the configured value."""
_THRESHOLDS = ("threshold", "drift_threshold")
_DELTAS = ("delta", "drift_confidence", "confidence_level", "alpha")
_SHARES = [1 - k / 50 for k in range(1, 50)]
"""0.98 down to 0.02."""


def knob(detector: Any) -> Knob:
    """By the names that the settings have: a threshold is raised, a confidence or a share lowered. Raises UserError."""
    for field in _THRESHOLDS:
        now = getattr(detector, field, None)
        if isinstance(now, float) and now > 0:
            return Knob(field, [_rounded(now * ratio) for ratio in _RATIOS], _identity, _identity)
    for field in _DELTAS:
        now = getattr(detector, field, None)
        if isinstance(now, float) and 0 < now < 1:
            return Knob(field, [_rounded(value) for value in _CONFIDENCES], _strength, _of_strength)
    if isinstance(getattr(detector, "beta", None), float):
        return Knob("beta", [_rounded(value) for value in _SHARES], _below_one, _below_one)
    raise UserError(f"a detector of type {detector.type} has no setting that calibrate knows how to make stricter")


def turned(detector: Any, field: str, value: float) -> Any:
    """The detector with another value of one setting, checked as in a configuration. Raises ValidationError."""
    return type(detector).model_validate({**detector.model_dump(), field: value})


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")
