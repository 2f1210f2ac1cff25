"""`streamproc replay` from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from streamproc.cli.replay import replay
from streamproc.errors import UserError
from tests.unit.replay.made import T, pairs, write_lines

CONFIG = """
pipeline: t
models:
  m:
    window: 100
    min_samples: 50
    policies: [{name: low, condition: accuracy < %s, cooldown: 1m}]
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with two configurations and a recording."""
    monkeypatch.chdir(tmp_path)
    for name, limit in (("streamproc.yaml", 0.7), ("strict.yaml", 0.995)):
        Path(name).write_text(CONFIG % limit, encoding="utf-8")
    both = pairs(600, 300)
    write_lines(Path("p.jsonl"), [p for p, _ in both])
    write_lines(Path("l.jsonl"), [known for _, known in both])
    return tmp_path


def test_a_cron_schedule_is_a_baseline(site: Path) -> None:
    """As often as it is due in the recording, whatever the model is like; a wrong one is told before anything runs."""
    recording = ("--predictions", "p.jsonl", "--labels", "l.jsonl", "--deploys", "none")
    found = run(*recording, "--cron", "*/2 * * * *", "--json", "-")
    by_name = {arm["name"]: arm for arm in orjson.loads(found.stdout)["models"]["m"]["arms"]}
    assert by_name["cron */2 * * * *"]["triggers"] == 5  # of ten minutes
    with pytest.raises(UserError, match="every day"):
        run(*recording, "--cron", "every day")


def run(*arguments: str) -> Any:
    return CliRunner().invoke(replay, arguments, catch_exceptions=False)


def test_several_configurations_are_compared(site: Path) -> None:
    """A line for each, by the name of its file; figures as JSON on standard output."""
    recording = ("--predictions", "p.jsonl", "--labels", "l.jsonl", "--deploys", "none")
    found = run("-c", "streamproc.yaml", "-c", "strict.yaml", *recording, "--json", "-")
    first, second = orjson.loads(found.stdout)["models"]["m"]["arms"]
    assert (first["name"], second["name"]) == ("streamproc", "strict")
    assert first["outcomes"] == second["outcomes"] == 600
    assert 0 < first["triggers"] < second["triggers"]


def test_the_report_and_the_figures_are_written(site: Path) -> None:
    """And the table is printed."""
    found = run("--predictions", "p.jsonl", "--labels", "l.jsonl", "--drift-at", "2026-05-28T00:05:00Z",
                "--html", "r.html", "--json", "r.json")  # fmt: skip
    assert "naive ADWIN loop" in found.stdout
    assert Path("r.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    arm = orjson.loads(Path("r.json").read_bytes())["models"]["m"]["arms"][0]
    assert (arm["judged"]["found"], arm["judged"]["false_alarms"]) == (1, 0)


WRONG = [
    ((), "say what was recorded"),
    (("--demo", "--kafka", "journal"), "one of these"),
    (("--journal", "j.jsonl", "--labels", "l.jsonl"), "give --journal alone"),
    (("--labels", "l.jsonl", "--from", "2026-05-01"), "choose from Kafka"),
    (("--labels", "l.jsonl", "--drift-at", "yesterday"), "not an RFC 3339 time"),
    (("--labels", "l.jsonl", "--deploys", "retrain"), "no model has a `retrain` section"),
    (("--labels", "l.jsonl", "--html", "nowhere/r.html"), "there is no directory nowhere"),
    (("--labels", "l.jsonl", "--json", "nowhere/r.json"), "there is no directory nowhere"),
    (("--kafka", "journal", "--offsets", "1-2"), "write PARTITION:FROM-TO"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_what_cannot_be_replayed_is_said(
    arguments: tuple[str, ...], message: str, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is read."""
    monkeypatch.setattr("streamproc.app.recordings.partitions_of", lambda _, topics: {topics[0]: 1})
    monkeypatch.setattr("streamproc.app.recordings.spans", lambda *_: {("journal", 0): (0, 1)})
    write_lines(Path("j.jsonl"), [{"kind": "tick", "time": T}])
    with pytest.raises(UserError, match=message):
        run(*arguments)
