"""The examples in examples/, run as a retrain runs them."""

from __future__ import annotations

import pickle
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from ruamel.yaml import YAML

from streamproc.config.retrain import Gate, Retrain
from streamproc.retrain.course import retrain
from streamproc.retrain.executors.webhook import _body
from streamproc.retrain.job import Hook, Result
from tests.unit.retrain.support import make_job, measure_for, outcome, values_of

EXAMPLES = Path(__file__).parents[3] / "examples"
EVERYTHING = Gate(condition="challenger.accuracy >= 0", min_rows=1, confidence=None)
BETTER = Gate(condition="challenger.accuracy > 0.9", min_rows=1)


def records(labels: int = 2) -> list[dict[str, Any]]:
    """The label is whether x is above 50; the features are two numbers."""
    return [
        outcome(n, features={"x": float(n * 37 % 100), "bias": 1.0}, label=int(n * 37 % 100 > 50) if labels == 2 else 1)
        for n in range(400)
    ]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory for the job; the example's module is forgotten afterwards."""
    directory = (tmp_path / "job" / "artifact").resolve()
    directory.mkdir(parents=True)
    yield directory
    sys.modules.pop("retraining", None)


def run(place: Path, rows: list[dict[str, Any]], gate: Gate, **who: Any) -> Result:
    job = make_job(place.parents[1] / "artifacts", **{"function": None, "gate": gate, **who})
    return retrain(job, values_of(rows), measure_for(job), place)


def artifact(place: Path, result: Result) -> Path:
    assert result.status == "deployed", result.reason
    assert result.artifact is not None
    return place.parents[1] / "artifacts" / result.artifact.uri


def test_scikit_learn_with_skops(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It learns, and its artifact holds nothing that skops does not trust."""
    io = pytest.importorskip("skops.io")
    monkeypatch.syspath_prepend(str(EXAMPLES / "sklearn_skops"))
    path = artifact(place, run(place, records(), BETTER, function="retraining:retrain"))
    assert io.get_untrusted_types(file=path) == []
    assert list(io.load(path).predict([{"x": 99.0, "bias": 1.0}, {"x": 1.0, "bias": 1.0}])) == [1, 0]


def test_river(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It learns row by row, and comes back from its artifact."""
    monkeypatch.syspath_prepend(str(EXAMPLES / "river_model"))
    path = artifact(place, run(place, records(), BETTER, function="retraining:retrain"))
    model = pickle.loads(path.read_bytes())  # noqa: S301 - it was written above
    assert model.predict_one({"x": 99.0, "bias": 1.0}) == 1


def test_a_shell_script(place: Path) -> None:
    """Its model is the most frequent label; the other script answers with it."""
    scripts = EXAMPLES / "shell_script"
    who = {"command": (str(scripts / "train.sh"),), "predict": (str(scripts / "predict.sh"),)}
    result = run(place, records(labels=1), EVERYTHING, **who)
    assert (artifact(place, result) / "answer").read_text() == "1\n"
    assert result.metrics is not None
    assert result.metrics["challenger"]["accuracy"] == 1


def test_the_github_recipe_sends_what_its_workflow_reads(place: Path) -> None:
    """The settings are taken, GitHub's fields are in the body, and each path of the workflow leads to a value."""
    recipe = EXAMPLES / "github_dispatch"
    webhook = Retrain.model_validate(YAML(typ="safe").load((recipe / "streamproc.yaml").read_text())["retrain"]).webhook
    assert webhook is not None
    hook = Hook(**webhook.model_dump(include=set(Hook.model_fields)))
    who: dict[str, Any] = {"function": None, "webhook": hook}
    body = orjson.loads(_body(make_job(place, **who), hook))
    workflow = YAML(typ="safe").load((recipe / "retrain.yml").read_text())
    assert body.keys() == {"event_type", "client_payload"}
    assert workflow["on"]["repository_dispatch"]["types"] == [body["event_type"]]
    paths = re.findall(r"github\.event\.([\w.]+)", (recipe / "retrain.yml").read_text())
    assert len(paths) == 3
    for path in paths:
        value: Any = body
        for name in path.split("."):
            value = value[name]
        assert value


def test_the_argo_recipe_reads_what_a_trigger_has(place: Path) -> None:
    """The sensor depends on the source that is there, and takes a field that triggers have."""
    source, sensor = YAML(typ="safe").load_all((EXAMPLES / "argo_events" / "retrain.yaml").read_text())
    (needs,), (does,) = sensor["spec"]["dependencies"], sensor["spec"]["triggers"]
    assert needs["eventSourceName"] == source["metadata"]["name"]
    assert needs["eventName"] in source["spec"]["kafka"]
    (parameter,) = does["template"]["argoWorkflow"]["parameters"]
    assert parameter["src"]["dependencyName"] == needs["name"]
    assert parameter["src"]["dataKey"].removeprefix("body.") in make_job(place).trigger.wire()
