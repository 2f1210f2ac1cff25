"""Rows -> a file that others read: JSON lines, CSV, Parquet. A batch at a time is in memory.

In CSV and Parquet each feature is a column `feature.<name>` and each segment a column `segment.<name>`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from itertools import chain, islice
from typing import IO, Any

import orjson

from streamproc.errors import MissingExtra
from streamproc.retrain.rows import Shape
from streamproc.retrain.window import ROW_FIELDS, Row

BATCH = 20_000
"""Rows of one row group."""
TIMES = frozenset({"time", "label_time"})
_NUMBERS = frozenset({int, float})

Write = Callable[[Iterable[Row], Shape, IO[bytes]], None]


def write_jsonl(rows: Iterable[Row], _shape: Shape, file: IO[bytes]) -> None:
    """A row a line, as retrain functions get it."""
    for row in rows:
        file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))


def write_csv(rows: Iterable[Row], shape: Shape, file: IO[bytes]) -> None:
    """With a header line; scores are JSON, times epoch ms, and what is not there is empty."""
    names = [name for name in ROW_FIELDS if name not in ("features", "segments")]
    features, segments = sorted(shape.types["features"]), sorted(shape.types["segments"])
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=False)
    writer = csv.writer(text)
    writer.writerow([*names, *(f"feature.{n}" for n in features), *(f"segment.{n}" for n in segments)])
    for row in rows:
        held, parts = row["features"], row["segments"]
        cells = chain((row[n] for n in names), map(held.get, features), map(parts.get, segments))
        writer.writerow([_text(cell) if isinstance(cell, (dict, list, bool)) else cell for cell in cells])
    text.flush()
    text.detach()


def write_parquet(rows: Iterable[Row], shape: Shape, file: IO[bytes]) -> None:
    """Times are timestamps in UTC; a column whose values are of several types holds them as JSON text.

    Raises MissingExtra without pyarrow.
    """
    try:
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ModuleNotFoundError as exc:
        raise MissingExtra("writing Parquet", "parquet") from exc
    columns = [_Column(arrow, *column) for column in _columns(shape)]
    schema = arrow.schema([(column.name, column.type) for column in columns])
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in _batches(rows):
            writer.write_batch(arrow.record_batch([column.of(batch) for column in columns], schema=schema))


WRITERS: dict[str, Write] = {"jsonl": write_jsonl, "csv": write_csv, "parquet": write_parquet}


def _columns(shape: Shape) -> Iterator[tuple[str, str | None, str, set[type]]]:
    """(name of the column, field that holds it as a table, name in there, types)."""
    fixed: dict[str, set[type]] = {"score": {float}, "weight": {float}, "time": {int}, "label_time": {int}}
    for name in ROW_FIELDS:
        if name in ("features", "segments"):
            continue
        types = fixed.get(name) or ({dict} if name == "scores" else shape.types.get(name, {}).get(name)) or {str}
        yield name, None, name, types
    for field in ("features", "segments"):
        for name in sorted(shape.types[field]):
            yield f"{field[:-1]}.{name}", field, name, shape.types[field][name]


class _Column:
    def __init__(self, arrow: Any, name: str, field: str | None, key: str, types: set[type]) -> None:
        self._arrow, self.name, self._field, self._key = arrow, name, field, key
        types = types - {type(None)}
        self._as_json = False
        if name in TIMES:
            self.type = arrow.timestamp("ms", tz="UTC")
        elif types == {bool}:
            self.type = arrow.bool_()
        elif types == {int}:
            self.type = arrow.int64()
        elif types and types <= _NUMBERS:
            self.type = arrow.float64()
        else:
            self.type = arrow.string()
            self._as_json = bool(types - {str})

    def of(self, batch: tuple[Row, ...]) -> Any:
        key, field = self._key, self._field
        values = [row[key] for row in batch] if field is None else [row[field].get(key) for row in batch]
        if self._as_json:
            values = [None if value is None else _text(value) for value in values]
        return self._arrow.array(values, type=self.type)


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()


def _batches(rows: Iterable[Row]) -> Iterator[tuple[Row, ...]]:
    remaining = iter(rows)
    while batch := tuple(islice(remaining, BATCH)):
        yield batch
