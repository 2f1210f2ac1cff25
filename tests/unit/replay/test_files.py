"""Recordings in files: JSON lines, CSV, Parquet, and what is wrong with them."""

from __future__ import annotations

import csv
import gzip
import itertools
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from pyarrow import parquet

from streamproc.config.load import from_mapping
from streamproc.config.pipeline import Config
from streamproc.errors import UserError
from streamproc.replay.files import events_of, is_numbered, journal_of
from streamproc.replay.recorded import Recorded
from tests.unit.replay import made
from tests.unit.replay.made import T, pairs, write_lines

MAPPED = from_mapping(
    {
        "pipeline": "t",
        "models": {"m": {}},
        "inputs": {
            "predictions": {"fields": {"prediction_id": "$.id", "time": "$.at", "prediction": "$.answer"}},
            "labels": {"fields": {"prediction_id": "$.id", "label": "$.truth", "time": "$.known_at"}},
        },
    }
)
ROWS = [
    {"id": 7, "at": "2026-05-28T00:00:00Z", "answer": 1, "x": 0.5, "place": "here", "truth": 0, "known_at": T + 5000},
    {"id": 8, "at": "2026-05-28T00:00:01Z", "answer": 0, "x": 0.25, "place": "there", "truth": 0, "known_at": T + 2000},
]


def decoded(events: list[Recorded]) -> list[tuple[str, dict[str, Any]]]:
    return [(event.role, orjson.loads(event.value)) for event in events]


def a_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def a_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    parquet.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.mark.parametrize(("write", "name"), [(a_csv, "r.csv"), (a_parquet, "r.parquet")])
def test_a_table_of_outcomes_is_predictions_and_labels_in_the_order_of_their_times(
    write: Any, name: str, tmp_path: Path
) -> None:
    """Columns are mapped by `inputs`; ids become text; the only model is meant; other columns are features."""
    events = decoded(events_of(MAPPED, {}, [write(tmp_path / name, ROWS)]))
    assert [(role, event["time"] - T) for role, event in events] == [
        ("predictions", 0), ("predictions", 1000), ("labels", 2000), ("labels", 5000),
    ]  # fmt: skip
    assert events[0][1] == {
        "prediction_id": "7", "model_id": "m", "time": T, "prediction": 1, "features": {"x": 0.5, "place": "here"},
    }  # fmt: skip
    assert events[3][1] == {"prediction_id": "7", "label": 0, "time": T + 5000}


def test_the_same_events_come_from_json_lines_csv_and_parquet(tmp_path: Path) -> None:
    """Whatever the file is, the replay is of the same."""
    both = pairs(20, None)
    config = made.config()
    lines = {
        "predictions": [write_lines(tmp_path / "p.jsonl", [p for p, _ in both])],
        "labels": [write_lines(tmp_path / "l.jsonl", [known for _, known in both])],
    }
    wanted = decoded(events_of(config, lines, []))  # type: ignore[arg-type]
    rows = [{**p, "features.x": p["features"]["x"], "label": k["label"], "label_time": k["time"]} for p, k in both]
    for row in rows:
        del row["features"]
    for file in (a_csv(tmp_path / "o.csv", rows), a_parquet(tmp_path / "o.parquet", rows)):
        assert decoded(events_of(config, {}, [file])) == wanted


def test_compressed_files_are_read(tmp_path: Path) -> None:
    """By the second ending of the name."""
    file = tmp_path / "p.jsonl.gz"
    file.write_bytes(gzip.compress(orjson.dumps(pairs(1, None)[0][0])))
    assert len(events_of(made.config(), {"predictions": [file]}, [])) == 1


BAD = [
    ("p.txt", b"x", "must end in"),
    ("p.jsonl", b'{"time": 1779926400000}\nnot json', "line 2: not JSON"),
    ("p.jsonl", b"[1]", "line 1: each line must be a JSON object"),
    ("p.jsonl", b'{"prediction": 1}', "row 1: there is no time"),
    ("p.jsonl", b'{"prediction": 1, "time": 5}', "row 1: time: 5 looks like seconds"),
    ("p.csv", b"", "is empty"),
    ("p.csv", b"a,b\n1", "1 cells, and the first line names 2"),
    ("p.csv", b"time,a,a.b\n1779926400000,1,2", "one name cannot be both"),
    ("p.parquet", b"nothing", "cannot be read"),
    ("p.csv.gz", b"nothing", "cannot be read"),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD)
def test_a_bad_file_is_an_error_that_names_it_and_the_row(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    """What is wrong, where."""
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        events_of(made.config(), {"predictions": [file]}, [])
    assert name in str(caught.value)


def test_several_models_need_a_model_id(tmp_path: Path) -> None:
    """Only one model may be left unsaid."""
    config = Config.model_validate({"pipeline": "t", "models": {"a": {}, "b": {}}})
    file = write_lines(tmp_path / "p.jsonl", [{"prediction": 1, "time": T}])
    with pytest.raises(UserError, match="row 1: there is no model_id, and the configuration has several models"):
        events_of(config, {"predictions": [file]}, [])


def test_a_journal_of_kcat_keeps_its_places(tmp_path: Path) -> None:
    """Partition, offset, timestamp and key are those of the records."""
    payload = '{"kind":"tick","time":1779926400000}'
    line = {"topic": "journal", "partition": 3, "offset": 17, "ts": T + 5, "key": "m", "payload": payload}
    file = write_lines(tmp_path / "j.jsonl", [line])
    (record,) = journal_of([file], "journal")
    found = (record.partition(), record.offset(), record.timestamp()[1], record.key(), record.value())
    assert found == (3, 17, T + 5, b"m", payload.encode())
    assert is_numbered(file)


def test_bare_journal_records_take_their_line_as_offset_and_the_newest_time(tmp_path: Path) -> None:
    """An outcome arrives with its label; time never goes back."""
    outcome = {"kind": "outcome", "model_id": "m", "time": T, "prediction": 1, "label": 1}
    records = [{**outcome, "label_time": T + 9}, {**outcome, "label_time": T + 5}, {"kind": "tick", "time": T + 60}]
    file = write_lines(tmp_path / "j.jsonl", records)
    spaced = tmp_path / "spaced.jsonl"
    spaced.write_text("".join(f"{str(r).replace(chr(39), chr(34))}\n" for r in records), encoding="utf-8")
    for path, other in itertools.pairwise([file, spaced, file]):
        found = [(r.offset(), r.timestamp()[1], r.value()) for r in journal_of([path], "journal")]
        assert [each[:2] for each in found] == [(0, T + 9), (1, T + 9), (2, T + 60)]
        assert [each[2] for each in found] == [r.value() for r in journal_of([other], "journal")]
    assert not is_numbered(file)
