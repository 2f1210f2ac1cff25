from __future__ import annotations

from pathlib import Path

import pytest

from streamproc.errors import RetrainError
from streamproc.retrain.export import WRITERS
from streamproc.retrain.reference import read_reference
from streamproc.retrain.rows import stream, survey
from streamproc.retrain.window import ROW_FIELDS, Row
from tests.unit.retrain.support import outcome, values_of

VALUES = values_of([outcome(n, segments={"country": "de"}, score=0.5) for n in range(9)])


def written(path: Path) -> list[Row]:
    """As `streamproc data` writes; the rows that went in."""
    known = survey(lambda: VALUES, "m", 100)
    with path.open("wb") as file:
        WRITERS[path.suffix[1:]](stream(lambda: VALUES, "m", known), known.shape, file)
    return list(stream(lambda: VALUES, "m", known))


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_what_streamproc_data_writes_comes_back_as_it_was(tmp_path: Path, suffix: str) -> None:
    """Rows of the same fields and values, times included."""
    path = tmp_path / f"rows.{suffix}"
    assert written(path) == read_reference(path)


def test_rows_by_hand_need_features_and_a_label(tmp_path: Path) -> None:
    """Everything else may be missing."""
    path = tmp_path / "rows.jsonl"
    path.write_text('{"features": {"x": 1}, "label": 0}\n')
    (row,) = read_reference(path)
    assert tuple(row) == ROW_FIELDS
    assert (row["features"], row["label"], row["prediction"]) == ({"x": 1}, 0, None)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("gone.jsonl", None, "there is no file"),
        ("rows.csv", "a,b", "must be .jsonl or .parquet, not .csv"),
        ("rows.jsonl", '{"features": {}, "label": 1}\n{', "line 2 of rows.jsonl is not JSON"),
        ("rows.jsonl", '{"features": {}, "label": 1}\n{"features": {}}', "row 2 of rows.jsonl needs"),
        ("rows.jsonl", "[]", "row 1 of rows.jsonl needs"),
        ("rows.parquet", "no parquet", "rows.parquet cannot be read"),
    ],
)
def test_an_unusable_file_is_told_with_its_place(tmp_path: Path, name: str, content: str | None, words: str) -> None:
    """Which file, which row, and what to do."""
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(RetrainError, match=words):
        read_reference(tmp_path / name)
