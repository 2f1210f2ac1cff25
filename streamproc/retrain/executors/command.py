"""A retrain that is a command of the user's: files go in through the environment, a model comes out in a directory.

    STREAMPROC_TRIGGER    a file: the trigger, as JSON
    STREAMPROC_TRAINING   a file: the rows to train on, a JSON object a line, as in TrainingData.rows
    STREAMPROC_ARTIFACT   an empty directory: write the model here
    STREAMPROC_RESULT     a file to write, if you like: {"version": ..., "artifact": ..., "metrics": {...}}

`predict`, which a gate needs, is a second command, run afterwards:

    STREAMPROC_ARTIFACT   the model
    STREAMPROC_ROWS       a file: what a model is shown of rows (features, no label), a JSON object a line
    STREAMPROC_ANSWERS    a file to write: an answer a line, bare, or {"prediction": ..., "score": ...}

There is no shell: a command is a list of arguments, started as it stands. It runs in the job's own process group, with
its time limit, and what it prints is the job's output.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from streamproc.errors import RetrainError
from streamproc.events.trigger import Trigger
from streamproc.retrain.api import Challenger, Row, TrainingData

MAX_RESULT_BYTES = 1 << 20
Train = Callable[[Trigger, TrainingData], Challenger]


def trainer(command: Sequence[str], predict: Sequence[str] | None) -> Train:
    """What `retrain.function` would be: (trigger, rows) -> Challenger. It raises RetrainError and OSError."""

    def train(trigger: Trigger, data: TrainingData) -> Challenger:
        place = data.directory.parent
        told = {
            "TRIGGER": _written(place / "trigger.json", [trigger.wire()]),
            "TRAINING": _written(place / "training.jsonl", data.rows),
            "ARTIFACT": data.directory,
            "RESULT": place / "said.json",
            "MODEL_ID": trigger.model_id,
            "TRIGGER_ID": trigger.trigger_id,
        }
        _run("retrain.command", command, told)
        said = _said(place / "said.json")
        answers = _Answers(predict, data.directory, place)
        return Challenger(
            said.get("artifact", data.directory),
            answers.predictions,
            answers.scores,
            said.get("metrics", {}),
            said.get("version"),
        )

    return train


class _Answers:
    """Runs `predict` once for the rows that it is asked about; once more for others."""

    def __init__(self, command: Sequence[str] | None, artifact: Path, place: Path) -> None:
        self._command, self._artifact, self._place = command, artifact, place
        self._given: list[Any] = []
        self._asked: list[Row] | None = None

    def predictions(self, rows: list[Row]) -> list[Any]:
        return [given["prediction"] if isinstance(given, dict) else given for given in self._ask(rows)]

    def scores(self, rows: list[Row]) -> list[Any] | None:
        """None unless every answer has one."""
        found = [
            given.get("score", given.get("scores")) if isinstance(given, dict) else None for given in self._ask(rows)
        ]
        return None if None in found else found

    def _ask(self, rows: list[Row]) -> list[Any]:
        if self._asked != rows:
            if self._command is None:
                raise RetrainError("retrain.predict is not set: without it a gate cannot ask the challenger anything")
            answers = self._place / "answers.jsonl"
            told = {
                "ARTIFACT": self._artifact,
                "ROWS": _written(self._place / "rows.jsonl", rows),
                "ANSWERS": answers,
            }
            _run("retrain.predict", self._command, told)
            self._given, self._asked = _read(answers), rows
        return self._given


def _run(setting: str, command: Sequence[str], told: Mapping[str, object]) -> None:
    environment = {**os.environ, **{f"STREAMPROC_{name}": str(value) for name, value in told.items()}}
    try:
        ended = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False)
    except (FileNotFoundError, PermissionError) as exc:
        raise RetrainError(f"{setting}: {command[0]} cannot be started: {exc.strerror} (in {Path.cwd()})") from exc
    if ended.returncode < 0:
        raise RetrainError(f"{setting}: {command[0]} was ended by signal {-ended.returncode}")
    if ended.returncode:
        raise RetrainError(f"{setting}: {command[0]} ended with code {ended.returncode}")


def _written(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    with path.open("wb") as file:
        for row in rows:
            file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
    return path


def _said(path: Path) -> dict[str, Any]:
    """What the command says of its model. Raises RetrainError."""
    if not path.exists():
        return {}
    if path.stat().st_size > MAX_RESULT_BYTES:
        raise RetrainError(f"STREAMPROC_RESULT holds more than {MAX_RESULT_BYTES} bytes")
    try:
        said = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as exc:
        raise RetrainError(f"STREAMPROC_RESULT holds no JSON: {exc}") from exc
    if not isinstance(said, dict) or said.keys() - {"version", "artifact", "metrics"}:
        raise RetrainError("STREAMPROC_RESULT must hold an object with version, artifact and metrics, each if you like")
    return said


def _read(path: Path) -> list[Any]:
    """Raises RetrainError."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError as exc:
        raise RetrainError("retrain.predict wrote no STREAMPROC_ANSWERS") from exc
    answers = []
    for number, line in enumerate(lines, 1):
        try:
            answer = orjson.loads(line)
        except orjson.JSONDecodeError as exc:
            raise RetrainError(f"STREAMPROC_ANSWERS, line {number}, is no JSON: {exc}") from exc
        if isinstance(answer, dict) and "prediction" not in answer:
            raise RetrainError(f"STREAMPROC_ANSWERS, line {number}, has no `prediction`")
        answers.append(answer)
    return answers
