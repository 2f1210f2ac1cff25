"""A file of labelled rows that are mixed into the training data: JSON lines or Parquet, as `streamproc data` writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson

from streamproc.errors import MissingExtra, RetrainError
from streamproc.retrain.api import Row
from streamproc.retrain.window import row_of

MAX_ROWS = 5_000_000


def read_reference(path: Path) -> list[Row]:
    """In the order of the file; each row needs `features` and a `label`. Raises RetrainError, OSError, MissingExtra."""
    if not path.is_file():
        raise RetrainError(f"retrain.reference: there is no file {path}")
    match path.suffix:
        case ".jsonl":
            found: Iterable[Any] = _lines(path)
        case ".parquet":
            found = _parquet(path)
        case other:
            raise RetrainError(f"retrain.reference: {path.name} must be .jsonl or .parquet, not {other or 'without'}")
    rows = []
    for number, event in enumerate(found, 1):
        if not isinstance(event, dict) or event.get("label") is None or not isinstance(event.get("features"), Mapping):
            raise RetrainError(f"retrain.reference: row {number} of {path.name} needs `features` and a `label`")
        if number > MAX_ROWS:
            raise RetrainError(f"retrain.reference: {path.name} has more than {MAX_ROWS:,} rows")
        rows.append(row_of(event))
    return rows


def _lines(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield orjson.loads(line)
            except orjson.JSONDecodeError as exc:
                raise RetrainError(f"retrain.reference: line {number} of {path.name} is not JSON: {exc}") from exc


def _parquet(path: Path) -> Iterator[Row]:
    try:
        parquet = import_module("pyarrow.parquet")
    except ModuleNotFoundError as exc:
        raise MissingExtra("reading Parquet", "parquet") from exc
    try:
        for batch in parquet.ParquetFile(path).iter_batches():
            yield from map(_nested, batch.to_pylist())
    except OSError:
        raise
    except Exception as exc:
        raise RetrainError(f"retrain.reference: {path.name} cannot be read: {exc}") from exc


def _nested(flat: Mapping[str, Any]) -> Row:
    """`feature.x` -> `features: {x: ...}`; what is not there is left out."""
    row: Row = {"features": {}, "segments": {}}
    for name, value in flat.items():
        if value is None:
            continue
        part, _, inner = name.partition(".")
        plain = round(value.timestamp() * 1000) if isinstance(value, datetime) else value
        if inner and part in ("feature", "segment"):
            row[f"{part}s"][inner] = plain
        else:
            row[name] = plain
    return row
