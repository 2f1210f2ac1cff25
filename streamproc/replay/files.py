"""Recorded events from files, in the order in which they arrived."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from streamproc.config.pipeline import Config
from streamproc.errors import UserError
from streamproc.replay.mapping import Mapper
from streamproc.replay.memory import MemoryRecord
from streamproc.replay.recorded import Recorded, Role, recorded
from streamproc.replay.rows import Row, form_of, lines_of, rows_of

_LABEL_TIME = b'"label_time":'


def events_of(config: Config, files: Mapping[Role, Sequence[Path]], outcomes: Sequence[Path]) -> list[Recorded]:
    """All events of these files, sorted by time; `outcomes` hold predictions with their labels in one row.

    All are in memory: about their size in the files and 150 bytes each. Raises UserError, MissingExtra.
    """
    events: list[Recorded] = []
    for role, paths in files.items():
        for path in paths:
            mapper = Mapper(config, role, gathers=form_of(path) != "jsonl")
            events += (recorded(role, event, number) for number, event in _mapped(path, mapper, {}))
    for path in outcomes:
        mapper = Mapper(config, "predictions", with_labels=True, gathers=form_of(path) != "jsonl")
        for number, event in _mapped(path, mapper, {}):
            events += _both(event, number, path)
    events.sort()
    return events


def _both(event: dict[str, Any], number: int, path: Path) -> Iterator[Recorded]:
    label, label_time = event.pop("label", None), event.pop("label_time", None)
    yield recorded("predictions", event, number)
    if label is None:
        return
    time = event["time"] if label_time is None else label_time
    if time < event["time"]:
        raise UserError(f"{path}, row {number}: label_time is before time")
    yield recorded("labels", {"prediction_id": event["prediction_id"], "label": label, "time": time}, number)


def _mapped(path: Path, mapper: Mapper, latest: dict[str, int]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each row as an event that has a time; one without takes that of the row before."""
    for number, row in rows_of(path):
        try:
            event = mapper.event(_payload(row, latest), number)
        except UserError as exc:
            raise UserError(f"{path}, row {number}: {exc}") from exc
        if "time" not in event:
            event["time"] = latest.get("time")
        if event["time"] is None:
            raise UserError(
                f"{path}, row {number}: there is no time. Name the column `time`, or map it in the configuration: "
                "inputs: {predictions: {fields: {time: $.your_column}}}"
            )
        latest["time"] = event["time"]
        yield number, event


def _payload(row: Row, latest: dict[str, int]) -> Row:
    """The row itself, or what a line of `kcat -J` holds: the payload as text, beside the record's timestamp."""
    payload = row.get("payload")
    if not isinstance(payload, str) or "offset" not in row:
        return row
    latest["time"] = row["ts"]
    return _object(payload)


def _object(text: str | bytes) -> Row:
    try:
        inner = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        raise UserError(f"the payload is not JSON: {exc}") from exc
    if not isinstance(inner, dict):
        raise UserError("the payload is not a JSON object")
    return inner


def journal_of(paths: Sequence[Path], topic: str) -> Iterator[MemoryRecord]:
    """The records of a journal from JSON lines: as `kcat -J` writes them, or the bare records.

    With kcat's, each record has its own partition, offset and timestamp, so that the triggers of a replay are the
    live ones, id for id. A bare record's offset is its line, its partition 0, its time the newest so far. They are
    read one at a time. Raises UserError.
    """
    now = offset = 0
    for path in paths:
        if form_of(path) != "jsonl":
            raise UserError(f"{path}: a journal is read from JSON lines")
        try:
            for number, line in enumerate(lines_of(path), start=1):
                if not line:
                    continue
                try:
                    record = _record(line, topic, offset, now)
                except (KeyError, TypeError, ValueError, UserError) as exc:
                    raise UserError(f"{path}, line {number}: not a record of a journal: {exc}") from exc
                now, offset = record.time, record.place + 1
                yield record
        except (OSError, EOFError) as exc:
            raise UserError(f"{path} cannot be read: {exc}") from exc


def _record(line: bytes, topic: str, offset: int, now: int) -> MemoryRecord:
    if line.startswith(b'{"kind":"outcome"'):  # the many: not parsed here
        at = line.rfind(_LABEL_TIME)
        if at >= 0:
            start = at + len(_LABEL_TIME)
            end = line.find(b",", start)  # nothing but `revises` comes behind it
            time = int(line[start:end])  # without a comma, up to the closing brace
            return MemoryRecord(topic, 0, offset, line, None, max(time, now))
    row = _object(line)
    if isinstance(row.get("payload"), str) and "offset" in row:
        inner = _object(row["payload"])
        value = orjson.dumps({"kind": inner.pop("kind"), **inner})
        key = row.get("key")
        key_bytes = key.encode() if isinstance(key, str) else None
        return MemoryRecord(topic, int(row["partition"]), int(row["offset"]), value, key_bytes, int(row["ts"]))
    kind = row.pop("kind")
    time = row["label_time"] if kind == "outcome" else row["time"]
    return MemoryRecord(topic, 0, offset, orjson.dumps({"kind": kind, **row}), None, max(int(time), now))


def is_numbered(path: Path) -> bool:
    """Whether the lines of a journal say their own offsets. Raises UserError."""
    first = next((row for _, row in rows_of(path)), {})
    return isinstance(first.get("payload"), str) and "offset" in first
