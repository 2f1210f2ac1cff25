"""The names that may stand in a condition."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal


@dataclass(frozen=True, slots=True)
class Quantity:
    """One name that may stand in a condition: a metric (number) or a detector (flag).

    A number lies between `low` and `high`, both included. A flag is true after its detector has seen drift.
    `name` may hold dots: `drift.amount`, `challenger.accuracy`, `feature.amount`.
    `better` says which way a good model moves the number; None where neither way is good.
    """

    name: str
    kind: Literal["number", "flag"]
    low: float = -inf
    high: float = inf
    better: Literal["higher", "lower"] | None = None
    unit: str = ""
    summary: str = ""
