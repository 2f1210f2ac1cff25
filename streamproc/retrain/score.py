"""Asks a challenger for its answers to rows, and makes sure that they can be compared with the labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streamproc.errors import RetrainError
from streamproc.policy.quantity import Quantity
from streamproc.retrain.api import Challenger, Row

SHOWN_TO_PREDICT = ("prediction_id", "time", "features", "weight", "segments")
"""Not the label, nor what the champion answered: a challenger that could see them would prove nothing."""
ROUNDING = 1e-6
"""How far outside of [0, 1] a probability may lie by rounding (float32 models)."""


@dataclass(frozen=True, slots=True)
class Measure:
    """How answers are measured: the same metrics that the monitor watches, given by whoever puts the parts together."""

    quantities: Sequence[Quantity]
    """The metrics that the model's task has."""
    of: Callable[[Sequence[Mapping[str, Any]]], dict[str, float | None]]
    """Rows with prediction, label, score(s) -> metric name -> value."""


def challenged(challenger: Challenger, rows: Sequence[Row], task: str) -> list[Row]:
    """The rows with the challenger's answers in the place of the champion's.

    A row that the champion gave no score is left without one here too: both log losses are then of the same rows.
    Raises RetrainError; what the user's functions raise goes through.
    """
    shown = [{name: row[name] for name in SHOWN_TO_PREDICT} for row in rows]
    answers = [
        _answer(answer, row["label"], task)
        for answer, row in zip(_asked(challenger.predict, "predict", shown) or (), rows, strict=True)
    ]
    given = None if challenger.scores is None else _asked(challenger.scores, "scores", shown)
    if given is None or task == "regression":
        return [row | {"prediction": a, "score": None, "scores": None} for row, a in zip(rows, answers, strict=True)]
    name, check = ("score", _probability) if task == "binary" else ("scores", _probabilities)
    scores = [check(score) for score in given]
    return [
        row | {"prediction": answer, "score": None, "scores": None} | ({name: score} if row[name] is not None else {})
        for row, answer, score in zip(rows, answers, scores, strict=True)
    ]


def plain(value: Any) -> Any:
    """A scalar of numpy and its like -> Python's own. Raises RetrainError for arrays and None."""
    if hasattr(value, "item") and callable(value.item):
        try:
            value = value.item()
        except (ValueError, TypeError) as exc:
            raise RetrainError(f"predict must give one answer for each row; one of them is {_shown(value)}") from exc
    if isinstance(value, str):
        return str(value)
    if not isinstance(value, (bool, int, float)):
        raise RetrainError(f"answers are numbers, text, true or false; one of predict's is {_shown(value)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise RetrainError(f"answers must be finite; one of predict's is {value}")
    return value


def _asked(function: Callable[[list[Row]], Iterable[Any] | None], name: str, shown: list[Row]) -> list[Any] | None:
    given = function([dict(row) for row in shown])
    if given is None and name == "scores":
        return None
    try:
        answers = list(given)  # type: ignore[arg-type] # None is no sequence either
    except TypeError as exc:
        raise RetrainError(f"{name} must give a sequence, one entry for each row; it gave {_shown(given)}") from exc
    if len(answers) != len(shown):
        raise RetrainError(f"{name} got {len(shown)} rows and gave {len(answers)} answers; it must give one for each")
    return answers


def _answer(value: Any, label: Any, task: str) -> Any:
    answer = plain(value)
    if task == "regression" and (isinstance(answer, (bool, str))):
        raise RetrainError(f"the task is regression, so answers are numbers; one of predict's is {_shown(answer)}")
    if isinstance(answer, str) != isinstance(label, str):
        raise RetrainError(
            f"predict answered {_shown(answer)} where labels are like {_shown(label)}: text never equals a number"
        )
    return answer


def _probability(value: Any) -> float:
    number = plain(value)
    if isinstance(number, str) or not -ROUNDING <= number <= 1 + ROUNDING:
        raise RetrainError(f"scores must give probabilities of the positive label; one of them is {_shown(number)}")
    return float(min(max(number, 0.0), 1.0))


def _probabilities(value: Any) -> dict[str, float]:
    if not isinstance(value, Mapping):
        raise RetrainError(
            f"for multiclass, scores must give a dict of class to probability for each row, not {_shown(value)}"
        )
    return {str(name): _probability(probability) for name, probability in value.items()}


def _shown(value: Any) -> str:
    return f"{value!r:.80} ({type(value).__name__})"
