"""The labelled rows of a trigger as a stream: the same rows as `read_window`, in memory that does not grow with them.

The records are read up to three times: once to count the rows and to learn their shape and which labels were revised;
once more, if there are revisions, to find the newest label of each revised row; and at last to give the rows out. What
is kept grows with the revisions alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from streamproc.retrain.window import Row, row_of

Values = Callable[[], Iterable[bytes | None]]
"""Gives the journal records of the range, from its beginning, as often as it is called."""
_SHAPES = 1000
"""Shapes that are kept before their names and types are put together."""


@dataclass(slots=True)
class Shape:
    """Names and types of what rows hold: `{"features": {"amount": {int, float}}, ...}`."""

    types: dict[str, dict[str, set[type]]] = field(
        default_factory=lambda: {"features": {}, "segments": {}, "label": {}, "prediction": {}}
    )

    def add(self, part: str, names: Iterable[str], types: Iterable[type]) -> None:
        """Learn of values."""
        known = self.types[part]
        for name, kind in zip(names, types, strict=True):
            known.setdefault(name, set()).add(kind)


@dataclass(frozen=True, slots=True)
class Survey:
    """What the first look at a range tells. A row's number is its place among those that are found."""

    seen: int
    """Outcomes of the model in the range."""
    found: int
    """Of these, the ones whose label came since `since`."""
    newest: int
    """Rows that belong to the window."""
    labels: dict[int, tuple[Any, int]]
    """Number of a row in the range -> its newest label and that label's time, where it was revised."""
    shape: Shape
    since: int = 0
    """Epoch ms."""

    @property
    def rows(self) -> int:
        """Rows that `stream` gives."""
        return min(self.found, self.newest)


def survey(values: Values, model_id: str, newest: int, since: int = 0) -> Survey:
    """Look at a range: how many rows there are, what they are like, and which labels were revised.

    `newest` and `since` (epoch ms, of labels) make the window.
    """
    seen_rows, found, revised, shape = 0, 0, set[str](), Shape()
    seen: set[tuple[Any, ...]] = set()
    for event in _outcomes(values(), model_id):
        if event.get("revises") is not None:
            revised.add(event["prediction_id"])
            seen.add(("label", ("label",), (type(event["label"]),)))
            continue
        seen_rows += 1
        if event["label_time"] < since:
            continue
        found += 1
        for part in ("features", "segments"):
            if held := event.get(part):
                seen.add((part, tuple(held), tuple(map(type, held.values()))))
        seen.add(("label", ("label",), (type(event["label"]),)))
        seen.add(("prediction", ("prediction",), (type(event.get("prediction")),)))
        if len(seen) > _SHAPES:
            _fold(seen, shape)
    _fold(seen, shape)
    labels = _newest_labels(values(), model_id, revised, since) if revised else {}
    return Survey(seen_rows, found, newest, labels, shape, since)


def stream(values: Values, model_id: str, known: Survey) -> Iterator[Row]:
    """The rows of the window, in the order of the journal, with their newest labels."""
    number, first = -1, known.found - known.rows
    labels = known.labels
    for event in _outcomes(values(), model_id):
        if event.get("revises") is not None or event["label_time"] < known.since:
            continue
        number += 1
        if number < first:
            continue
        row = row_of(event)
        if number in labels:
            row["label"], row["label_time"] = labels[number]
        yield row


class ContentHash:
    """SHA-256 of rows in their order: of each its JSON with sorted keys, and a line end."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def passing(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The same rows, taken into account as they pass."""
        for row in rows:
            self._hash.update(canonical(row))
            yield row

    def hexdigest(self) -> str:
        """64 hexadecimal digits."""
        return self._hash.hexdigest()


def canonical(row: Row) -> bytes:
    """A row as the content hash sees it."""
    return orjson.dumps(row, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def content_hash(rows: Iterable[Row]) -> str:
    """SHA-256 of rows."""
    content = ContentHash()
    for _ in content.passing(rows):
        pass
    return content.hexdigest()


def _outcomes(values: Iterable[bytes | None], model_id: str) -> Iterator[dict[str, Any]]:
    for value in values:
        event = orjson.loads(value or b"{}")
        if event.get("kind") == "outcome" and event["model_id"] == model_id:
            yield event


def _newest_labels(
    values: Iterable[bytes | None], model_id: str, revised: set[str], since: int
) -> dict[int, tuple[Any, int]]:
    """An id that came twice is two rows; a revision is of the one that came last before it."""
    number, row_of_id, labels = -1, dict[str, int](), dict[int, tuple[Any, int]]()
    for event in _outcomes(values, model_id):
        name = event["prediction_id"]
        if event.get("revises") is None:
            if event["label_time"] < since:
                row_of_id.pop(name, None)
                continue
            number += 1
            if name in revised:
                row_of_id[name] = number
        elif name in row_of_id:
            labels[row_of_id[name]] = (event["label"], event["label_time"])
    return labels


def _fold(seen: set[tuple[Any, ...]], shape: Shape) -> None:
    for part, names, types in seen:
        shape.add(part, names, types)
    seen.clear()
