"""`streamproc check`."""

# ruff: noqa: E501, ISC004 - an expected message is compared best as it is told

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streamproc.cli import cli

SOUND = "pipeline: p\nmodels: {m: {policies: [{name: a, condition: accuracy < 0.9, cooldown: 1h}], retrain: {function: 'a:b'}}}\n"
NOTE = SOUND.replace(", retrain: {function: 'a:b'}", "")
WARNING = SOUND.replace(", cooldown: 1h", "")
ERROR = SOUND.replace("accuracy < 0.9", "accuracy < -1").replace("m:", "m: {}, n:") + "join: {label_ttl: 20d}\n"
BROKEN = "pipeline: P\nmodels: {m: {window: 0}}\n"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for streamproc.yaml, in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STREAMPROC_CONFIG", raising=False)
    return tmp_path / "streamproc.yaml"


def run(*arguments: str) -> Result:
    """Call the command."""
    return CliRunner().invoke(cli, ["check", *arguments])


@pytest.mark.parametrize(
    ("text", "lenient", "strict"), [(SOUND, 0, 0), (NOTE, 0, 0), (WARNING, 0, 1), (ERROR, 1, 1), (BROKEN, 1, 1)]
)
@pytest.mark.parametrize("form", ["text", "json"])
def test_the_exit_code_is_what_the_help_says(file: Path, text: str, lenient: int, strict: int, form: str) -> None:
    """0 for nothing to mend, 1 for errors; --strict makes errors of warnings and not of notes."""
    file.write_text(text)
    assert run("--format", form).exit_code == lenient
    assert run("--format", form, "--strict").exit_code == strict


def test_findings_are_lines_that_editors_understand(file: Path) -> None:
    """file:line:column: severity: setting: message [code], by line, and a summary."""
    file.write_text(ERROR)
    *findings, summary = run().output.splitlines()
    assert findings == [
        "streamproc.yaml:2:10: note: models.m: this model has no policies: only `streamproc trigger` starts a retrain "
        "[no-policy]",
        "streamproc.yaml:2:53: error: models.n.policies.0.condition: `accuracy < -1` can never be true: accuracy lies between "
        "0 and 1 [never-true]",
        "streamproc.yaml:3:19: warning: join.label_ttl: predictions wait 20d for their labels, but their topic keeps them for "
        "2w if `streamproc topics create` made it, and a restart reads them again: give the topics of predictions and labels a "
        "longer retention.ms [label-ttl]",
    ]
    assert summary == "streamproc.yaml: 1 error, 1 warning, 1 note"


def test_what_cannot_be_loaded_is_told_in_the_same_form(file: Path) -> None:
    """The loader's errors and those of lint look alike."""
    file.write_text(BROKEN)
    assert run().output.splitlines() == [
        "streamproc.yaml:1:11: error: pipeline: write a-z, 0-9, - and _, at most 64 of them, beginning with a letter (not 'P') "
        "[invalid-value]",
        "streamproc.yaml:2:22: error: models.m.window: write at least 1 (not '0') [invalid-value]",
        "streamproc.yaml: 2 errors",
    ]


def test_a_sound_file_gets_one_line(file: Path) -> None:
    """Silence would leave one wondering."""
    file.write_text(SOUND)
    assert run().output == "streamproc.yaml: nothing to mend\n"


def test_a_missing_file_is_an_error_with_advice(file: Path) -> None:
    """Of the kind that is mended, not of wrong usage."""
    done = run("none.yaml")
    assert done.exit_code == 1
    assert done.output.splitlines() == [
        "none.yaml: error: there is no such file: `streamproc init` writes one to begin with [unreadable]",
        "none.yaml: 1 error",
    ]


def test_json_has_everything(file: Path) -> None:
    """For CI: counts, and each finding with its parts."""
    file.write_text(WARNING)
    report = json.loads(run("--format", "json", "--strict").output)
    (finding,) = report.pop("findings")
    assert report == {"file": "streamproc.yaml", "ok": False, "errors": 0, "warnings": 1, "notes": 0}
    message = finding.pop("message")
    assert message.startswith("after a retrain that was rejected or failed, accuracy is what it was before")
    assert finding == {
        "severity": "warning",
        "line": 2,
        "column": 46,
        "path": "models.m.policies.0.condition",
        "code": "retrain-loop",
    }


def test_the_file_may_be_named_by_argument_or_environment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument wins over $STREAMPROC_CONFIG, which wins over streamproc.yaml."""
    (file.parent / "a.yaml").write_text(SOUND)
    (file.parent / "b.yaml").write_text(SOUND)
    file.write_text(SOUND)
    monkeypatch.setenv("STREAMPROC_CONFIG", "a.yaml")
    assert run().output.startswith("a.yaml")
    assert run("b.yaml").output.startswith("b.yaml")


def test_variables_come_from_the_environment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing one is an error, a set one is not shown."""
    file.write_text(SOUND + "kafka:\n  bootstrap.servers: a\n  sasl.password: ${STREAMPROC_TEST_PASSWORD}\n")
    assert "4:" not in (done := run()).output
    assert (
        "streamproc.yaml:5:18: error: kafka.sasl.password: the environment variable STREAMPROC_TEST_PASSWORD"
        in done.output
    )
    monkeypatch.setenv("STREAMPROC_TEST_PASSWORD", "hunter2")
    assert run().output == "streamproc.yaml: nothing to mend\n"


@pytest.mark.parametrize("arguments", [["--nonsense"], ["a", "b"], ["--format", "xml"]])
def test_wrong_usage_is_2(file: Path, arguments: list[str]) -> None:
    """As all of click's."""
    assert run(*arguments).exit_code == 2


def test_the_help_names_the_exit_codes() -> None:
    """They are what scripts build on."""
    text = " ".join(run("--help").output.split())
    assert (
        "Exit codes: 0 nothing to mend (warnings and notes allowed), 1 errors (with --strict: or warnings), 2 wrong use"
        in text
    )
