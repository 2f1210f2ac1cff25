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
_FRONT = b'{"kind":"outcome","prediction_id":"'
"""How the join begins an outcome when the prediction was sent with its id first."""


@dataclass(slots=True)
class Shape:
    """Names and types of what rows hold: `{"features": {"amount": {int, float}}, ...}`."""

    types: dict[str, dict[str, set[type]]] = field(
        default_factory=lambda: {"features": {}, "segments": {}, "label": {}, "prediction": {}}
    )
    _names: dict[str, list[str]] = field(default_factory=lambda: {"features": [], "segments": []})
    _kinds: dict[str, list[type]] = field(default_factory=lambda: {"features": [], "segments": []})
    """Of the outcome before."""

    def learn(self, event: dict[str, Any]) -> None:
        """Take an outcome into account. Most are like the one before, which is seen at a glance."""
        for part in ("features", "segments"):
            if held := event.get(part):
                names, kinds = [*held], [*map(type, held.values())]
                if kinds != self._kinds[part] or names != self._names[part]:
                    self._names[part], self._kinds[part] = names, kinds
                    known = self.types[part]
                    for name, kind in zip(names, kinds, strict=True):
                        known.setdefault(name, set()).add(kind)
        self.types["label"].setdefault("label", set()).add(type(event["label"]))
        self.types["prediction"].setdefault("prediction", set()).add(type(event.get("prediction")))


@dataclass(frozen=True, slots=True)
class Survey:
    """What the first look at a range tells."""

    seen: int
    """Outcomes of the model in the range."""
    found: int
    """Of these, the ones whose label came since `since`."""
    newest: int
    """Rows that belong to the window."""
    labels: dict[int, tuple[Any, int]]
    """Number of a record in the range -> its newest label and that label's time, where it was revised."""
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
    seen, found, revised, shape = 0, 0, set[str](), Shape()
    for _, event in _outcomes(values(), model_id):
        if event.get("revises") is not None:
            revised.add(event["prediction_id"])
            shape.types["label"].setdefault("label", set()).add(type(event["label"]))
            continue
        seen += 1
        if event["label_time"] < since:
            continue
        found += 1
        shape.learn(event)
    labels = _newest_labels(values(), model_id, revised) if revised else {}
    return Survey(seen, found, newest, labels, shape, since)


def stream(values: Values, model_id: str, known: Survey) -> Iterator[Row]:
    """The rows of the window, in the order of the journal, with their newest labels."""
    too_old, labels = known.found - known.rows, known.labels
    for place, event in _outcomes(values(), model_id):
        if event.get("revises") is not None or event["label_time"] < known.since:
            continue
        if too_old:
            too_old -= 1
            continue
        row = row_of(event)
        if place in labels:
            row["label"], row["label_time"] = labels[place]
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


def _outcomes(values: Iterable[bytes | None], model_id: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each with the number of its record in the range."""
    loads = orjson.loads
    for place, value in enumerate(values):
        event = loads(value or b"{}")
        if event.get("kind") == "outcome" and event["model_id"] == model_id:
            yield place, event


def _newest_labels(values: Iterable[bytes | None], model_id: str, revised: set[str]) -> dict[int, tuple[Any, int]]:
    """An id that came twice is two rows; a revision is of the one that came last before it."""
    place_of_id, labels = dict[str, int](), dict[int, tuple[Any, int]]()
    wanted = {name.encode() for name in revised}
    for place, value in enumerate(values):
        if value is None or _is_of_another(value, wanted):
            continue
        for _, event in _outcomes([value], model_id):
            name = event["prediction_id"]
            if name not in revised:
                continue
            if event.get("revises") is None:
                place_of_id[name] = place
            elif name in place_of_id:
                labels[place_of_id[name]] = (event["label"], event["label_time"])
    return labels


def _is_of_another(value: bytes, wanted: set[bytes]) -> bool:
    """Whether a record is certainly of none of these ids; looks at its first bytes alone, where they tell."""
    if not value.startswith(_FRONT):
        return False
    name = value[len(_FRONT) : value.find(b'"', len(_FRONT))]
    return name not in wanted and b"\\" not in name
