"""Conditions in the user's own words, compiled once to closures: `accuracy < 0.85 or data_volume_increase > 0.20`.

The language is a safe subset of Python expressions: `and or not`, `< <= > >= == !=` and chains of them, `+ - * /`,
parentheses, numbers, `true` and `false`, and names, which may hold dots. There is one function: `at_least(2, a, b, c)`
is true when two of its conditions are.

The logic is Kleene's, with three values: true, false and None for "not known yet". A comparison with something that is
not known is not known; `None or true` is true, `None and false` is false, `not None` is None. A division by zero and a
number that is not finite are not known. Numbers are 64-bit floats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from types import MappingProxyType

from streamproc.policy.closures import Test, Value, Values, from_argument, from_getters, logical
from streamproc.policy.expression import parse
from streamproc.policy.quantity import Quantity
from streamproc.policy.tree import AtLeast, Compare, Every, Flag, Logical, Not, Number, Same, Some, Truth, named

_WHOLE = 1e15  # below it, whole numbers are shown with all their digits
_NO_PARAMETERS: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Term:
    """One comparison or flag of a condition, as evidence: its words, what its names stood at, what came out."""

    text: str
    values: tuple[tuple[str, Value], ...]
    result: bool | None
    filled: str = field(compare=False)  # `text` with each name followed by its value

    def __str__(self) -> str:
        """Say it in one line: `accuracy 0.8 < 0.85: true`."""
        return f"{self.filled}: {_word(self.result)}"


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition.

    `text` is the user's text with line breaks and runs of spaces made one space; `names` are the quantities in it, in
    order of first use, without parameters; `root` is its tree.
    """

    text: str
    names: tuple[str, ...]
    root: Logical = field(repr=False)
    _test: Test = field(repr=False, compare=False)
    _terms: tuple[tuple[str, Test], ...] = field(repr=False, compare=False)

    def evaluate(self, values: Values) -> bool | None:
        """Say whether the condition holds; None if that is not known. `values` gives None for what is not known yet."""
        return self._test(values)

    def bind(self, getters: Mapping[str, Callable[[], Value]]) -> Callable[[], bool | None]:
        """Give `evaluate` without an argument, with the getter of each name looked up now and never again.

        Raises KeyError if a name of the condition is not among `getters`.
        """
        return partial(logical(self.root, partial(from_getters, getters)), None)

    def results(self, values: Values) -> Iterator[tuple[str, bool | None]]:
        """Give the words and the result of each comparison and flag of the condition, those not needed included."""
        return ((text, test(values)) for text, test in self._terms)

    def evidence(self, values: Values) -> tuple[Term, ...]:
        """Give the same with the present values."""
        return tuple(self._term(node, values) for node in _leaves(self.root))

    def _term(self, node: Logical, values: Values) -> Term:
        shown = {name: from_argument(name)(values) for name in _names(node)}
        words, place = [], node.start
        for part in named(node):
            if isinstance(part, Flag):
                continue  # a term that is a flag has no other words, and its value is its result
            value = part.value if isinstance(part, Number) else shown[part.quantity.name]
            words.append(f"{self.text[place : part.end]} {_word(value)}")
            place = part.end
        filled = "".join(words) + self.text[place : node.end]
        result = logical(node, from_argument)(values)
        return Term(self.text[node.start : node.end], tuple(shown.items()), result, filled)


def compile_condition(
    text: str, known: Mapping[str, Quantity], parameters: Mapping[str, float] = _NO_PARAMETERS
) -> Condition:
    """Compile a condition whose names are all in `known` (by name) or in `parameters` (name to number).

    Raises ConditionError, with the column of `Condition.text` that is at fault and what to do instead.
    """
    return _compiled(" ".join(text.split()), tuple(known.items()), tuple(parameters.items()))


@lru_cache(maxsize=1000)
def _compiled(
    line: str, known: tuple[tuple[str, Quantity], ...], parameters: tuple[tuple[str, float], ...]
) -> Condition:
    """Once for thousands of models with the same conditions; it has no state."""
    root = parse(line, dict(known), dict(parameters))
    terms = tuple((line[node.start : node.end], logical(node, from_argument)) for node in _leaves(root))
    return Condition(line, tuple(_names(root)), root, logical(root, from_argument), terms)


def _leaves(node: Logical) -> Iterator[Logical]:
    match node:
        case Truth() | Flag() | Compare():
            yield node
        case Not(operand=operand):
            yield from _leaves(operand)
        case Same(left=left, right=right):
            yield from _leaves(left)
            yield from _leaves(right)
        case Every(parts=parts) | Some(parts=parts) | AtLeast(parts=parts):
            for part in parts:
                yield from _leaves(part)


def _names(node: Logical) -> dict[str, None]:
    return {part.quantity.name: None for part in named(node) if not isinstance(part, Number)}


def _word(value: Value) -> str:
    if value is None:
        return "unknown"
    if value is True or value is False:
        return "true" if value else "false"
    return f"{value:.0f}" if abs(value) < _WHOLE and value == int(value) else f"{value:.6g}"
