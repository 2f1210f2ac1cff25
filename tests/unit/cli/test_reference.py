"""`streamproc reference` and `drift: {reference_file}`: from a table of training rows to a drift known at once."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from streamproc.cli.reference import reference
from streamproc.config.findings import InvalidConfig
from streamproc.config.load import load
from streamproc.errors import UserError
from streamproc.events.summary import summarise
from streamproc.monitor.model import ModelMonitor

T = 1_780_000_000_000
CONFIG = """
pipeline: t
models:
  m:
    window: 100
    min_samples: 50
    drift:
      signals: [feature.amount, score]
      reference_file: reference.json
      reference: 50
      window: 50
    segment_by: [place]
    policies:
      - {name: p, condition: drift > 0.5 or unseen.place > 0.5, cooldown: 1h}
      - {name: s, condition: drift > 0.5, per_segment: true, cooldown: 1h}
"""
ROWS = [{"amount": n % 10, "place": "ab"[n % 2], "score": n / 200, "label": n % 2} for n in range(200)]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("streamproc.yaml").write_text(CONFIG)
    return tmp_path


def run(*arguments: str) -> Any:
    return CliRunner().invoke(reference, arguments, catch_exceptions=False)


def written(form: str) -> str:
    name = f"training.{form}"
    if form == "csv":
        lines = [",".join(ROWS[0]), *(",".join(map(str, row.values())) for row in ROWS)]
        Path(name).write_text("\n".join(lines) + "\n")
    elif form == "parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), name)
    else:
        Path(name).write_bytes(b"\n".join(map(orjson.dumps, ROWS)) + b"\n")
    return name


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_the_same_rows_give_the_same_summary_in_every_form(site: Path, form: str) -> None:
    """Features from the columns, the score by its own meaning, the label left out; the file need not be there yet."""
    assert run(written(form), "-o", "reference.json").exit_code == 0
    found = orjson.loads(Path("reference.json").read_bytes())
    features = [{"features": {k: row[k] for k in ("amount", "place")}, "score": row["score"]} for row in ROWS]
    assert found == summarise(features, {"score": lambda row: row["score"]}).wire()
    assert set(found["signals"]) == {"feature.amount", "feature.place", "score"}


def predictions(model: ModelMonitor, count: int, shift: float) -> None:
    rng = random.Random(1)
    for n in range(count):
        features = {"amount": rng.randrange(10) + shift, "place": "a"}
        record = {"prediction_id": str(n), "time": T + n, "prediction": 1, "features": features, "score": rng.random()}
        model.prediction(record, T + n)


def test_drift_is_measured_against_the_file(site: Path) -> None:
    """From the fiftieth prediction on, without first values; a deploy event with a summary of its own is preferred."""
    run(written("csv"), "-o", "reference.json")
    config = load("streamproc.yaml")
    for shift, low, high in ((0, 0, 0.5), (7, 1, 20)):
        model = ModelMonitor("m", config.models["m"])
        predictions(model, 49, shift)
        assert model.values(["drift"])["drift"] is None
        predictions(model, 51, shift)
        drift = model.values(["drift.amount"])["drift.amount"]
        assert drift is not None
        assert low <= drift < high
        assert model.values(["unseen.place"])["unseen.place"] == 0
    summary = summarise([{"features": {"amount": n % 10 + 7}} for n in range(200)])
    deploy = {"model_id": "m", "status": "deployed", "model_version": "v2", "time": T, "reference": summary.wire()}
    model.deploy(deploy, T)
    predictions(model, 100, 7)
    after = model.values(["drift.amount"])["drift.amount"]
    assert after is not None
    assert after < 0.5


def test_a_segment_is_not_compared_with_all_traffic(site: Path) -> None:
    """The file is of all rows."""
    run(written("csv"), "-o", "reference.json")
    model = ModelMonitor("m", load("streamproc.yaml").models["m"])
    predictions(model, 80, 7)
    (segment,) = [scope for scope in model.scopes if scope.segment is not None]
    assert segment.values(["drift"])["drift"] is None
    assert model.values(["drift"])["drift"] is not None


def test_another_content_is_another_configuration(site: Path) -> None:
    """So that snapshots and triggers of the old one are not mixed with the new one's."""
    run(written("csv"), "-o", "reference.json")
    before = load("streamproc.yaml").models["m"].config_hash
    assert load("streamproc.yaml").models["m"].config_hash == before
    content = orjson.loads(Path("reference.json").read_bytes())
    content["rows"] += 1
    Path("reference.json").write_bytes(orjson.dumps(content))
    assert load("streamproc.yaml").models["m"].config_hash != before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            None,
            r"streamproc.yaml:9:23: models.m.drift.reference_file: there is no file reference.json: `stre",
        ),
        (b"{", "reference.json is not a summary: Invalid JSON"),
        (b"{}", "reference.json is not a summary: rows: Field required"),
        (b'{"rows": 1, "signals": {"feature.x": {"missing": 1}}}', "none of the drift signals .* but feature.x"),
        (b" " * 5_000_000, "larger than 4 MiB"),
    ],
)
def test_a_file_that_is_no_good_is_told(site: Path, content: bytes | None, message: str) -> None:
    """Which file, named where, what is wrong, and what to do."""
    if content is not None:
        Path("reference.json").write_bytes(content)
    with pytest.raises(InvalidConfig, match=message):
        load("streamproc.yaml")


def test_rows_that_are_no_good_are_told(site: Path) -> None:
    """No features, no rows of this model, no such model."""
    Path("t.csv").write_text("label,prediction\n1,0\n")
    with pytest.raises(UserError, match="none of the 1 rows has features"):
        run("t.csv")
    Path("t.csv").write_text("model_id,amount\nother,0\n")
    with pytest.raises(UserError, match="no rows of m in"):
        run("t.csv")
    with pytest.raises(UserError, match="there is no model x: the configuration has m"):
        run("t.csv", "--model", "x")
