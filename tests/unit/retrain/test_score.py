from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamproc.errors import RetrainError
from streamproc.retrain.api import Challenger, Row
from streamproc.retrain.score import SHOWN_TO_PREDICT, challenged
from streamproc.retrain.window import read_window
from tests.unit.retrain.support import make_job, measure_for, outcome, values_of

HERE = Path()


def rows(count: int = 4, **fields: Any) -> list[Row]:
    return read_window(values_of([outcome(n, **fields) for n in range(count)]), "m", count, count).rows


def answers(given: Any, task: str = "binary", **fields: Any) -> list[Any]:
    found = challenged(Challenger(HERE, lambda _: given), rows(**fields), task)
    return [row["prediction"] for row in found]


def test_predict_sees_neither_labels_nor_the_champions_answers() -> None:
    """Rows for predict hold ids, times, features, weights and segments, and are copies."""
    seen: list[Row] = []

    def predict(shown: list[Row]) -> list[int]:
        seen.extend(dict(row) for row in shown)
        for row in shown:
            row.clear()
        return [0] * len(shown)

    before = rows()
    after = challenged(Challenger(HERE, predict), before, "binary")
    assert all(tuple(row) == SHOWN_TO_PREDICT for row in seen)
    assert [row["label"] for row in after] == [row["label"] for row in before] == [0, 1, 0, 1]
    assert [row["prediction"] for row in before] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    "given",
    [
        [0, 1, 0, 1],
        (0, 1, 0, 1),
        np.array([0, 1, 0, 1]),
        np.array([[0], [1], [0], [1]]),
        np.array([0.0, 1, 0, 1]),
        range(4),
    ],
    ids=lambda g: type(g).__name__,
)
def test_any_sequence_of_scalars_is_taken(given: Any) -> None:
    """Lists, tuples, arrays, also with one column, become Python's own numbers."""
    expected = [0, 1, 2, 3] if isinstance(given, range) else [0, 1, 0, 1]
    found = answers(given)
    assert found == expected
    assert {type(value) for value in found} <= {int, float}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([0, 1, 0], "got 4 rows and gave 3 answers"),
        ([0, 1, 0, None], "NoneType"),
        ([0, 1, 0, math.nan], "finite"),
        ([0, 1, 0, np.float32("inf")], "finite"),
        ([0, 1, 0, [1]], "list"),
        ([0, 1, 0, "yes"], "text never equals a number"),
        (np.zeros((4, 2)), "one answer for each row"),
        (7, "must give a sequence"),
        (None, "must give a sequence"),
    ],
    ids=lambda g: str(g)[:20],
)
def test_unusable_answers_are_named(given: Any, words: str) -> None:
    """Too few, none, not finite, not scalar, of another kind than the labels: each has its own message."""
    with pytest.raises(RetrainError, match=words):
        answers(given)


def test_a_regression_answers_with_numbers() -> None:
    """Text and truth values are no answers of a regression."""
    assert answers([1, 2.5, np.float32(3), np.int64(4)], "regression") == [1, 2.5, 3.0, 4]
    for wrong in (True, "1"):
        with pytest.raises(RetrainError, match="regression"):
            answers([1, 2, 3, wrong], "regression")


def test_both_sides_are_measured_on_the_same_rows() -> None:
    """Accuracy and F1 are those of scikit-learn's definitions, over all compared rows, on both sides."""
    measure, compared = measure_for(make_job(HERE)), rows(10)
    champion = measure.of(compared)
    challenger = measure.of(challenged(Challenger(HERE, lambda shown: [0] * len(shown)), compared, "binary"))
    assert champion["accuracy"] == challenger["accuracy"] == 0.5
    assert champion["f1"] == pytest.approx(2 / 3)
    assert challenger["f1"] == 0
    assert champion["log_loss"] is challenger["log_loss"] is None


def test_log_losses_are_of_the_same_rows() -> None:
    """A row that the champion gave no score has none for the challenger either."""
    compared = rows(4)
    for row in compared[:2]:
        row["score"] = 0.5
    scored = Challenger(HERE, lambda _: [0, 1, 0, 1], scores=lambda _: [0.1, 0.9, 0.999, 0.001])
    challenger = challenged(scored, compared, "binary")
    assert [row["score"] for row in challenger] == [0.1, 0.9, None, None]
    assert measure_for(make_job(HERE)).of(challenger)["log_loss"] == pytest.approx(-math.log(0.9))


def test_without_scores_no_score_of_the_champions_is_left() -> None:
    """The champion's probabilities must not be taken for the challenger's."""
    compared = rows(4, score=0.9)
    assert all(row["score"] is None for row in challenged(Challenger(HERE, lambda _: [0] * 4), compared, "binary"))


@pytest.mark.parametrize(
    ("task", "given", "words"),
    [
        ("binary", [0.1, 0.2, 0.3, 1.2], "probabilities"),
        ("binary", [0.1, 0.2, 0.3, "x"], "probabilities"),
        ("binary", [0.1], "got 4 rows and gave 1"),
        ("multiclass", [0.1, 0.2, 0.3, 0.4], "dict of class to probability"),
        ("multiclass", [{"0": 2}] * 4, "probabilities"),
    ],
)
def test_unusable_scores_are_named(task: str, given: Any, words: str) -> None:
    """Scores that are no probabilities, or not of the task's shape."""
    with pytest.raises(RetrainError, match=words):
        challenged(Challenger(HERE, lambda _: [0, 1, 0, 1], scores=lambda _: given), rows(score=0.5), task)


def test_multiclass_scores_are_dicts_by_class() -> None:
    """Classes become text, as in the journal."""
    scored = Challenger(HERE, lambda _: [0, 1, 0, 1], scores=lambda _: [{0: np.float64(0.25), 1: 0.75}] * 4)
    found = challenged(scored, rows(scores={"0": 0.5, "1": 0.5}), "multiclass")
    assert found[0]["scores"] == {"0": 0.25, "1": 0.75}
