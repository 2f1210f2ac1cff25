"""Rows -> a file that others read: JSON lines, CSV, Parquet. A batch at a time is in memory.

In CSV and Parquet each feature is a column `feature.<name>` and each segment a column `segment.<name>`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from itertools import chain, groupby, islice
from operator import itemgetter
from typing import IO, Any

import orjson

from streamproc.errors import MissingExtra
from streamproc.retrain.rows import Shape
from streamproc.retrain.window import ROW_FIELDS, Row

BATCH = 20_000
"""Rows of one row group."""
CHUNK = 500
"""Rows that are turned into columns at once: few enough to stay in the processor's cache."""
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
    # Of ids and numbers a dictionary costs three times what the rest of the writing does, and the file is larger.
    texts = [column.name for column in columns if column.type == arrow.string() and column.name != "prediction_id"]
    with parquet.ParquetWriter(file, schema, compression="zstd", use_dictionary=texts) as writer:
        for batch in _batches(rows, columns):
            writer.write_batch(arrow.record_batch(batch, schema=schema))


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
        self._arrow, self.name, self.field, self.key = arrow, name, field, key
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

    def of(self, values: list[Any]) -> Any:
        if self._as_json:
            values = [None if value is None else _text(value) for value in values]
        return self._arrow.array(values, type=self.type)


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()


def _batches(rows: Iterable[Row], columns: list[_Column]) -> Iterator[list[Any]]:
    """Arrays, one for each column, of `BATCH` rows at a time."""
    remaining = iter(rows)
    while chunk := list(islice(remaining, min(CHUNK, BATCH))):
        values: list[list[Any]] = [[] for _ in columns]
        count = 0
        while chunk:
            _turn(chunk, columns, values)
            count += len(chunk)
            chunk = list(islice(remaining, min(CHUNK, BATCH - count)))
        yield [column.of(cells) for column, cells in zip(columns, values, strict=True)]


def _turn(rows: list[Row], columns: list[_Column], values: list[list[Any]]) -> None:
    """Put the cells of rows under their columns."""
    for field, group in groupby(zip(columns, values, strict=True), lambda pair: pair[0].field):
        pairs = list(group)
        keys = [column.key for column, _ in pairs]
        for (_, cells), more in zip(
            pairs, _cells(rows if field is None else [r[field] for r in rows], keys), strict=True
        ):
            cells.extend(more)


def _cells(tables: list[dict[str, Any]], keys: list[str]) -> Iterable[Sequence[Any]]:
    """Column by column: at once where every row has every key, as most do."""
    try:
        if len(keys) > 1:
            return zip(*map(itemgetter(*keys), tables), strict=True)
    except KeyError:
        pass
    return [[table.get(key) for table in tables] for key in keys]
