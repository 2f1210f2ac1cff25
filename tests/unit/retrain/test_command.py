"""Commands as they are: real processes, with files and the environment."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from streamproc.config.retrain import Gate
from streamproc.errors import RetrainError
from streamproc.retrain.course import retrain
from streamproc.retrain.job import Result
from tests.unit.retrain.support import make_job, measure_for, outcome, values_of

TRAIN = """
import json, os, pathlib
env = {k.removeprefix("STREAMPROC_"): v for k, v in os.environ.items() if k.startswith("STREAMPROC_")}
rows = [json.loads(line) for line in open(env["TRAINING"])]
trigger = json.load(open(env["TRIGGER"]))
assert trigger["trigger_id"] == env["TRIGGER_ID"] and trigger["model_id"] == env["MODEL_ID"]
(pathlib.Path(env["ARTIFACT"]) / "model.json").write_text(json.dumps({"rows": len(rows)}))
"""
PREDICT = """
import json, os, pathlib
assert json.loads((pathlib.Path(os.environ["STREAMPROC_ARTIFACT"]) / "model.json").read_text())["rows"] == 75
with open(os.environ["STREAMPROC_ANSWERS"], "w") as out:
    for line in open(os.environ["STREAMPROC_ROWS"]):
        row = json.loads(line)
        assert "label" not in row
        print(GIVEN, file=out)
"""
BARE = PREDICT.replace("GIVEN", 'row["features"]["x"] % 2')


def run(root: Path, train: str = TRAIN, predict: str | None = BARE, **fields: Any) -> Result:
    command = (sys.executable, "-c", train)
    asked = None if predict is None else (sys.executable, "-c", predict)
    job = make_job(root / "artifacts", **{"function": None, "command": command, "predict": asked, **fields})
    directory = (root / "job" / "artifact").resolve()
    directory.mkdir(parents=True)
    return retrain(job, values_of([outcome(n, score=0.5) for n in range(100)]), measure_for(job), directory)


def test_a_command_trains_and_another_one_answers(tmp_path: Path) -> None:
    """Files in, model out, and the gate compares it with the champion."""
    result = run(tmp_path)
    assert result.status == "deployed", result.reason
    assert result.metrics is not None
    assert result.metrics["challenger"]["accuracy"] == 1
    assert "log_loss" not in result.metrics["challenger"]
    assert result.artifact is not None
    assert (tmp_path / "artifacts" / result.artifact.uri / "model.json").exists()


def test_answers_may_have_scores(tmp_path: Path) -> None:
    """Then the log loss is known too."""
    answer = 'json.dumps({"prediction": row["features"]["x"] % 2, "score": 0.9 if row["features"]["x"] % 2 else 0.1})'
    result = run(tmp_path, predict=PREDICT.replace("GIVEN", answer))
    assert result.metrics is not None
    assert result.metrics["challenger"]["log_loss"] == pytest.approx(0.105, abs=0.001)


def test_a_command_may_name_its_version_and_its_artifact(tmp_path: Path) -> None:
    """And give figures of its own."""
    said = 'json.dump({"version": "v9", "artifact": "model.json", "metrics": {"depth": 3}}, open(env["RESULT"], "w"))'
    result = run(tmp_path, TRAIN + said)
    assert result.model_version == "v9"
    assert result.artifact is not None
    assert result.artifact.uri.endswith("/model.json")
    assert result.metrics is not None
    assert result.metrics["reported"] == {"depth": 3}


def test_without_a_gate_nobody_is_asked(tmp_path: Path) -> None:
    """Then a command alone will do."""
    assert run(tmp_path, predict=None, gate=None).status == "deployed"


@pytest.mark.parametrize(
    ("train", "predict", "words"),
    [
        ("raise SystemExit(3)", BARE, "ended with code 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", BARE, "was ended by signal 11"),
        ("pass", BARE, "is a directory without any file"),
        (TRAIN + 'open(env["RESULT"], "w").write("no")', BARE, "STREAMPROC_RESULT holds no JSON"),
        (TRAIN + 'open(env["RESULT"], "w").write("[]")', BARE, "STREAMPROC_RESULT must hold an object"),
        (TRAIN + 'open(env["RESULT"], "w").write("x" * 2**20 + "x")', BARE, "more than 1048576 bytes"),
        (TRAIN + 'json.dump({"artifact": "../x"}, open(env["RESULT"], "w"))', BARE, "lies outside"),
        (TRAIN, "pass", "wrote no STREAMPROC_ANSWERS"),
        (TRAIN, PREDICT.replace("GIVEN", '"{}"'), "line 1, has no `prediction`"),
        (TRAIN, PREDICT.replace("GIVEN", '"?"'), "line 1, is no JSON"),
        (TRAIN, BARE + "    print(1, file=out)", "gave 26 answers"),
        (TRAIN, "raise SystemExit(1)", "retrain.predict: "),
    ],
)
def test_what_goes_wrong_is_said(tmp_path: Path, train: str, predict: str, words: str) -> None:
    """It goes into the deploy event, with the end of what was printed."""
    with pytest.raises(RetrainError) as raised:
        run(tmp_path, train, predict)
    assert words in str(raised.value)


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    """And where it was looked for."""
    with pytest.raises(RetrainError, match=r"retrain\.command: no-such-program cannot be started"):
        run(tmp_path, command=("no-such-program",), gate=None)


def test_arguments_are_not_read_by_a_shell(tmp_path: Path) -> None:
    """What looks like shell is an argument like any other."""
    code = TRAIN + 'import sys; assert sys.argv[1] == "$(touch x); `y` | z"'
    command = (sys.executable, "-c", code, "$(touch x); `y` | z")
    assert run(tmp_path, command=command, gate=Gate(min_rows=20)).status == "deployed"
