from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import orjson
import pytest

from streamproc.retrain import export
from streamproc.retrain.export import WRITERS
from streamproc.retrain.rows import stream, survey
from streamproc.retrain.window import read_window
from tests.unit.retrain.support import NOW, outcome, values_of

pa, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")  # without types
RECORDS = [
    outcome(1, weight=2.0, segments={"country": "at"}, score=0.25),
    outcome(2, features={"x": 0.5, "mixed": "a", "is_new": True}, model_version=None),
    outcome(3, features={"x": 7, "mixed": 1}, scores={"a": 1.0}),
]


def written(form: str, records: list[dict[str, Any]] = RECORDS) -> bytes:
    values, file = values_of(records), io.BytesIO()
    known = survey(lambda: values, "m", 1000)
    WRITERS[form](stream(lambda: values, "m", known), known.shape, file)
    return file.getvalue()


def table(records: list[dict[str, Any]] = RECORDS) -> Any:
    return parquet.read_table(io.BytesIO(written("parquet", records)))


def test_json_lines_are_the_rows_of_a_retrain_function() -> None:
    """Each line is a row, whole."""
    lines = written("jsonl").splitlines()
    assert [orjson.loads(line) for line in lines] == read_window(values_of(RECORDS), "m", 1000, 3).rows


def test_csv_has_a_column_for_each_feature_and_segment() -> None:
    """Also for those that only a later row has; what is not there is empty."""
    rows = list(csv.DictReader(io.StringIO(written("csv").decode())))
    assert [row["prediction_id"] for row in rows] == ["p1", "p2", "p3"]
    assert [row["feature.x"] for row in rows] == ["1", "0.5", "7"]
    assert [row["feature.is_new"] for row in rows] == ["", "true", ""]
    assert [row["segment.country"] for row in rows] == ["at", "", ""]
    assert rows[2]["scores"] == '{"a":1.0}'
    assert rows[0]["weight"] == "2.0"


def test_parquet_has_typed_columns() -> None:
    """Integers beside decimals are decimals; other mixtures are JSON text; times are timestamps."""
    found = table()
    assert found["feature.x"].to_pylist() == [1.0, 0.5, 7.0]
    assert found["feature.mixed"].to_pylist() == [None, '"a"', "1"]
    assert found["feature.is_new"].to_pylist() == [None, True, None]
    assert found["label"].type == pa.int64()
    assert found["model_version"].to_pylist() == ["v1", None, "v1"]
    assert found["scores"].to_pylist() == [None, None, '{"a":1.0}']
    assert found["time"].to_pylist()[0] == datetime.fromtimestamp((NOW + 1) / 1000, UTC)


def test_parquet_goes_over_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last, shorter batch is written too."""
    monkeypatch.setattr(export, "BATCH", 4)
    assert table([outcome(n) for n in range(10)])["feature.x"].to_pylist() == list(range(10))


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_no_rows_are_a_file_without_rows(form: str) -> None:
    """It can be read all the same."""
    content = written(form, [])
    if form == "parquet":
        assert parquet.read_table(io.BytesIO(content)).num_rows == 0
    else:
        assert len(content.splitlines()) == (form == "csv")
