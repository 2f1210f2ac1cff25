"""Retrain functions for the tests of the worker."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from streamproc import Challenger, TrainingData, Trigger


def majority(trigger: Trigger, data: TrainingData) -> Challenger:
    """Answers the label that was most frequent in the training rows."""
    labels = [row["label"] for row in data.rows]
    answer = max(set(labels), key=labels.count)
    return _constant(data, answer)


def zero(trigger: Trigger, data: TrainingData) -> Challenger:
    """Always answers 0."""
    return _constant(data, 0)


def slow(trigger: Trigger, data: TrainingData) -> Challenger:
    """Takes longer than a test waits, the first time; says that it has been here."""
    seen = Path(data.directory).parents[4] / "seen"
    if not seen.exists():
        seen.write_text(trigger.trigger_id)
        time.sleep(600)
    return majority(trigger, data)


def patient(trigger: Trigger, data: TrainingData) -> Challenger:
    """Says that it has been here, and goes on when it is told to."""
    home = Path(data.directory).parents[4]
    (home / "seen").write_text(trigger.trigger_id)
    while not (home / "go").exists():
        time.sleep(0.05)
    return majority(trigger, data)


def broken(trigger: Trigger, data: TrainingData) -> Challenger:
    """Raises."""
    raise ValueError("no such column: amount")


def _constant(data: TrainingData, answer: Any) -> Challenger:
    path = data.directory / "answer.txt"
    path.write_text(str(answer))
    return Challenger(artifact=path, predict=lambda rows: [answer] * len(rows))
