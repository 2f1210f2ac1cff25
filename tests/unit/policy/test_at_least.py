"""`at_least(k, ...)`: k of n detectors, or of any conditions."""

from __future__ import annotations

from itertools import product

import pytest

from streamproc.errors import ConditionError
from streamproc.policy.analysis import analyse
from streamproc.policy.condition import compile_condition
from streamproc.policy.quantity import Quantity

KNOWN = {name: Quantity(name, "flag") for name in ("a", "b", "c")}
KNOWN |= {"accuracy": Quantity("accuracy", "number", 0, 1, "higher")}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_it_is_what_it_says_with_unknown_values_too(count: int) -> None:
    """True if so many are; false if so many cannot be any more, whatever the unknown ones are; else unknown."""
    condition = compile_condition(f"at_least({count}, a, b, c)", KNOWN)
    for values in product([True, False, None], repeat=3):
        may_be = {sum(x if x is not None else fill for x in values) >= count for fill in (False, True)}
        expected = may_be.pop() if len(may_be) == 1 else None
        assert condition.evaluate(dict(zip("abc", values, strict=True)).get) is expected


def test_it_stands_wherever_a_condition_may() -> None:
    """Within others, with others in it, negated; every part is evidence."""
    condition = compile_condition("accuracy < 0.9 and not at_least(2, a, not b, at_least(1, c, accuracy < 0.5))", KNOWN)
    values = {"a": False, "b": False, "c": False, "accuracy": 0.8}
    assert condition.evaluate(values.get) is True
    assert condition.names == ("accuracy", "a", "b", "c")
    assert [term.text for term in condition.evidence(values.get)] == ["accuracy < 0.9", "a", "b", "c", "accuracy < 0.5"]


@pytest.mark.parametrize(
    ("text", "column", "advice"),
    [
        ("at_least(4, a, b)", 9, "from 1 to the number of conditions"),
        ("at_least(0, a, b)", 9, "from 1 to the number of conditions"),
        ("at_least(a, b)", 9, "first how many"),
        ("at_least(1)", 9, "from 1 to the number of conditions"),
        ("at_least(2, a, accuracy)", 15, "is a number, neither true nor false"),
        ("at_least(1, (a, b))", 14, "a comma is not part"),
        ("at_least(1, a) or (b, c)", 20, "a comma is not part"),
        ("at_least(2, a,)", 14, "a value is missing"),
        ("at_most(2, a, b)", 0, "functions cannot be called"),
    ],
)
def test_what_it_does_not_take(text: str, column: int, advice: str) -> None:
    """Each with the column, and what to write."""
    with pytest.raises(ConditionError) as caught:
        compile_condition(text, KNOWN)
    assert caught.value.column == column
    assert advice in caught.value.message


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("at_least(2, accuracy > 2, accuracy < 0, a)", "never"),
        ("at_least(1, accuracy <= 1, a)", "always"),
        ("at_least(2, accuracy > 0.9, a)", "when_good"),
    ],
)
def test_it_is_seen_through(text: str, kind: str) -> None:
    """`check` finds in it what it finds elsewhere."""
    assert [remark.kind for remark in analyse(compile_condition(text, KNOWN))] == [kind]
