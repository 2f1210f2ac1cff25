"""Paired comparison of two models on the same rows."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from scipy.stats import ttest_rel

from streamproc.config.retrain import Gate
from streamproc.retrain.gate import Judgement, unproven
from streamproc.retrain.paired import Paired, harmed, paired_test, pairs


def rows(*answers: Any, label: Any = 1, **more: Any) -> list[dict[str, Any]]:
    return [{"prediction": answer, "label": label, **more} for answer in answers]


def test_only_the_rows_on_which_they_differ_count() -> None:
    """McNemar: 6 against 0 of 106 rows is the same as of 6."""
    alike = [(0.0, 0.0)] * 100
    assert paired_test([*alike, *[(1.0, 0.0)] * 6], "binary").p_value == paired_test([(1.0, 0.0)] * 6, "binary").p_value


@pytest.mark.parametrize(
    ("better", "worse", "p"),
    [(6, 0, 0.5**7), (5, 1, (1 + 6 / 2) / 64), (3, 3, 0.5), (0, 6, 1 - 0.5**7), (0, 0, 1.0)],
)
def test_the_mid_p_value_of_mcnemars_test(better: int, worse: int, p: float) -> None:
    """The probability of more, and half of that of as many, by a fair coin: counted by hand."""
    found = paired_test([(1.0, 0.0)] * better + [(0.0, 1.0)] * worse, "binary")
    assert found.p_value == pytest.approx(p)
    assert (found.better, found.worse) == (better, worse)


def test_numbers_are_compared_by_students_paired_test() -> None:
    """As scipy's, of one side."""
    draw = Random(1)
    errors = [(draw.random(), draw.random() * 0.9) for _ in range(50)]
    expected = ttest_rel(*zip(*errors, strict=True), alternative="greater").pvalue
    assert paired_test(errors, "regression").p_value == pytest.approx(expected)


@pytest.mark.parametrize(
    ("errors", "p"),
    [
        ([(2.0, 1.0)] * 9, 0.5**10),
        ([(1.1 + n, 1.0 + n) for n in range(9)], 0.5**10),
        ([(1.0, 2.0)] * 9, 1 - 0.5**10),
        ([(1.0, 1.0)] * 9, 1.0),
        ([(2.0, 1.0)], 1.0),
        ([(2.0, 1.0)] * 2, 0.125),
    ],
)
def test_without_a_spread_the_signs_decide(errors: list[tuple[float, float]], p: float) -> None:
    """The same gain everywhere, but for its last digit, is as sure as as many heads of a coin: never certain."""
    assert paired_test(errors, "regression").p_value == pytest.approx(p)


def test_luck_passes_no_oftener_than_the_confidence_allows() -> None:
    """Two models that are equally good: of 2,000 comparisons at most a tenth, and some, pass at 0.9."""
    draw, passed = Random(7), 0
    for _ in range(2000):
        errors = [(float(draw.random() < 0.3), float(draw.random() < 0.3)) for _ in range(200)]
        passed += paired_test(errors, "binary").p_value <= 0.1
    assert 100 < passed < 240


def test_errors_are_wrong_answers_or_distances() -> None:
    """And what has none is left out."""
    assert pairs(rows(0, 1), rows(1, 1), "binary") == [(1.0, 0.0), (0.0, 0.0)]
    assert pairs(rows(1.5, "x"), rows(3.0, 1.0), "regression") == [(0.5, 2.0)]


def test_a_segment_that_gets_worse_is_named() -> None:
    """Of segment fields or features, if it has enough rows; the worst one first."""
    champion = [
        *rows(*[1] * 50, segments={"country": "de"}),
        *rows(*[0] * 50, segments={"country": "fr"}),
        *rows(*[1] * 5, segments={"country": "it"}),
    ]
    challenger = [{**row, "prediction": 0 if row["segments"]["country"] in ("de", "it") else 1} for row in champion]
    (harm,) = harmed(champion, challenger, "binary", ["country"], bound=0.02, min_rows=20, confidence=0.9)
    assert (harm.segment, harm.rows, harm.champion, harm.challenger) == ("country=de", 50, 0.0, 1.0)
    assert not harmed(champion, challenger, "binary", ["plan"], bound=0.02, min_rows=20, confidence=0.9)


def test_of_a_regression_the_bound_is_a_share_of_the_error() -> None:
    """Errors have no unit of their own that a bound could be in."""
    champion, challenger = rows(*[11.0] * 30, features={"x": "a"}), rows(*[11.5] * 30, features={"x": "a"})
    assert not harmed(champion, challenger, "regression", ["x"], bound=0.06, min_rows=10, confidence=0.9)
    assert harmed(champion, challenger, "regression", ["x"], bound=0.04, min_rows=10, confidence=0.9)


def country(name: str, champion: int, challenger: int, both: int = 90) -> tuple[list[Any], list[Any]]:
    """Rows of a country: so many that only the champion has right, only the challenger, and both."""
    answers = [(1, 0)] * champion + [(0, 1)] * challenger + [(1, 1)] * both
    theirs, ours = zip(*answers, strict=True)
    return rows(*theirs, segments={"country": name}), rows(*ours, segments={"country": name})


def test_a_segment_that_got_worse_by_luck_is_no_harm() -> None:
    """Three rows of 97 more are 3 % and p = 0.25; eight to none are no luck. Without a confidence both count."""
    lucky, harmed_one = country("de", champion=5, challenger=2), country("fr", champion=8, challenger=0)
    champion, challenger = lucky[0] + harmed_one[0], lucky[1] + harmed_one[1]

    def found(confidence: float | None) -> list[str]:
        harms = harmed(champion, challenger, "binary", ["country"], bound=0.02, min_rows=50, confidence=confidence)
        return [harm.segment for harm in harms]

    assert found(0.9) == ["country=fr"]
    assert found(None) == ["country=fr", "country=de"]


def test_equal_models_are_seldom_said_to_harm_a_segment() -> None:
    """Of 1,000 segments of 100 rows, with a bound of 2 %: the point estimates alone would say it of a third."""
    draw = Random(3)

    def share(confidence: float | None) -> float:
        found = 0
        for _ in range(1000):
            ours, theirs = (rows(*[int(draw.random() < 0.8) for _ in range(100)], segments={"c": 1}) for _ in "ab")
            found += bool(harmed(theirs, ours, "binary", ["c"], bound=0.02, min_rows=50, confidence=confidence))
        return found / 1000

    assert share(None) > 0.3
    assert share(0.9) <= 0.12


PASSED = Judgement(passed=True, reason="passed the gate on 90 rows: challenger.accuracy 0.8 > champion.accuracy 0.7")


def test_what_may_be_luck_does_not_pass() -> None:
    """And the reason holds the figures."""
    judged = unproven(PASSED, Gate(), Paired("McNemar's test", 90, 12, 8, 0.19), [])
    assert not judged.passed
    assert "12 rows better, 8 worse, p = 0.19; gate.confidence asks for at most 0.1" in judged.reason


def test_the_condition_alone_decides_if_that_is_asked_for() -> None:
    """`confidence: null`."""
    assert unproven(PASSED, Gate(confidence=None), Paired("McNemar's test", 90, 12, 8, 0.19), []).passed


def test_what_did_not_meet_the_condition_is_not_looked_at_again() -> None:
    """Its reason stays."""
    failed = Judgement(passed=False, reason="no")
    assert unproven(failed, Gate(), Paired("McNemar's test", 90, 12, 8, 0.19), []) is failed
