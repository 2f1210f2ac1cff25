"""The typed tree of a condition: numbers and what makes numbers of them, truth values and what makes those."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from streamproc.policy.quantity import Quantity

Relation = Literal["<", "<=", ">", ">=", "==", "!="]
Sign = Literal["+", "-", "*", "/"]


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a condition: the text from `start` to `end`, `end` excluded."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Number(Node):
    """A number, or the value of the policy's parameter `parameter`."""

    value: float
    parameter: str = ""


@dataclass(frozen=True, slots=True)
class Reading(Node):
    """The present value of a quantity of kind number."""

    quantity: Quantity


@dataclass(frozen=True, slots=True)
class Negative(Node):
    """`-operand`."""

    operand: Numeric


@dataclass(frozen=True, slots=True)
class Arithmetic(Node):
    """`left sign right`."""

    left: Numeric
    sign: Sign
    right: Numeric


@dataclass(frozen=True, slots=True)
class Truth(Node):
    """`true` or `false`."""

    value: bool


@dataclass(frozen=True, slots=True)
class Flag(Node):
    """A quantity of kind flag."""

    quantity: Quantity


@dataclass(frozen=True, slots=True)
class Compare(Node):
    """A comparison of numbers, or a chain of them; one relation fewer than there are operands."""

    operands: tuple[Numeric, ...]
    relations: tuple[Relation, ...]


@dataclass(frozen=True, slots=True)
class Same(Node):
    """`left == right` of two truth values; `left != right` if not `equal`."""

    left: Logical
    right: Logical
    equal: bool


@dataclass(frozen=True, slots=True)
class Not(Node):
    """`not operand`."""

    operand: Logical


@dataclass(frozen=True, slots=True)
class Every(Node):
    """`a and b and ...`."""

    parts: tuple[Logical, ...]


@dataclass(frozen=True, slots=True)
class Some(Node):
    """`a or b or ...`."""

    parts: tuple[Logical, ...]


@dataclass(frozen=True, slots=True)
class AtLeast(Node):
    """`at_least(count, a, b, ...)`: so many of the parts are true."""

    count: int
    parts: tuple[Logical, ...]


Numeric: TypeAlias = Number | Reading | Negative | Arithmetic
Logical: TypeAlias = Truth | Flag | Compare | Same | Not | Every | Some | AtLeast


def named(node: Logical | Numeric) -> Iterator[Reading | Flag | Number]:
    """Give what has a name and a value, from left to right: quantities and parameters."""
    match node:
        case Reading() | Flag():
            yield node
        case Number(parameter=parameter) if parameter:
            yield node
        case Negative(operand=operand) | Not(operand=operand):
            yield from named(operand)
        case Arithmetic(left=left, right=right) | Same(left=left, right=right):
            yield from named(left)
            yield from named(right)
        case Every(parts=parts) | Some(parts=parts) | AtLeast(parts=parts) | Compare(operands=parts):
            for part in parts:
                yield from named(part)
        case _:
            return
