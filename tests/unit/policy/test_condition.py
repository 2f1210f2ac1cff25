"""Conditions: what they mean, what is refused and with which advice, and the evidence they give."""

# ruff: noqa: RUF001 - characters that look like others are among what is refused

from __future__ import annotations

import math
import operator
from functools import partial
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamproc.errors import ConditionError
from streamproc.policy.condition import Condition, compile_condition
from streamproc.policy.quantity import Quantity

KNOWN = {
    quantity.name: quantity
    for quantity in (
        Quantity("accuracy", "number", 0, 1, "higher"),
        Quantity("drift", "number", 0, better="lower"),
        Quantity("data_volume_increase", "number"),
        Quantity("volume", "number", 0),
        Quantity("champion.accuracy", "number", 0, 1, "higher"),
        Quantity("challenger.accuracy", "number", 0, 1, "higher"),
        Quantity("feature.class", "number"),
        Quantity("feature.größe", "number"),
        Quantity("error_adwin", "flag"),
        Quantity("ph", "flag"),
    )
}


def evaluate(text: str, **values: Any) -> bool | None:
    """Evaluate a condition; a double underscore in a keyword stands for a dot."""
    known = {name.replace("__", "."): value for name, value in values.items()}
    return compile_condition(text, KNOWN).evaluate(known.get)


# --- meaning ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("accuracy < 0.85 or data_volume_increase > 0.20", {"accuracy": 0.8, "data_volume_increase": 0.1}, True),
        ("accuracy < 0.85 or data_volume_increase > 0.20", {"accuracy": 0.9, "data_volume_increase": 0.3}, True),
        ("accuracy < 0.85 or data_volume_increase > 0.20", {"accuracy": 0.9, "data_volume_increase": 0.1}, False),
        ("accuracy > 0.90", {"accuracy": 0.8}, False),
        ("drift > 0.10", {"drift": 0.10}, False),
        ("drift >= 0.10", {"drift": 0.10}, True),
        ("drift == 0.5", {"drift": 0.5}, True),
        ("drift != 0.5", {"drift": 0.5}, False),
        ("0.1 < drift < 0.3", {"drift": 0.2}, True),
        ("0.1 < drift < 0.3", {"drift": 0.3}, False),
        ("0.1 < drift <= 0.3 < volume", {"drift": 0.3, "volume": 0.4}, True),
        ("volume > 1_000", {"volume": 1000.5}, True),
        ("volume > 1e3", {"volume": 999}, False),
        ("drift > .5", {"drift": 0.6}, True),
        ("drift > -1", {"drift": 0.0}, True),
        ("-drift < -0.5", {"drift": 0.6}, True),
        ("+drift > 0.5", {"drift": 0.6}, True),
        ("drift + 1 > 1.5", {"drift": 0.6}, True),
        ("drift - volume * 2 == -3", {"drift": 1.0, "volume": 2.0}, True),
        ("(drift - volume) * 2 == -2", {"drift": 1.0, "volume": 2.0}, True),
        ("volume / 4 / 2 == 1", {"volume": 8}, True),
        (
            "challenger.accuracy > champion.accuracy + 0.01",
            {"challenger__accuracy": 0.9, "champion__accuracy": 0.8},
            True,
        ),
        ("feature.class > 1 and feature.größe < 2", {"feature__class": 2, "feature__größe": 1}, True),
        ("error_adwin", {"error_adwin": True}, True),
        ("error_adwin and accuracy < 0.8", {"error_adwin": True, "accuracy": 0.7}, True),
        ("not error_adwin", {"error_adwin": True}, False),
        ("not error_adwin and ph", {"error_adwin": False, "ph": True}, True),
        ("not (error_adwin and ph)", {"error_adwin": False, "ph": True}, True),
        ("error_adwin == ph", {"error_adwin": False, "ph": False}, True),
        ("error_adwin != ph", {"error_adwin": False, "ph": False}, False),
        ("error_adwin == true", {"error_adwin": True}, True),
        ("(accuracy < 0.8) == (drift > 0.1)", {"accuracy": 0.9, "drift": 0.0}, True),
        ("true", {}, True),
        ("False or True", {}, True),
        ("accuracy < 0.5 or drift > 1 and volume > 1", {"accuracy": 0.4, "drift": 0, "volume": 0}, True),
    ],
)
def test_conditions_mean_what_they_mean_in_python(text: str, values: dict[str, Any], expected: object) -> None:
    """Relations, chains, precedence, arithmetic, flags and dotted names give what Python would give."""
    assert evaluate(text, **values) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("accuracy < 0.8", None),
        ("not accuracy < 0.8", None),
        ("accuracy < 0.8 or true", True),
        ("true or accuracy < 0.8", True),
        ("accuracy < 0.8 or false", None),
        ("false or accuracy < 0.8", None),
        ("accuracy < 0.8 and false", False),
        ("false and accuracy < 0.8", False),
        ("accuracy < 0.8 and true", None),
        ("true and accuracy < 0.8", None),
        ("error_adwin", None),
        ("error_adwin == ph", None),
        ("accuracy * 0 == 0", None),
        ("-accuracy < 1", None),
        ("accuracy == accuracy", None),
        ("2 < 1 < accuracy", False),
        ("1 < 2 < accuracy", None),
    ],
)
def test_a_value_that_is_not_known_matters_only_where_it_decides(text: str, expected: object) -> None:
    """Kleene's three-valued logic: None is neither true nor false, and is decided only by the other side."""
    assert evaluate(text) is expected


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_counts_as_not_known(value: float) -> None:
    """No comparison is ever made with NaN or infinity, be it read or computed."""
    assert evaluate("drift > 0.1 or drift <= 0.1", drift=value) is None
    assert evaluate("drift != 0.1", drift=value) is None
    assert evaluate("drift * 10 > 1", drift=1e308) is None
    assert evaluate("error_adwin", error_adwin=value) is None


