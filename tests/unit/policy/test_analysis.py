"""The analysis of conditions: what it finds, and that what it says is certain."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from streamproc.policy.analysis import Remark, analyse
from streamproc.policy.condition import compile_condition
from streamproc.policy.quantity import Quantity

KNOWN = {
    quantity.name: quantity
    for quantity in (
        Quantity("accuracy", "number", 0, 1, "higher"),
        Quantity("drift", "number", 0, better="lower"),
        Quantity("volume", "number"),
        Quantity("margin", "number", -0.5, 0.5),
        Quantity("champion.accuracy", "number", 0, 1, "higher"),
        Quantity("challenger.accuracy", "number", 0, 1, "higher"),
        Quantity("error_adwin", "flag"),
        Quantity("ph", "flag"),
    )
}


def remarks(text: str) -> tuple[Remark, ...]:
    """Analyse the text of a condition."""
    return analyse(compile_condition(text, KNOWN, {"threshold": 0.1}))


def kinds(text: str) -> list[str]:
    """Give the kinds of the remarks on a condition."""
    return [remark.kind for remark in remarks(text)]


@pytest.mark.parametrize(
    "text",
    [
        "accuracy > 1.5",
        "accuracy > 1",
        "accuracy < 0",
        "accuracy == 2",
        "1.5 < accuracy",
        "drift < 0",
        "not drift >= 0",
        "drift > 0.5 and drift < 0.2",
        "drift > 0.5 and drift <= 0.5",
        "drift == 0.5 and drift != 0.5",
        "drift == 0.5 and drift == 0.6",
        "0.5 < drift < 0.2",
        "drift > 0.5 and (error_adwin or ph) and drift < 0.2",
        "(drift > 0.5 or drift > 0.6) and drift < 0.2",
        "accuracy > 2 or drift < 0",
        "accuracy > 2 and error_adwin",
        "not (accuracy <= 1 or ph)",
        "1 > 2",
        "1 < 2 < 1",
        "false",
        "ph and false",
        "ph and not ph",
        "not (ph or not ph)",
        "(ph == error_adwin) and ph and not error_adwin",
        "accuracy + 0.2 > 1.5",
        "accuracy + 0.5 > 1.5",
        "0.2 - accuracy > 0.3",
        "accuracy * 2 > 2.5",
        "accuracy / -2 > 0",
        "drift + 0.1 > 0.5 and drift * 2 < 0.5",
        "drift * -2 < -1 and drift < 0.2",
        "1 - accuracy > 0.5 and accuracy > 0.6",
        "1 - accuracy > 0.5 and 2 - accuracy < 1.2",
        "volume > 1.7976931348623157e308",
        "margin * margin > 0.3",
        "challenger.accuracy > champion.accuracy + 1",
        "challenger.accuracy > champion.accuracy + 0.5 and challenger.accuracy < 0.4",
        "volume > drift and drift > 3 and volume < 2",
        "accuracy / 0 > 1",
        "accuracy * 0 > 1",
        "accuracy > threshold + 0.95",
    ],
)
def test_a_condition_that_can_never_be_true_is_found(text: str) -> None:
    """Ranges, contradictions, constants, chains, `not`, dead alternatives and linear arithmetic are all seen."""
    assert kinds(text) == ["never"]


@pytest.mark.parametrize(
    "text",
    [
        "accuracy < 1.5",
        "accuracy <= 1",
        "drift >= 0",
        "drift != -1",
        "not accuracy > 1",
        "0 <= accuracy <= 1",
        "1 < 2",
        "true",
        "ph or true",
        "ph or not ph",
        "accuracy < 0.5 or accuracy >= 0.5",
        "accuracy < 0.5 or accuracy > 0.4",
        "accuracy + 1 > 0.5",
        "volume > 0 or volume <= 0",
    ],
)
def test_a_condition_that_is_always_true_is_found(text: str) -> None:
    """A condition that no known value makes false would fire at every outcome."""
    assert kinds(text) == ["always"]


@pytest.mark.parametrize(
    "text",
    [
        "accuracy < 0.85",
        "accuracy < 0.85 or drift > 0.20",
        "drift > threshold",
        "accuracy <= 0",
        "accuracy == 1",
        "accuracy != 1",
        "accuracy + 0.5 <= 0.5",
        "margin + 0.1 > 0.3 and margin <= 0.2",  # 0.2 + 0.1 is 0.30000000000000004: true at 0.2
        "volume * 10 > 5",
        "volume * 1e300 * 1e300 > 5",
        "volume * 10 - volume * 10 < 1",
        "volume - volume > 0",  # beyond the analysis, which then says nothing
        "accuracy != accuracy",
        "1 / volume > 5",
        "1 / accuracy > 5 and accuracy < 0.1",
        "drift > 0.2 and drift < 0.5",
        "drift > 0.2 or drift < -1",
        "error_adwin and accuracy < 0.8",
        "challenger.accuracy > champion.accuracy + 0.01",
        " and ".join(f"(ph or drift > {i})" for i in range(1, 12)),
        " and ".join(f"(ph != (drift > {i}))" for i in range(1, 12)),
    ],
)
def test_nothing_is_said_of_a_sound_condition(text: str) -> None:
    """Sound conditions, and those that are too hard to judge, get no remark."""
    assert remarks(text) == ()


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("accuracy > 1.5", 0, "`accuracy > 1.5` can never be true: accuracy lies between 0 and 1"),
        ("ph and drift < 0", 7, "`drift < 0` can never be true: drift is never below 0"),
        ("not drift >= 0", 4, "`drift < 0` can never be true: drift is never below 0"),
        ("drift > 0.5 and drift < 0.2", 16, "`drift > 0.5` and `drift < 0.2` can never be true together"),
        ("ph and not ph", 11, "`ph` and `not ph` can never be true together"),
        ("1 > 2", 0, "`1 > 2` can never be true"),
        ("false", 0, "`false` can never be true"),
        ("drift >= 0", 0, "`drift >= 0` is always true once `drift` is known: drift is never below 0"),
        ("true", 0, "`true` is always true"),
    ],
)
def test_never_and_always_say_why(text: str, column: int, message: str) -> None:
    """The message names the terms to blame and the ranges they run into; the column points at them."""
    (remark,) = remarks(text)
    assert (remark.message, remark.column) == (message, column)


@pytest.mark.parametrize(
    ("text", "term", "instead", "column"),
    [
        ("accuracy > 0.90", "accuracy > 0.90", "accuracy < 0.90", 0),
        ("accuracy >= 0.90", "accuracy >= 0.90", "accuracy <= 0.90", 0),
        ("0.90 < accuracy", "0.90 < accuracy", "0.90 > accuracy", 0),
        ("drift < 0.1", "drift < 0.1", "drift > 0.1", 0),
        ("not accuracy < 0.9", "not accuracy < 0.9", "accuracy < 0.9", 4),
        ("not not accuracy > 0.9", "accuracy > 0.9", "accuracy < 0.9", 8),
        ("not (ph or drift > 0.1)", "not drift > 0.1", "drift > 0.1", 11),
        ("drift > 0.2 and accuracy > 0.9", "accuracy > 0.9", "accuracy < 0.9", 16),
        ("accuracy < 0.5 or accuracy > 0.9", "accuracy > 0.9", "accuracy < 0.9", 18),
        ("accuracy - threshold > 0.8", "accuracy - threshold > 0.8", "accuracy - threshold < 0.8", 0),
        ("1 - accuracy < 0.2", "1 - accuracy < 0.2", "1 - accuracy > 0.2", 0),
        ("accuracy * -2 < -1.8", "accuracy * -2 < -1.8", "accuracy * -2 > -1.8", 0),
        ("-drift > -0.1", "-drift > -0.1", "-drift < -0.1", 0),
    ],
)
def test_a_term_that_is_true_of_a_good_model_is_remarked(text: str, term: str, instead: str, column: int) -> None:
    """The direction is found under `not`, with the constant on either side and through arithmetic."""
    (remark,) = remarks(text)
    assert (remark.kind, remark.column) == ("when_good", column)
    assert remark.message.startswith(f"`{term}` is true when the model is good (")
    assert remark.message.endswith(f"is better); did you mean `{instead}`?")


def test_the_remark_names_the_good_direction() -> None:
    """The message for the textbook mistake, word for word."""
    (remark,) = remarks("accuracy > 0.90")
    assert remark.message == (
        "`accuracy > 0.90` is true when the model is good (accuracy: higher is better); did you mean `accuracy < 0.90`?"
    )


@pytest.mark.parametrize(
    "text",
    [
        "accuracy < 0.85 and accuracy > 0.5",
        "0.5 < accuracy < 0.85",
        "not (accuracy < 0.5 or accuracy > 0.85)",
        "accuracy == 0.9",
        "volume > 5",
        "not accuracy > 0.9",
        "challenger.accuracy > champion.accuracy",
    ],
)
def test_bands_and_quantities_without_a_direction_get_no_remark(text: str) -> None:
    """A quantity that is bounded on its bad side too is a band, and on purpose."""
    assert remarks(text) == ()


# --- certainty --------------------------------------------------------------------------------------------------------

CONSTANT = st.sampled_from(["0", "1", "0.1", "0.2", "0.3", "0.5", "1.5", "2", "-1", "10", "1e300", "5e-324"])
NAME = st.sampled_from(["accuracy", "drift", "volume", "margin"])
NUMERIC = st.recursive(
    NAME | CONSTANT,
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*/"), inner) | st.builds("-{}".format, inner)
    ),
    max_leaves=3,
)
RELATION = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
COMPARISON = st.builds("{} {} {}".format, NAME | NUMERIC, RELATION, CONSTANT | NUMERIC) | st.builds(
    "{} {} {} {} {}".format, CONSTANT, RELATION, NUMERIC, RELATION, CONSTANT
)
LOGICAL = st.recursive(
    COMPARISON | st.sampled_from(["ph", "error_adwin", "not ph", "true"]),
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner)
        | st.builds("not ({})".format, inner)
        | st.builds("({}) {} ({})".format, inner, st.sampled_from(["==", "!="]), inner)
    ),
    max_leaves=5,
)
EDGES = [0.0, 5e-324, 0.1, 0.2, 0.3, 0.30000000000000004, 0.5, 1.0]
VALUES = st.fixed_dictionaries(
    {
        "accuracy": st.sampled_from(EDGES) | st.floats(0, 1),
        "drift": st.sampled_from([*EDGES, 1.5, 2.0, 10.0, 1e308]) | st.floats(0, 1e308),
        "volume": st.sampled_from([*EDGES, -1.0, -1e308, 1e308, 1e8])
        | st.floats(allow_nan=False, allow_infinity=False),
        "margin": st.sampled_from([-0.5, -0.1, 0.0, 0.1, 0.2, 0.5]) | st.floats(-0.5, 0.5),
        "ph": st.booleans(),
        "error_adwin": st.booleans(),
    }
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(LOGICAL, st.lists(VALUES, min_size=5, max_size=20))
@example("margin + 0.1 > 0.3 and margin <= 0.2", [{"margin": 0.2}])
@example("(volume * 10) * 1e300 > 2", [{"volume": 1e-200}])
@example("drift - 1e300 > -1e300 and drift < 1", [{"drift": 0.5}])
def test_what_the_analysis_says_is_certain(text: str, samples: list[dict[str, Any]]) -> None:
    """No value within the ranges makes a "never" true or an "always" false."""
    condition = compile_condition(text, KNOWN)
    said = {remark.kind for remark in analyse(condition)}
    results = {condition.evaluate(values.get) for values in samples}
    assert not ("never" in said and True in results)
    assert not ("always" in said and False in results)


@settings(deadline=None)
@given(st.floats(0, 1), RELATION, st.sampled_from(["accuracy {r} {c}", "{c} {r} accuracy", "accuracy + 0.1 {r} {c}"]))
def test_the_bounds_of_a_single_name_are_exact(constant: float, relation: str, shape: str) -> None:
    """For one comparison the analysis is complete too: what it does not call "never" is true somewhere."""
    condition = compile_condition(shape.format(r=relation, c=repr(constant)), KNOWN)
    near = (constant, constant - 0.1, constant - 1e-9, constant + 1e-9, 0.5)
    candidates = {0.0, 1.0, *(min(max(value, 0.0), 1.0) for value in near)}
    possible = any(condition.evaluate({"accuracy": value}.get) for value in candidates)
    if "+" not in shape or relation not in {"==", "!="}:
        assert possible == ("never" not in {remark.kind for remark in analyse(condition)})
