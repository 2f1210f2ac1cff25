"""Which values are possible: interval arithmetic over conditions, exact for 64-bit floats.

Rounding to the nearest float never turns an order round: if a <= b then a + c <= b + c, rounded too. So the bounds of a
sum, product or quotient are those of its operands' bounds, computed with the same rounded operations as in the
condition itself, and nothing need be widened. For the same reason `x + 0.2 > 0.5` is solved for x by bisection over the
floats and not by `0.5 - 0.2`, which may be wrong in the last digit.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isnan

from streamproc.policy.closures import MIRRORED, RELATIONS, SIGNS
from streamproc.policy.quantity import Quantity
from streamproc.policy.tree import (
    Arithmetic,
    Negative,
    Number,
    Numeric,
    Reading,
    Relation,
)

_LARGEST = sys.float_info.max
_LINE = (-inf, inf)

Interval = tuple[float, float]  # both ends included
Box = dict[str, Interval]  # name of a quantity -> where its value can be


@dataclass(frozen=True, slots=True)
class Pair:
    """One relation between two numbers: `left relation right`."""

    left: Numeric
    relation: Relation
    right: Numeric


def range_of(quantity: Quantity) -> Interval:
    """Give the finite values of a quantity; a value that is not finite counts as not known."""
    return max(quantity.low, -_LARGEST), min(quantity.high, _LARGEST)


def bounds(node: Numeric, box: Box) -> Interval | None:
    """Give bounds of a number; None if it is never known (a division by zero). Names not in `box` have their range."""
    match node:
        case Number(value=value):
            return value, value
        case Reading(quantity=quantity):
            return box.get(quantity.name) or range_of(quantity)
        case Negative(operand=operand):
            inner = bounds(operand, box)
            return None if inner is None else (-inner[1], -inner[0])
        case Arithmetic(left=left, sign=sign, right=right):
            a, b = bounds(left, box), bounds(right, box)
            return None if a is None or b is None else _combine(a, sign, b)


def _combine(a: Interval, sign: str, b: Interval) -> Interval | None:
    if sign == "/" and b[0] <= 0 <= b[1]:
        return None if b[0] == b[1] else _LINE  # never known by a divisor that is always 0
    corners = [SIGNS[sign](x, y) for x in a for y in b]
    return _LINE if any(isnan(corner) for corner in corners) else (min(corners), max(corners))


def narrow(pair: Pair, box: Box) -> bool:
    """Leave in `box` what `pair` allows. Gives False if it cannot be true anywhere in the box."""
    for side, relation, other in (
        (pair.left, pair.relation, pair.right),
        (pair.right, MIRRORED[pair.relation], pair.left),
    ):
        here, there = bounds(side, box), bounds(other, box)
        if here is None or there is None or not _possible(here, relation, there):
            return False
        if not _narrow_side(side, relation, there, box):
            return False
    return True


def _possible(a: Interval, relation: Relation, b: Interval) -> bool:
    match relation:
        case "<" | "<=":
            return RELATIONS[relation](a[0], b[1])
        case ">" | ">=":
            return RELATIONS[relation](a[1], b[0])
        case "==":
            return a[0] <= b[1] and b[0] <= a[1]
        case "!=":
            return not a[0] == a[1] == b[0] == b[1]


def _narrow_side(side: Numeric, relation: Relation, there: Interval, box: Box) -> bool:
    if relation == "!=" or (found := single_name(side)) is None:
        return True
    quantity, rising = found
    both: dict[Relation, list[tuple[Relation, float]]] = {
        "<": [("<", there[1])],
        "<=": [("<=", there[1])],
        ">": [(">", there[0])],
        ">=": [(">=", there[0])],
        "==": [(">=", there[0]), ("<=", there[1])],
    }
    for bound, limit in both[relation]:

        def holds(x: float, bound: Relation = bound, limit: float = limit) -> bool:
            at = bounds(side, {quantity.name: (x, x)})
            return at is not None and RELATIONS[bound](at[0], limit)

        low, high = box.get(quantity.name) or range_of(quantity)
        upwards = (bound in {">", ">="}) == rising
        left = _cut(low, high, holds) if upwards else _cut(high, low, holds)
        if left is None:
            return False
        box[quantity.name] = (left, high) if upwards else (low, left)
    return True


def single_name(node: Numeric) -> tuple[Quantity, bool] | None:
    """Give the one name that `node` moves with, and whether both rise together; None if it is not that simple."""
    match node:
        case Reading(quantity=quantity):
            return quantity, True
        case Negative(operand=operand):
            found = single_name(operand)
            return found and (found[0], not found[1])
        case Arithmetic(left=left, sign=sign, right=right):
            if (value := constant(right)) is not None and (sign in "+-" or value != 0):
                found = single_name(left)
                return found and (found[0], found[1] == (sign in "+-" or value > 0))
            if (value := constant(left)) is not None and sign != "/" and (sign in "+-" or value != 0):
                found = single_name(right)
                return found and (found[0], found[1] == (sign == "+" or (sign == "*" and value > 0)))
    return None


def constant(node: Numeric) -> float | None:
    """Give the value of a number that holds no name; None if it does, or has no value."""
    match node:
        case Number(value=value):
            return value
        case Negative(operand=operand):
            inner = constant(operand)
            return None if inner is None else -inner
        case Arithmetic(left=left, sign=sign, right=right):
            a, b = constant(left), constant(right)
            if a is None or b is None or (sign == "/" and b == 0):
                return None
            result = SIGNS[sign](a, b)
            return result if -inf < result < inf else None
        case Reading():
            return None


def _cut(start: float, end: float, holds: Callable[[float], bool]) -> float | None:
    """Give the first float from `start` to `end` for which `holds`, and so for all after it; None if there is none."""
    if holds(start):
        return start
    if not holds(end):
        return None
    outside, inside = _rank(start), _rank(end)
    while abs(inside - outside) > 1:
        middle = (inside + outside) // 2
        if holds(_float(middle)):
            inside = middle
        else:
            outside = middle
    return _float(inside)


def _rank(value: float) -> int:
    """Give the place of a float among all floats, by its bits (IEEE 754); 0.0 and -0.0 share place 0."""
    bits: int = struct.unpack("<q", struct.pack("<d", value))[0]
    return bits if bits >= 0 else -(bits & 0x7FFF_FFFF_FFFF_FFFF)


def _float(rank: int) -> float:
    value: float = struct.unpack("<d", struct.pack("<q", abs(rank)))[0]
    return value if rank >= 0 else -value
