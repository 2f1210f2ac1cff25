"""Reads JSON lines, CSV and Parquet, plain or compressed, row by row."""

from __future__ import annotations

import bz2
import csv
import gzip
import lzma
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, cast

import orjson

from streamproc.errors import MissingExtra, UserError

Row = dict[str, Any]
OPENERS: dict[str, Callable[..., IO[Any]]] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
_INTEGER = re.compile(r"[+-]?(0|[1-9]\d{0,17})").fullmatch
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?").fullmatch
_WORDS = {"": None, "true": True, "True": True, "false": False, "False": False}


def form_of(path: Path) -> str:
    """jsonl, csv or parquet, by the name. Raises UserError."""
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in OPENERS]
    form = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".parquet": "parquet"}.get(
        suffixes[-1] if suffixes else ""
    )
    if form is None:
        raise UserError(
            f"{path}: the name must end in .jsonl, .csv (both also with .gz, .xz or .bz2) or .parquet, so that it is "
            "known how to read it"
        )
    return form


def rows_of(path: Path) -> Iterator[tuple[int, Row]]:
    """(number of the row or line, from 1; the row). Raises UserError, MissingExtra."""
    form = form_of(path)
    try:
        if form == "parquet":
            yield from enumerate(_parquet(path), start=1)
        elif form == "csv":
            yield from _csv(path)
        else:
            yield from _json_lines(path)
    except (OSError, EOFError, lzma.LZMAError, ValueError, csv.Error) as exc:
        raise UserError(f"{path} cannot be read: {getattr(exc, 'strerror', None) or exc}") from exc


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a text file, without their ends; empty ones too. Raises OSError."""
    opener = OPENERS.get(path.suffix.lower(), open)
    with opener(path, "rb") as file:
        for line in file:
            yield line.rstrip(b"\r\n")


def _json_lines(path: Path) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(lines_of(path), start=1):
        if not line:
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as exc:
            raise UserError(f"{path}, line {number}: not JSON: {exc}") from exc
        if not isinstance(row, dict):
            raise UserError(f"{path}, line {number}: each line must be a JSON object")
        yield number, row


def _csv(path: Path) -> Iterator[tuple[int, Row]]:
    opener = OPENERS.get(path.suffix.lower(), open)
    with cast("IO[str]", opener(path, "rt", encoding="utf-8-sig", newline="")) as file:
        reader = csv.reader(file)
        header = next(reader, None)
        if header is None:
            raise UserError(f"{path} is empty: the first line of a CSV file names its columns")
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                raise UserError(
                    f"{path}, line {reader.line_num}: {len(cells)} cells, and the first line names {len(header)}"
                )
            yield reader.line_num, nested(zip(header, map(_cell, cells), strict=True))


def _cell(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER(text):
        return int(text)
    return float(text) if _DECIMAL(text) else text


def nested(columns: Any) -> Row:
    """Columns `features.amount` -> an object in an object; empty cells are left out. Raises ValueError."""
    row: Row = {}
    for name, value in columns:
        if value is None:
            continue
        *outer, last = name.split(".")
        inner = row
        for part in outer:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                raise ValueError(  # noqa: TRY004 - of the file, not of a caller
                    f"column {name!r}: there is a column {part!r} too; one name cannot be both"
                )
        if last in inner:
            raise ValueError(f"there are two columns {name!r}, or others that begin with its name and a dot")
        inner[last] = value
    return row


def _parquet(path: Path) -> Iterator[Row]:
    try:
        from pyarrow import ArrowException, parquet
    except ModuleNotFoundError as exc:
        raise MissingExtra("reading Parquet", "parquet") from exc
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches():
                for row in batch.to_pylist():
                    yield nested((name, _plain(value)) for name, value in row.items())
    except ArrowException as exc:
        raise UserError(f"{path} cannot be read: {exc}") from exc


def _plain(value: Any) -> Any:
    """What JSON can say: times as epoch ms (those without a zone are taken for UTC), decimals as numbers."""
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1000)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, float) and value != value:  # noqa: PLR0124 - NaN is how pandas writes "nothing"
        return None
    return value
