"""The ways in which a condition can be true, or false: lists of facts that must hold together.

This is the disjunctive normal form. Kleene's logic allows it as the classical one does: `a and b` is true only if both
are known and true, `a or b` only if one of them is, `not a` only if a is known and false.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations, product
from typing import TypeAlias

from streamproc.policy.interval import Box, Pair, narrow
from streamproc.policy.tree import (
    AtLeast,
    Compare,
    Every,
    Flag,
    Logical,
    Not,
    Relation,
    Same,
    Some,
    Truth,
)

Fact: TypeAlias = Pair | tuple[Flag, bool]
Way: TypeAlias = tuple[Fact, ...]

_MOST_WAYS = 128
_ROUNDS = 8
_NEGATED: dict[Relation, Relation] = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}


class TooMany(Exception):
    """There are more ways than anybody would want to look through; the caller then says nothing."""


def ways(node: Logical, *, wanted: bool) -> list[Way]:  # noqa: PLR0911 - one for each kind of node
    """Give the ways in which `node` is true (or false, if that is `wanted`). Raises TooMany above 128."""
    match node:
        case Truth(value=value):
            return [()] if value is wanted else []
        case Flag():
            return [((node, wanted),)]
        case Not(operand=operand):
            return ways(operand, wanted=not wanted)
        case Compare():
            each = [pair_ways(pair, wanted=wanted) for pair in pairs(node)]
            return _together(each) if wanted else _one_of(each)
        case Every(parts=parts) | Some(parts=parts):
            each = [ways(part, wanted=wanted) for part in parts]
            return _together(each) if isinstance(node, Every) is wanted else _one_of(each)
        case AtLeast(count=count, parts=parts):
            enough = count if wanted else len(parts) - count + 1
            each = [ways(part, wanted=wanted) for part in parts]
            return _one_of(_together(list(some)) for some in combinations(each, enough))
        case Same(left=left, right=right, equal=equal):
            other = equal is wanted
            both = _together([ways(left, wanted=True), ways(right, wanted=other)])
            return _one_of([both, _together([ways(left, wanted=False), ways(right, wanted=not other)])])


def pairs(node: Compare) -> list[Pair]:
    """Give the comparisons of a chain one by one."""
    return [Pair(*three) for three in zip(node.operands, node.relations, node.operands[1:], strict=False)]


def pair_ways(pair: Pair, *, wanted: bool) -> list[Way]:
    """Give the ways in which one comparison is true (or false): two for `!=`."""
    relation = pair.relation if wanted else _NEGATED[pair.relation]
    if relation == "!=":
        return [(Pair(pair.left, "<", pair.right),), (Pair(pair.left, ">", pair.right),)]
    return [(Pair(pair.left, relation, pair.right),)]


def possible(way: Way) -> bool:
    """Say whether the facts of a way can all hold within the ranges of their quantities; True if in doubt."""
    flags: dict[str, bool] = {}
    box: Box = {}
    for _ in range(_ROUNDS):
        before = dict(box)
        for fact in way:
            if isinstance(fact, Pair):
                if not narrow(fact, box):
                    return False
            elif flags.setdefault(fact[0].quantity.name, fact[1]) is not fact[1]:
                return False
        if box == before:
            break
    return True


def _one_of(each: Iterable[list[Way]]) -> list[Way]:
    found: list[Way] = []
    for some in each:
        found += some
        if len(found) > _MOST_WAYS:
            raise TooMany
    return found


def _together(each: list[list[Way]]) -> list[Way]:
    found: list[Way] = [()]
    for some in each:
        if len(found) * len(some) > _MOST_WAYS:
            raise TooMany
        found = [(*way, *more) for way, more in product(found, some)]
    return found
