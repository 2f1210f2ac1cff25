"""Condition text -> typed tree.

Python's own parser gives the shape, so that precedence and chains mean what they mean in Python; nothing is ever run.
It is shown the text with each name and number masked by letters or zeros of the same length: places are then the same,
`feature.class` is a name like any other, and names and numbers are read from the user's own text.
"""

from __future__ import annotations

import ast
import difflib
import unicodedata
from collections.abc import Mapping
from math import isfinite

from streamproc.errors import ConditionError
from streamproc.policy.quantity import Quantity
from streamproc.policy.scan import AT_LEAST, MAX_DEPTH, scan
from streamproc.policy.tree import (
    Arithmetic,
    AtLeast,
    Compare,
    Every,
    Flag,
    Logical,
    Negative,
    Node,
    Not,
    Number,
    Numeric,
    Reading,
    Relation,
    Same,
    Sign,
    Some,
    Truth,
)

_RELATIONS: dict[type[ast.cmpop], Relation] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip
_SIGNS: dict[type[ast.operator], Sign] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_NAMES_SHOWN = 20


def parse(text: str, known: Mapping[str, Quantity], parameters: Mapping[str, float]) -> Logical:
    """Give the tree of a condition without line breaks and without spaces around it.

    Raises ConditionError: not in the language, an unknown name, a wrong type, too deep.
    """
    masked = [" "] * len(text)
    for token in scan(text):
        filler = {"name": "x", "number": "0"}.get(token.kind)
        masked[token.start : token.end] = filler * len(token.text) if filler else token.text
    try:
        tree = ast.parse("".join(masked), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConditionError("this is not a condition: write one such as `accuracy < 0.85`", text) from error
    typing = _Typing(text, known, parameters)
    return typing.logical(tree.body, 1)


class _Typing:
    """Turns Python's tree into ours, and refuses what does not fit together."""

    def __init__(self, text: str, known: Mapping[str, Quantity], parameters: Mapping[str, float]) -> None:
        self._text, self._known, self._parameters = text, known, parameters

    def logical(self, node: ast.expr, depth: int) -> Logical:
        """Give `node` where a truth value is asked for."""
        typed = self._any(node, depth)
        if isinstance(typed, Number | Reading | Negative | Arithmetic):
            raise self._error(self._compare_advice(typed), typed.start)
        return typed

    def numeric(self, node: ast.expr, depth: int) -> Numeric:
        """Give `node` where a number is asked for."""
        typed = self._any(node, depth)
        if isinstance(typed, Number | Reading | Negative | Arithmetic):
            return typed
        raise self._error(self._number_advice(typed), typed.start)

    def _any(self, node: ast.expr, depth: int) -> Numeric | Logical:  # noqa: C901, PLR0911 - one for each kind of node
        start, end = node.col_offset, node.end_col_offset or 0
        if depth > MAX_DEPTH:
            raise self._error(f"the condition is more than {MAX_DEPTH} levels deep: make it several policies", start)
        match node:
            case ast.Constant():
                return Number(start, end, float(self._text[start:end]))
            case ast.Name():
                return self._name(start, end)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return Not(start, end, self.logical(operand, depth + 1))
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.numeric(operand, depth + 1)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return Negative(start, end, self.numeric(operand, depth + 1))
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _SIGNS:
                sign = _SIGNS[type(operator)]
                return Arithmetic(start, end, self.numeric(left, depth + 1), sign, self.numeric(right, depth + 1))
            case ast.BoolOp(op=joint, values=values):
                parts = tuple(self.logical(value, depth + 1) for value in values)
                return Every(start, end, parts) if isinstance(joint, ast.And) else Some(start, end, parts)
            case ast.Compare():
                return self._compare(node, start, end, depth)
            case ast.Call(args=[count, *parts]) if self._text[start : start + len(AT_LEAST)] == AT_LEAST:
                return self._at_least(count, parts, Node(start, end), depth)
            case _:
                raise self._error("this is not part of conditions", start)

    def _at_least(self, count: ast.expr, parts: list[ast.expr], place: Node, depth: int) -> AtLeast:
        written = self._text[count.col_offset : count.end_col_offset]
        if not (isinstance(count, ast.Constant) and written.isdigit() and 1 <= int(written) <= len(parts)):
            advice = f"write `{AT_LEAST}(2, a, b, c)`: first how many, from 1 to the number of conditions after it"
            raise self._error(advice, count.col_offset)
        return AtLeast(place.start, place.end, int(written), tuple(self.logical(part, depth + 1) for part in parts))

    def _name(self, start: int, end: int) -> Number | Reading | Truth | Flag:
        name = self._text[start:end]
        if name in {"true", "True", "false", "False"}:
            return Truth(start, end, name in {"true", "True"})
        quantity = self._known.get(name)
        if name in self._parameters:
            return self._parameter(name, start, end, quantity)
        if quantity is None:
            raise self._error(self._unknown(name), start)
        return Reading(start, end, quantity) if quantity.kind == "number" else Flag(start, end, quantity)

    def _parameter(self, name: str, start: int, end: int, quantity: Quantity | None) -> Number:
        if quantity is not None:
            raise self._error(f"`{name}` is both a parameter and a {quantity.kind}: rename the parameter", start)
        value = self._parameters[name]
        if isinstance(value, bool) or not isfinite(value):
            raise self._error(f"the parameter `{name}` is {value}: give it a number", start)
        return Number(start, end, float(value), name)

    def _compare(self, node: ast.Compare, start: int, end: int, depth: int) -> Compare | Same:
        relations = tuple(_RELATIONS[type(operator)] for operator in node.ops)
        operands = [self._any(operand, depth + 1) for operand in (node.left, *node.comparators)]
        numbers = tuple(x for x in operands if isinstance(x, Number | Reading | Negative | Arithmetic))
        truths = tuple(x for x in operands if not isinstance(x, Number | Reading | Negative | Arithmetic))
        if not truths:
            return Compare(start, end, numbers, relations)
        if numbers:
            raise self._error(self._number_advice(truths[0]), truths[0].start)
        if len(relations) > 1 or relations[0] not in {"==", "!="}:
            advice = "truth values have no order, they can be compared two by two with `==` and `!=`"
            raise self._error(advice, truths[0].start)
        return Same(start, end, truths[0], truths[1], relations[0] == "==")

    def _unknown(self, name: str) -> str:
        names = sorted({*self._known, *self._parameters})
        folded = {known.casefold(): known for known in reversed(names)}
        close = difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.6)
        advice = f"did you mean {' or '.join(f'`{folded[match]}`' for match in close)}? " if close else ""
        foreign = next((c for c in name if not c.isascii()), None)
        if foreign is not None and close:
            advice = f"it holds `{foreign}` ({unicodedata.name(foreign, 'no name')}), {advice}"
        shown = ", ".join(names[:_NAMES_SHOWN]) or "none"
        more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
        return f"unknown name `{name[:80]}`: {advice}known names are {shown}{more}"

    def _compare_advice(self, node: Numeric) -> str:
        words = self._text[node.start : node.end]
        if isinstance(node, Reading):
            quantity = node.quantity
            relation = "<" if quantity.better == "higher" else ">"
            bound = "0.85" if relation == "<" else "0.1"
            example = f"{words} {relation} {bound if quantity.low >= 0 and quantity.high <= 1 else 100}"
            return f"`{words}` is a number, neither true nor false: compare it, for example `{example}`"
        if isinstance(node, Number) and not node.parameter:
            advice = "repeat the name, as in `accuracy < 0.5 or accuracy > 0.9`"
            return f"`{words}` is a number and cannot stand by itself: {advice}"
        return f"`{words}` is a number, neither true nor false: compare it, for example `{words} > 0.1`"

    def _number_advice(self, node: Logical) -> str:
        words = self._text[node.start : node.end]
        if isinstance(node, Flag):
            return f"`{words}` is a flag, true or false, not a number: write `{words}` or `not {words}` by itself"
        return f"`{words[:80]}` is true or false, and a number is needed here"

    def _error(self, advice: str, column: int) -> ConditionError:
        return ConditionError(advice, self._text, column)
