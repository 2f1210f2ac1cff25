"""What can be said of a condition before it ever runs: that it is never true, always true, or true of a good model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from math import inf
from typing import Literal

from streamproc.policy.closures import MIRRORED
from streamproc.policy.condition import Condition
from streamproc.policy.interval import Pair, constant, single_name
from streamproc.policy.quantity import Quantity
from streamproc.policy.tree import AtLeast, Compare, Every, Logical, Not, Reading, Some, named
from streamproc.policy.ways import Fact, TooMany, Way, pair_ways, pairs, possible, ways


@dataclass(frozen=True, slots=True)
class Remark:
    """Something the author of a condition should know; `column` is a place in `Condition.text`."""

    kind: Literal["never", "always", "when_good"]
    message: str
    column: int


def analyse(condition: Condition) -> tuple[Remark, ...]:
    """Give what is to be remarked about a condition; nothing for a sound one.

    "never" and "always" are about the whole condition and come alone. They are certain: where the arithmetic is too
    much for this analysis, it says nothing. "when_good" is about a term; it is of no use for a condition that is meant
    to hold when a model is good, such as the gate between challenger and champion.
    """
    try:
        true = ways(condition.root, wanted=True)
        false = ways(condition.root, wanted=False)
    except TooMany:
        return tuple(_when_good(condition))
    if not any(possible(way) for way in true):
        return (_never(condition, true),)
    if not any(possible(way) for way in false):
        return (_always(condition),)
    return tuple(_when_good(condition))


def _never(condition: Condition, true: list[Way]) -> Remark:
    """Name the one fact, or the two facts, that are to blame in the first way to be true."""
    way = true[0] if true else ()
    for fact in way:
        if not possible((fact,)):
            because = _ranges(_quantities((fact,)))
            return Remark("never", f"`{_words(condition, fact)}` can never be true{because}", _column(fact))
    for first, second in combinations(way, 2):
        if not possible((first, second)):
            words = f"`{_words(condition, first)}` and `{_words(condition, second)}`"
            quantities = _quantities((first, second))
            because = _ranges(quantities) if len(quantities) > 1 else ""
            return Remark("never", f"{words} can never be true together{because}", _column(second))
    return Remark("never", f"`{condition.text}` can never be true{_ranges(_quantities(way))}", 0)


def _always(condition: Condition) -> Remark:
    quantities = {q.name: q for way in ways(condition.root, wanted=False) for q in _quantities(way)}
    because = _ranges(quantities.values())
    names = " and ".join(f"`{name}`" for name in condition.names[:3])
    known = f" once {names} {'is' if len(condition.names) == 1 else 'are'} known" if names else ""
    return Remark("always", f"`{condition.text}` is always true{known}{because}", 0)


def _column(fact: Fact) -> int:
    return fact.left.start if isinstance(fact, Pair) else fact[0].start


def _words(condition: Condition, fact: Fact) -> str:
    if isinstance(fact, Pair):
        return _relation_words(condition, fact)
    flag, wanted = fact
    return flag.quantity.name if wanted else f"not {flag.quantity.name}"


def _relation_words(condition: Condition, pair: Pair) -> str:
    text, left, right = condition.text, pair.left, pair.right
    return f"{text[left.start : left.end]} {pair.relation} {text[right.start : right.end]}"


def _quantities(way: Way) -> list[Quantity]:
    found = {}
    for fact in way:
        for side in (fact.left, fact.right) if isinstance(fact, Pair) else ():
            found.update({part.quantity.name: part.quantity for part in named(side) if isinstance(part, Reading)})
    return list(found.values())


def _ranges(quantities: Iterable[Quantity]) -> str:
    limits = [limit for quantity in quantities if (limit := _limits(quantity))]
    return f": {', '.join(limits[:3])}" if limits else ""


def _limits(quantity: Quantity) -> str:
    low, high = quantity.low, quantity.high
    match low > -inf, high < inf:
        case True, True:
            return f"{quantity.name} lies between {low:g} and {high:g}"
        case True, False:
            return f"{quantity.name} is never below {low:g}"
        case False, True:
            return f"{quantity.name} is never above {high:g}"
        case _:
            return ""


@dataclass(frozen=True, slots=True)
class _Bound:
    """A comparison of a quantity with a constant; `upper` if the condition asks for the quantity to be small."""

    quantity: Quantity
    upper: bool
    pair: Pair
    positive: bool

    @property
    def good(self) -> bool:
        return self.quantity.better == ("lower" if self.upper else "higher")


def _when_good(condition: Condition) -> Iterator[Remark]:
    """Remark on bounds that a good model meets, save where the same quantity is bounded on its bad side as well.

    `accuracy < 0.85 and accuracy > 0.50` is a band, and on purpose.
    """
    for together in _bounds_together(condition.root):
        bad = {bound.quantity.name for bound in together if not bound.good}
        for bound in together:
            alive = any(possible(way) for way in pair_ways(bound.pair, wanted=bound.positive))
            if alive and bound.good and bound.quantity.name not in bad:
                yield _good_remark(condition, bound)


def _good_remark(condition: Condition, bound: _Bound) -> Remark:
    name, pair = bound.quantity.name, bound.pair
    written = _relation_words(condition, pair)
    opposite = Pair(pair.left, MIRRORED[pair.relation], pair.right)
    instead = _relation_words(condition, opposite) if bound.positive else written
    term = written if bound.positive else f"not {written}"
    why = f"is true when the model is good ({name}: {bound.quantity.better} is better)"
    return Remark("when_good", f"`{term}` {why}; did you mean `{instead}`?", pair.left.start)


def _bounds_together(root: Logical) -> list[list[_Bound]]:
    """Give the bounds of a condition, those that must hold together in one list."""
    groups: list[list[_Bound]] = [[]]

    def collect(node: Logical, group: list[_Bound], *, positive: bool) -> None:
        parts: list[Logical | Pair]
        match node:
            case Not(operand=operand):
                return collect(operand, group, positive=not positive)
            case Every(parts=inner) | Some(parts=inner):
                parts, together = list(inner), isinstance(node, Every) == positive
            case AtLeast(parts=inner):
                parts, together = list(inner), False
            case Compare():
                parts, together = list(pairs(node)), positive or len(node.relations) == 1
            case _:
                return None
        for part in parts:
            if not together:
                groups.append(group := [])
            if not isinstance(part, Pair):
                collect(part, group, positive=positive)
            elif bound := _bound(part, positive=positive):
                group.append(bound)
        return None

    collect(root, groups[0], positive=True)
    return groups


def _bound(pair: Pair, *, positive: bool) -> _Bound | None:
    for side, relation, other in (
        (pair.left, pair.relation, pair.right),
        (pair.right, MIRRORED[pair.relation], pair.left),
    ):
        found = single_name(side)
        if found and constant(other) is not None and relation not in {"==", "!="}:
            quantity, rising = found
            upper = (relation in {"<", "<="}) == (rising == positive)
            return _Bound(quantity, upper, pair, positive) if quantity.better else None
    return None