def test_arithmetic_without_a_result_gives_none() -> None:
    """Division by zero, and an integer too large for a float, are not known instead of an error."""
    assert evaluate("1 / drift > 0", drift=0) is None
    assert evaluate("1 / drift > 0", drift=0.0) is None
    assert evaluate("drift / 0 > 0", drift=1.0) is None
    assert evaluate("drift + 1 > 0", drift=10**400) is None


def test_numbers_of_numpy_give_pythons_own_booleans() -> None:
    """A bool of numpy is neither True nor False by identity; results are always Python's."""
    numpy = pytest.importorskip("numpy")
    value = numpy.float64(0.2)
    assert evaluate("drift > 0.1", drift=value) is True
    assert evaluate("not drift > 0.1 or drift + 1 > 5", drift=value) is False
    assert evaluate("1 / drift > 0", drift=numpy.float64(0)) is None
    assert evaluate("error_adwin", error_adwin=numpy.bool_(True)) is True


NUMBERS = st.sampled_from(["accuracy", "drift", "volume", "0", "1", "0.5", "2.25", "1_0", "-3"])
FLAGS = st.sampled_from(["error_adwin", "ph", "true", "False"])


def _numeric(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds("({} {} {})".format, children, st.sampled_from("+-*/"), children) | st.builds(
        "-{}".format, children
    )


NUMERIC = st.recursive(NUMBERS, _numeric, max_leaves=4)
RELATION = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
COMPARISON = st.builds("{} {} {}".format, NUMERIC, RELATION, NUMERIC) | st.builds(
    "{} {} {} {} {}".format, NUMERIC, RELATION, NUMERIC, RELATION, NUMERIC
)


def _logical(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    joint = st.sampled_from(["and", "or"])
    return (
        st.builds("{} {} {}".format, children, joint, children)
        | st.builds("({} {} {})".format, children, joint, children)
        | st.builds("not {}".format, children)
        | st.builds("({}) {} ({})".format, children, st.sampled_from(["==", "!="]), children)
    )


LOGICAL = st.recursive(COMPARISON | FLAGS, _logical, max_leaves=6)
VALUES = st.fixed_dictionaries(
    {
        "accuracy": st.sampled_from([0.0, 0.25, 0.5, 1.0]),
        "drift": st.sampled_from([0.0, 0.5, 3.0]),
        "volume": st.sampled_from([-1.0, 0.0, 1.0, 10.0]),
        "error_adwin": st.booleans(),
        "ph": st.booleans(),
    }
)


@given(LOGICAL, VALUES)
def test_with_all_values_known_a_condition_is_what_python_makes_of_it(text: str, values: dict[str, Any]) -> None:
    """Python's own eval is the reference, wherever it gives a result."""
    try:
        expected = eval(text, {"__builtins__": {}, "true": True}, values)  # noqa: S307 - text is made above
    except ZeroDivisionError:
        return
    assert evaluate(text, **values) is expected


@given(LOGICAL, VALUES, st.sets(st.sampled_from(["accuracy", "drift", "volume", "error_adwin", "ph"])))
def test_what_is_decided_without_a_value_stays_decided(text: str, values: dict[str, Any], unknown: set[str]) -> None:
    """A result that is not None never changes when an unknown value becomes known."""
    condition = compile_condition(text, KNOWN)
    early = condition.evaluate(lambda name: None if name in unknown else values[name])
    late = condition.evaluate(values.get)
    if early is not None and late is not None:
        assert early is late


@given(st.tuples(st.sampled_from([True, False, None]), st.sampled_from([True, False, None])))
def test_and_or_not_follow_kleenes_tables(pair: tuple[bool | None, bool | None]) -> None:
    """`and` is the minimum and `or` the maximum of false < unknown < true, and `not` turns that round."""
    rank: dict[bool | None, int] = {False: 0, None: 1, True: 2}
    back = {place: value for value, place in rank.items()}
    values = dict(zip(("error_adwin", "ph"), pair, strict=True))
    ranks = [rank[value] for value in pair]
    assert evaluate("error_adwin and ph", **values) is back[min(ranks)]
    assert evaluate("error_adwin or ph", **values) is back[max(ranks)]
    assert evaluate("not error_adwin", **values) is back[2 - ranks[0]]


# --- the compiled object ----------------------------------------------------------------------------------------------


def test_names_are_in_order_of_first_use_and_without_parameters() -> None:
    """`names` is what a monitor must provide; a parameter is a number already."""
    condition = compile_condition("drift > t or accuracy < 1 - drift and error_adwin", KNOWN, {"t": 0.1})
    assert condition.names == ("drift", "accuracy", "error_adwin")


def test_a_parameter_stands_for_its_number() -> None:
    """The textbook policy `drift > threshold` fires at 0.10 for the third and the fifth of its five values."""
    condition = compile_condition("drift > threshold", KNOWN, {"threshold": 0.10})
    fired = [condition.evaluate({"drift": drift}.get) for drift in (0.02, 0.05, 0.12, 0.03, 0.15)]
    assert fired == [False, False, True, False, True]


def test_text_over_several_lines_is_one_condition() -> None:
    """A condition may be folded as YAML allows; `text` is one line, to which all columns refer."""
    condition = compile_condition("\n  accuracy < 0.85\n\tor   drift > 0.2\r\n", KNOWN)
    assert condition.text == "accuracy < 0.85 or drift > 0.2"
    assert condition.evaluate({"accuracy": 0.8}.get) is True


def test_a_condition_is_immutable_and_equal_by_its_text_and_tree() -> None:
    """Two compilations of the same words are the same condition, unless their parameters differ."""
    condition = compile_condition("drift > t", KNOWN, {"t": 0.1})
    assert condition == compile_condition("drift  > t", KNOWN, {"t": 0.1})
    assert condition != compile_condition("drift > t", KNOWN, {"t": 0.2})
    with pytest.raises(AttributeError):
        condition.text = "drift > 1"  # type: ignore[misc]


def test_bind_reads_its_getters_anew_at_each_call() -> None:
    """A bound condition takes no argument and follows its getters."""
    values: dict[str, float | bool | None] = {"drift": 0.0, "error_adwin": None}
    getters = {name: partial(values.get, name) for name in values}
    bound = compile_condition("drift > 0.1 and error_adwin", KNOWN).bind(getters)
    assert bound() is False
    values["drift"] = 0.2
    assert bound() is None
    values["error_adwin"] = True
    assert bound() is True
    values["drift"] = math.nan
    assert bound() is None


def test_bind_wants_every_name() -> None:
    """A missing getter is found when binding, not at the first outcome."""
    with pytest.raises(KeyError, match="drift"):
        compile_condition("drift > 0.1", KNOWN).bind({})


@given(LOGICAL, VALUES)
def test_bind_and_evaluate_agree(text: str, values: dict[str, Any]) -> None:
    """There is one meaning, whichever way the values come."""
    condition = compile_condition(text, KNOWN)
    getters = {name: partial(values.get, name) for name in condition.names}
    assert condition.bind(getters)() is condition.evaluate(values.get)


# --- evidence ---------------------------------------------------------------------------------------------------------


def test_evidence_shows_each_comparison_with_its_values() -> None:
    """Evidence is complete (no short cut), in the order of the text, and readable in one line each."""
    text = "accuracy < 0.85 or not (drift - 0.1 > threshold) and error_adwin or 0 < volume <= 10"
    condition = compile_condition(text, KNOWN, {"threshold": 0.25})
    values = {"accuracy": 0.8, "drift": None, "error_adwin": True, "volume": 1234567.0}
    terms = condition.evidence(values.get)
    assert [str(term) for term in terms] == [
        "accuracy 0.8 < 0.85: true",
        "drift unknown - 0.1 > threshold 0.25: unknown",
        "error_adwin: true",
        "0 < volume 1234567 <= 10: false",
    ]
    assert terms[0].text == "accuracy < 0.85"
    assert terms[0].values == (("accuracy", 0.8),)
    assert terms[1].values == (("drift", None),)
    assert [term.result for term in terms] == [True, None, True, False]


def test_evidence_of_a_value_that_is_not_finite_says_unknown() -> None:
    """What the condition took for unknown is shown as unknown."""
    (term,) = compile_condition("drift > 0.1", KNOWN).evidence({"drift": math.nan}.get)
    assert (str(term), term.values) == ("drift unknown > 0.1: unknown", (("drift", None),))


@given(LOGICAL, VALUES)
def test_evidence_can_be_given_for_every_condition(text: str, values: dict[str, Any]) -> None:
    """Each term is a piece of the text, and the names of all terms are the names of the condition."""
    condition = compile_condition(text, KNOWN)
    terms = condition.evidence(values.get)
    assert terms
    assert all(term.text in condition.text for term in terms)
    assert {name for term in terms for name, _ in term.values} == set(condition.names)


# --- what is refused --------------------------------------------------------------------------------------------------


def refuse(text: str, parameters: dict[str, float] | None = None) -> ConditionError:
    """Give the error that `text` is refused with."""
    with pytest.raises(ConditionError) as caught:
        compile_condition(text, KNOWN, parameters or {})
    return caught.value


@pytest.mark.parametrize(
    ("text", "column", "advice"),
    [
        ("drift > 0.1 && ph", 12, "write `and` instead of `&&`"),
        ("drift > 0.1 || ph", 12, "write `or` instead of `||`"),
        ("drift > 0.1 & ph", 12, "write `and`"),
        ("!ph", 0, "write `not` instead of `!`"),
        ("drift = 0.1", 6, "write `==` to compare"),
        ("drift === 0.1", 6, "write `==`"),
        ("drift => 0.1", 6, "write `>=`"),
        ("drift =< 0.1", 6, "write `<=`"),
        ("drift <> 0.1", 6, "write `!=`"),
        ("drift ≥ 0.1", 6, "write `>=` instead of `≥`"),
        ("drift ≤ 0.1", 6, "write `<=` instead of `≤`"),
        ("drift ≠ 0.1", 6, "write `!=` instead of `≠`"),
        ("drift > −0.1", 8, "write `-` instead of `−`"),
        ("drift × 2 > 1", 6, "write `*` instead of `×`"),
        ("ph AND drift > 1", 3, "write `and` instead of `AND`"),
        ("Not ph", 0, "write `not` instead of `Not`"),
        ("ph == TRUE", 6, "write `true` instead of `TRUE`"),
        ("drift > 20%", 10, "write 0.2 for 20%"),
        ("drift > 2.5 %", 12, "write 0.025 for 2.5%"),
        ("volume % 2 == 0", 7, "write 0.2 for 20%"),
        ("abs(drift) > 1", 0, "functions cannot be called"),
        ("ph (drift > 1)", 0, "functions cannot be called"),
        ("'drift' > 1", 0, "names stand without quotes"),
        ("drift > “1”", 8, "names stand without quotes"),
        ("feature['class'] > 1", 7, "named with a dot"),
        ("[d for d in drift]", 0, "not part of conditions"),
        ("{{ drift }} > 1", 0, "without braces"),
        ("lambda: drift > 1", 0, "functions are not part of conditions"),
        ("(x := 1) > 0", 3, "nothing can be assigned"),
        ("drift > 1 if ph else ph", 10, "write `and`"),
        ("drift in volume", 6, "two comparisons"),
        ("ph is true", 3, "write `==`"),
        ("drift != None", 9, "unknown by itself"),
        ("await drift", 0, "not part of conditions"),
        ("drift ** 2 > 1", 6, "powers"),
        ("drift // 2 > 1", 6, "write `/`"),
        ("drift << 2 > 1", 6, "write one `<`"),
        ("drift > 0,5", 9, "decimal point"),
        ("drift > 0.5 # low", 12, "outside"),
        ("drift > 0.5; ph", 11, "join them"),
        ("drift > 5m", 8, "without a unit"),
        ("drift > 0x10", 8, "plain digits"),
        ("drift > 1__0", 8, "plain digits"),
        ("drift > 1.2.3", 8, "plain digits"),
        ("drift > 1j", 8, "plain digits"),
        ("drift > 1e999", 8, "too large"),
        ("drift > 0.1 ?", 12, "`?` is not part of conditions"),
        ("drift\u200b > 1", 5, "ZERO WIDTH SPACE"),
        ("drift > \x00", 8, "U+0000"),
        ("drift > \ud800", 8, "U+D800"),
        ("(drift > 1", 0, "never closed"),
        ("drift > 1)", 9, "never opened"),
        ("ph and ()", 7, "nothing stands between"),
        ("drift >", 6, "missing after `>`"),
        ("> 1", 0, "missing before `>`"),
        ("accuracy < 0.8 and > 0.5", 19, "write the name again"),
        ("ph and or ph", 7, "missing before `or`"),
        ("accuracy 0.8", 9, "missing between `accuracy` and `0.8`"),
        ("ph ph", 3, "missing between"),
        ("ph == not ph", 6, "write `(not ...)`"),
        ("drift . amount > 1", 6, "`.` is not part of conditions"),
    ],
)
def test_what_is_not_in_the_language_is_refused_with_its_place_and_advice(text: str, column: int, advice: str) -> None:
    """Every habit from another language gets the column at fault and the words to write instead."""
    error = refuse(text)
    assert (error.column, error.text) == (column, text)
    assert advice in error.message


@pytest.mark.parametrize(
    ("text", "column", "advice"),
    [
        ("accuracy", 0, "compare it, for example `accuracy < 0.85`"),
        ("drift", 0, "compare it, for example `drift > 100`"),
        ("ph and accuracy and drift > 1", 7, "`accuracy` is a number, neither true nor false"),
        ("not drift", 4, "neither true nor false"),
        ("1", 0, "cannot stand by itself"),
        ("accuracy < 0.5 or 0.9", 18, "repeat the name"),
        ("drift + 1", 0, "neither true nor false"),
        ("threshold", 0, "neither true nor false"),
        ("ph > 0.5", 0, "`ph` is a flag, true or false, not a number: write `ph` or `not ph` by itself"),
        ("1 == ph", 5, "`ph` is a flag"),
        ("ph + 1 > 2", 0, "`ph` is a flag"),
        ("-ph > 2", 1, "`ph` is a flag"),
        ("true > 2", 0, "is true or false"),
        ("(drift > 1) + 1 > 2", 1, "`drift > 1` is true or false, and a number is needed"),
        ("ph < error_adwin", 0, "have no order"),
        ("ph == error_adwin == ph", 0, "two by two"),
    ],
)
def test_wrong_types_are_refused(text: str, column: int, advice: str) -> None:
    """A number is no truth value, a truth value is no number, and the message says what to write."""
    error = refuse(text, {"threshold": 0.1})
    assert error.column == column
    assert advice in error.message


def test_unknown_names_get_a_suggestion_and_a_bounded_list() -> None:
    """A misspelt name is shown with the nearest known ones, and with no more than twenty others."""
    error = refuse("accuracy < 1 and drfit > 0.1")
    assert error.column == 17
    assert "did you mean `drift`?" in error.message
    assert "champion.accuracy" in error.message
    assert "did you mean `accuracy`" in refuse("Accuracy < 1").message
    assert "did you mean `threshold`" in refuse("drift > treshold", {"threshold": 1}).message
    assert "CYRILLIC SMALL LETTER A" in refuse("аccuracy < 1").message
    many = {f"metric_{i}": Quantity(f"metric_{i}", "number") for i in range(1000)}
    with pytest.raises(ConditionError, match="and 980 more\n") as caught:
        compile_condition("zebra > 1", many)
    assert len(caught.value.message) < 500
    with pytest.raises(ConditionError, match="known names are none"):
        compile_condition("zebra > 1", {})


def test_parameters_must_be_numbers_with_names_of_their_own() -> None:
    """A parameter that hides a metric, or that is not a finite number, is refused where it is used."""
    assert "rename the parameter" in refuse("drift > 1", {"drift": 1.0}).message
    assert "give it a number" in refuse("drift > t", {"t": math.nan}).message
    assert "give it a number" in refuse("drift > t", {"t": True}).message


@pytest.mark.parametrize("text", ["", "   ", "\n\n"])
def test_empty_text_is_refused(text: str) -> None:
    """No condition at all is a mistake that gets an example."""
    assert "is empty" in refuse(text).message


@pytest.mark.parametrize(
    "text",
    [
        "drift > 1 and " * 80 + "ph",
        "(" * 51 + "ph" + ")" * 51,
        "not " * 60 + "ph",
        "-" * 60 + "drift > 1",
        "+" * 990 + "drift > 1",
        "drift" + " + 1" * 60 + " > 1",
        "(" * 1000,
    ],
)
def test_long_and_deep_text_is_refused(text: str) -> None:
    """Neither length nor depth can exhaust anything."""
    message = refuse(text).message
    assert "limit" in message or "deep" in message or "within each other" in message


def test_wide_conditions_are_not_deep() -> None:
    """A list of many comparisons is fine: only nesting counts as depth."""
    text = " or ".join(f"drift == {i}" for i in range(60))
    assert evaluate(text, drift=59) is True
    assert evaluate(text, drift=60) is False


@given(st.text(max_size=60))
@example("(")
@example("١ < drift")
@example("x²")
def test_any_text_gives_a_condition_or_a_condition_error(text: str) -> None:
    """No text whatsoever raises anything else, and the column is always inside the text."""
    _compiles_or_refuses(text)


WORDS = [
    "drift",
    "ph",
    "0.5",
    "(",
    ")",
    "and",
    "or",
    "not",
    "<",
    "==",
    "-",
    "+",
    "*",
    "/",
    "true",
    "1.",
    ".",
    "if",
    "%",
    "=",
]


@given(st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join))
def test_any_order_of_words_gives_a_condition_or_a_condition_error(text: str) -> None:
    """What passes the scan of words is also what Python's parser takes; the advice is never the general one."""
    error = _compiles_or_refuses(text)
    assert error is None or "this is not a condition" not in error.message


def _compiles_or_refuses(text: str) -> ConditionError | None:
    try:
        condition = compile_condition(text, KNOWN)
    except ConditionError as error:
        refused = error
    else:
        assert isinstance(condition, Condition)
        assert condition.evaluate(lambda _: None) in {True, False, None}
        return None
    assert 0 <= refused.column <= len(refused.text)
    return refused


def test_the_error_marks_its_column() -> None:
    """The message shows the condition with a caret under the place at fault."""
    lines = str(refuse("accuracy < 0.8 or drfit > 1")).splitlines()
    assert lines[-2].index("drfit") == lines[-1].index("^")


@pytest.mark.parametrize("relation", ["<", "<=", ">", ">=", "==", "!="])
@pytest.mark.parametrize("shape", ["drift {} 0.5", "0.5 {} drift", "drift {} volume"])
def test_every_relation_in_every_shape(relation: str, shape: str) -> None:
    """The short cuts for a constant on the left or right mean the same as the general case."""
    holds = {
        "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne
    }[relation]  # fmt: skip
    for value in (0.4, 0.5, 0.6):
        expected = holds(0.5, value) if shape.startswith("0.5") else holds(value, 0.5)
        assert evaluate(shape.format(relation), drift=value, volume=0.5) is expected
