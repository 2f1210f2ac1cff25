"""Journal records -> the labelled rows that a trigger names, and their split. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

Row = dict[str, Any]

ROW_FIELDS = (
    "prediction_id",
    "time",
    "features",
    "prediction",
    "score",
    "scores",
    "label",
    "label_time",
    "model_version",
    "weight",
    "segments",
)
"""What every row holds, in this order; what the outcome did not have is None (`features` and `segments`: empty)."""


@dataclass(frozen=True, slots=True)
class Window:
    """The rows of one model, in the order of the journal: that in which their labels became known."""

    rows: list[Row]
    found: int
    """Outcomes of the model in the whole range; the range may start a little before the window."""
    expected: int
    """Outcomes that the trigger counted there."""

    @property
    def missing(self) -> int:
        """Outcomes that the journal no longer holds."""
        return max(0, self.expected - self.found)


def read_window(values: Iterable[bytes | None], model_id: str, newest: int, expected: int, since: int = 0) -> Window:
    """The `newest` labelled rows of a model among journal records, which come in the order of their offsets.

    None whose label came before `since` (epoch ms).

    A revision puts the later label in the place of the earlier one; the row keeps its place. A revision of a row from
    before the range is passed over.
    """
    rows: deque[Row] = deque()
    by_id: dict[str, Row] = {}
    found = 0
    for value in values:
        event = orjson.loads(value or b"{}")
        if event.get("kind") != "outcome" or event["model_id"] != model_id:
            continue
        if event.get("revises") is not None:
            revised = by_id.get(event["prediction_id"])
            if revised is not None:
                revised["label"], revised["label_time"] = event["label"], event["label_time"]
            continue
        found += 1
        if event["label_time"] < since:
            by_id.pop(event["prediction_id"], None)
            continue
        row = row_of(event)
        rows.append(row)
        by_id[row["prediction_id"]] = row
        if len(rows) > newest:
            oldest = rows.popleft()
            if by_id[oldest["prediction_id"]] is oldest:
                del by_id[oldest["prediction_id"]]
    return Window(list(rows), found, expected)


def answered_by(rows: Iterable[Row], champion: str | None, since: int) -> list[Row]:
    """The rows that the champion answered.

    A row without a version counts if it was made since the champion came into service (epoch ms), as in the monitor.
    """
    return [
        row
        for row in rows
        if row["model_version"] == champion or (row["model_version"] is None and row["time"] >= since)
    ]


def row_of(event: dict[str, Any]) -> Row:
    """The row of an outcome in the journal."""
    get = event.get
    return {
        "prediction_id": get("prediction_id"),
        "time": get("time"),
        "features": get("features") or {},
        "prediction": get("prediction"),
        "score": get("score"),
        "scores": get("scores"),
        "label": get("label"),
        "label_time": get("label_time"),
        "model_version": get("model_version"),
        "weight": get("weight"),
        "segments": get("segments") or {},
    }
