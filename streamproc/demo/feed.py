"""In which order predictions are asked for and labels become known, and the events that say so."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from streamproc.demo.settings import MODEL

DELAY, SPREAD, SEED = 100, 30, 1999
"""A label is known DELAY rows after its prediction, up to SPREAD rows more or fewer: so labels overtake each other."""


class Step(NamedTuple):
    """One thing that happens: a prediction is asked for, or a label becomes known."""

    kind: Literal["prediction", "label"]
    row: int


def steps(first: int, end: int, order: int = SEED, enough: Callable[[], bool] = lambda: False) -> Iterator[Step]:
    """What happens to the rows in [first, end), in order. Labels are shuffled by `order`, always in the same way.

    When it is `enough`, no more predictions are asked for; the labels of those that were still come.
    """
    delay = random.Random(order)  # noqa: S311 - nothing secret: the same shuffle in every run
    known: list[tuple[float, int]] = []
    for row in range(first, end):
        if enough():
            break
        while known and known[0][0] <= row:
            yield Step("label", heapq.heappop(known)[1])
        yield Step("prediction", row)
        heapq.heappush(known, (row + delay.uniform(DELAY - SPREAD, DELAY + SPREAD), row))
    while known:
        yield Step("label", heapq.heappop(known)[1])


def prediction(
    row: int, now: int, version: str, answer: tuple[int, float], features: Mapping[str, float]
) -> dict[str, Any]:
    """The event that a model server writes for one answer; `now` in epoch ms."""
    return {
        "prediction_id": _id(row),
        "model_id": MODEL,
        "model_version": version,
        "time": now,
        "prediction": answer[0],
        "score": answer[1],
        "features": features,
    }


def label(row: int, now: int, value: int) -> dict[str, Any]:
    """The event that says what was true; `now` in epoch ms."""
    return {"prediction_id": _id(row), "label": value, "time": now}


def _id(row: int) -> str:
    return f"nsw-{row:05d}"
