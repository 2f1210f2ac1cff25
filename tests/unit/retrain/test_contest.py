"""How often the gate lets a challenger pass that is no better, when it is the best of several."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from streamproc.config.retrain import Gate
from streamproc.retrain.api import Challenger, Row
from streamproc.retrain.contest import Trainer, contest
from streamproc.retrain.division import Division, divide
from streamproc.retrain.job import Span
from streamproc.retrain.paired import paired_test, pairs
from streamproc.retrain.score import challenged
from streamproc.retrain.window import read_window
from tests.unit.retrain.support import make_job, make_trigger, outcome, values_of

TRIALS = 120
CONTENDERS = 8
GATE = Gate(min_rows=40, confidence=0.9)
MOST = 23
"""Of 120 trials with a probability of 0.1 each, more than so many succeed less than once in a thousand times."""


def passes(trials: int, place: Path, *, same_rows: bool) -> int:
    """How many of so many best-of-eight challengers that guess pass the test against a champion that guesses."""
    passed = 0
    spans = tuple(Span(words=f"{n}", newest=200 + n) for n in range(CONTENDERS))
    for trial in range(trials):
        rng = random.Random(trial)
        records = [outcome(n, prediction=rng.randrange(2), label=rng.randrange(2)) for n in range(300)]
        job = make_job(place, spans=spans, gate=GATE)
        division = divide(job, read_window(values_of(records), "m", 1000, 300))
        if same_rows:
            division = replace(division, choosing=division.compared)
        chosen = best(division, place / f"{trial}", rng)
        errors = pairs(division.compared, challenged(chosen, division.compared, "binary"), "binary")
        passed += paired_test(errors, "binary").p_value <= 1 - (GATE.confidence or 0)
    return passed


def best(division: Division, directory: Path, rng: random.Random) -> Challenger:
    def guess(trigger: object, data: object) -> Challenger:
        answers = {f"p{n}": rng.randrange(2) for n in range(300)}

        def predict(rows: list[Row]) -> list[int]:
            return [answers[row["prediction_id"]] for row in rows]

        path = data.directory / "model"  # type: ignore[attr-defined]
        path.write_text("x")
        return Challenger(path, predict)

    trainer = Trainer("guess", guess, make_trigger(), "binary", lambda _: None, ())
    return contest(trainer, division, directory).chosen.challenger


@pytest.mark.parametrize("same_rows", [False, True])
def test_the_best_of_eight_guessers_passes_no_more_often_than_one(tmp_path: Path, *, same_rows: bool) -> None:
    """The test keeps its level on rows that chose nobody; on those that chose, it would let far more pass."""
    passed = passes(TRIALS, tmp_path, same_rows=same_rows)
    assert (passed > 1.5 * MOST) if same_rows else (passed <= MOST), passed
