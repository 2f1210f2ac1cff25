"""The file that `streamproc init` writes."""

from __future__ import annotations

import re

import pytest

from streamproc.check import lint
from streamproc.config.load import reads
from streamproc.config.template import template


def test_lint_finds_nothing_in_it() -> None:
    """Not an error, not a warning, not a note."""
    assert lint(reads(template(), environment={})) == ()


def test_editors_find_its_schema() -> None:
    """Its first line names the schema that `streamproc schemas` writes."""
    first = template().splitlines()[0]
    assert first == "# yaml-language-server: $schema=schemas/streamproc.yaml.schema.json"


def test_it_shows_what_there_is() -> None:
    """Detectors of both kinds on the error, drift of the score, a condition, a schedule, a retrain function, a gate."""
    config = reads(template(), environment={"KAFKA_BOOTSTRAP_SERVERS": "kafka-1:9092"}).config
    model = config.models["fraud"]
    assert config.kafka == {"bootstrap.servers": "kafka-1:9092"}
    assert {(detector.type, detector.signal) for detector in model.detectors.values()} == {
        ("adwin", "error"),
        ("page_hinkley", "error"),
    }
    assert model.drift is not None
    assert "score" in model.drift.signals
    assert any(policy.schedule for policy in model.policies)
    assert any(policy.condition and policy.cooldown and policy.min_outcomes for policy in model.policies)
    assert model.retrain is not None
    assert model.retrain.gate is not None


def test_what_is_commented_out_can_be_used() -> None:
    """With every commented setting put in force, it is still a configuration without errors."""
    lines = [re.sub(r"^( *)# ((?:  )*[\w.]+:( |$))", r"\1\2", line) for line in template().splitlines()]
    loaded = reads("\n".join(lines), environment={"KAFKA_PASSWORD": "x"})
    assert loaded.config.kafka["sasl.password"] == "x"
    assert loaded.config.topics.predictions == "fraud.predictions"
    assert loaded.config.inputs.predictions.fields["prediction_id"] == "$.request.id"
    assert lint(loaded) == ()


@pytest.mark.parametrize("line", template().splitlines())
def test_it_fits_on_a_screen(line: str) -> None:
    """No line is longer than 120 characters or ends in blanks."""
    assert len(line) <= 120
    assert line == line.rstrip()
