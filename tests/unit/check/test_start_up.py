"""What a start refuses."""

from __future__ import annotations

import subprocess
import sys

import pytest

from streamproc.check import CODES, lint, start_up
from streamproc.config.load import loads, reads
from streamproc.errors import ConfigError

TEXT = """\
pipeline: p
models:
  m:
    detectors: {spare: {type: adwin}}
    policies:
      - {name: a, condition: acuracy < 0.9}
      - {name: b, schedule: {cron: 0 24 * * *}}
"""


def test_errors_are_refused_in_the_words_of_lint() -> None:
    """Every error of lint is one line of the ConfigError; warnings are not in it."""
    loaded = reads(TEXT, "x.yaml", {})
    with pytest.raises(ConfigError) as caught:
        start_up(loaded)
    errors = [finding for finding in lint(loaded) if finding.severity == "error"]
    assert len(errors) == 2
    assert str(caught.value).splitlines() == [f"{error.at('x.yaml')}: {error.text}" for error in errors]
    assert str(caught.value).startswith("x.yaml:6:30: models.m.policies.0.condition: unknown name `acuracy`")


def test_a_configuration_without_its_text_is_refused_all_the_same() -> None:
    """It has settings instead of lines, and the same words."""
    with pytest.raises(ConfigError) as caught:
        start_up(loads(TEXT, environment={}))
    first, second = str(caught.value).splitlines()
    assert first.startswith("configuration: models.m.policies.0.condition: unknown name `acuracy`")
    assert second.startswith("configuration: models.m.policies.1.schedule.cron: `0 24 * * *`")


def test_warnings_and_notes_are_given_back() -> None:
    """So that whoever starts can log them."""
    config = loads("pipeline: p\nmodels:\n m: {policies: [{name: a, condition: accuracy < 0.9}]}", environment={})
    assert [(finding.severity, finding.code) for finding in start_up(config)] == [
        ("warning", "retrain-loop"),
        ("note", "no-retrain"),
    ]


def test_codes_are_explained() -> None:
    """Each has a severity and a meaning; names are of one form."""
    for code, (severity, meaning) in CODES.items():
        assert code == code.lower().replace("_", "-")
        assert severity in ("error", "warning", "note")
        assert meaning
        assert not meaning.endswith(".")


def test_lint_loads_neither_kafka_nor_river() -> None:
    """`streamproc check` is quick, and runs where there is no Kafka client."""
    program = "import sys, streamproc.check; print(*sorted({'confluent_kafka', 'river'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
