"""The model of the demo: trained, asked, replaced, and retrained as streamproc does it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streamproc.config.load import load
from streamproc.config.pipeline import Config
from streamproc.demo import settings, textbook
from streamproc.demo.market import HalfHour
from streamproc.demo.market import load as load_market
from streamproc.demo.offline import Offline
from streamproc.demo.server import MarketServer, answers, first_model
from streamproc.demo.train import retrain
from streamproc.policy.condition import compile_condition
from streamproc.retrain.api import TrainingData
from streamproc.retrain.challenger import load as load_function


@pytest.fixture(scope="module")
def market() -> list[HalfHour]:
    return load_market()


def config(directory: Path) -> Config:
    file = directory / "streamproc.yaml"
    file.write_text(settings.text("127.0.0.1:9092", "127.0.0.1:9464", directory / "artifacts"))
    return load(file)


def test_the_configuration_is_valid_and_names_the_retrain_function(tmp_path: Path) -> None:
    """What is written to streamproc.yaml loads, with the values that the screen shows."""
    loaded = config(tmp_path)
    model = loaded.models[settings.MODEL]
    assert model.retrain is not None
    assert load_function(str(model.retrain.function)) is retrain
    assert settings.DETECTOR in model.detectors
    assert loaded.artifacts == str(tmp_path / "artifacts")


def test_a_row_by_itself_gets_the_same_answer_as_among_others(market: list[HalfHour], tmp_path: Path) -> None:
    """The server's answers are those of the model, with the probability of class 1."""
    model = first_model(market)
    server = MarketServer(model, tmp_path)
    rows = market[5000:5200]
    found = [server.answer(row.features) for row in rows]
    assert [answer for answer, _ in found] == answers(model, rows)
    assert all((score > 0.5) is (answer == 1) for answer, score in found if score != 0.5)


def test_a_model_that_knows_one_class_only_can_be_asked(market: list[HalfHour], tmp_path: Path) -> None:
    """A window with equal labels gives a tree with one class; its probability of class 1 is 0 or 1."""
    ones = [row._replace(label=1) for row in market[:1000]]
    zeros = [row._replace(label=0) for row in market[:1000]]
    assert MarketServer(first_model(ones), tmp_path).answer(ones[0].features) == (1, 1.0)
    assert MarketServer(first_model(zeros), tmp_path).answer(zeros[0].features) == (0, 0.0)


def test_a_deploy_event_puts_its_artifact_in_service(market: list[HalfHour], tmp_path: Path) -> None:
    """The retrain function's artifact is what the server loads; other events leave it as it is."""
    rows: list[dict[str, Any]] = [{"features": row.features, "label": row.label} for row in market[20_000:22_000]]
    (tmp_path / "r-1").mkdir()
    challenger = retrain(None, TrainingData(rows, tmp_path / "r-1", "binary", 0))  # type: ignore[arg-type]
    server = MarketServer(first_model(market), tmp_path)
    asked = market[22_000:22_500]
    before = [server.answer(row.features)[0] for row in asked]
    artifact = {"uri": challenger.artifact.relative_to(tmp_path).as_posix()}
    for status in ("started", "rejected", "failed"):
        server.deployed({"model_id": settings.MODEL, "status": status, "model_version": "r-1", "artifact": artifact})
    assert (server.version, before) == ("v1", [server.answer(row.features)[0] for row in asked])
    server.deployed({"model_id": settings.MODEL, "status": "deployed", "model_version": "r-1", "artifact": artifact})
    after = [server.answer(row.features)[0] for row in asked]
    assert (server.version, after) == ("r-1", list(challenger.predict([{"features": row.features} for row in asked])))
    assert after != before


def test_the_loop_makes_fewer_errors_without_kafka_too(market: list[HalfHour], tmp_path: Path) -> None:
    """The same feed, stages, gate and function in memory: errors are avoided, and twice the same."""
    figures = []
    for run in ("one", "two"):
        directory = tmp_path / run
        directory.mkdir()
        tally = Offline(config(directory), market[:4000]).run()
        assert tally.rows == 3000
        assert tally.count("deployed") >= 1
        assert tally.count("failed") == 0
        assert tally.avoided > 0
        figures.append((tally.loop.errors, tally.never.errors, tally.count("deployed"), tally.count("rejected")))
    assert figures[0] == figures[1]


def test_the_textbook_cases_say_what_their_conditions_say(tmp_path: Path) -> None:
    """The tutorial's configuration is valid, and what it expects of each step is what the condition gives."""
    file = tmp_path / "streamproc.yaml"
    file.write_text(settings.text("127.0.0.1:9092", "127.0.0.1:9464", tmp_path, textbook.MODELS))
    models = load(file).models
    assert {case.model for case in textbook.CASES} < set(models)
    for case in textbook.CASES:
        (policy,) = models[case.model].policies
        names = {name: _quantity(name) for step in case.steps for name in step.metrics}
        condition = compile_condition(str(policy.condition), names, policy.parameters)
        assert [condition.evaluate(step.metrics.get) for step in case.steps] == [s.retrains for s in case.steps]
        words = str(policy.condition).replace("threshold", f"{policy.parameters.get('threshold', 0):.2f}")
        assert case.condition == words


def _quantity(name: str) -> Any:
    from streamproc.policy.quantity import Quantity

    return Quantity(name, "number")
