"""A YAML text as a tree whose every value knows its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from streamproc.config.findings import Path

MOST_VALUES = 100_000
"""What aliases, merge keys and `defaults` may make of a file: a few lines can ask for billions of values."""

Plain: TypeAlias = bool | int | float | str | None


class Mark(NamedTuple):
    """A place in the text, both from 1."""

    line: int
    column: int


@dataclass(slots=True, eq=False)
class Leaf:
    """A single value. What it is does not stand in its repr: it may be a secret."""

    mark: Mark
    value: Plain = field(repr=False)
    written: str = field(repr=False)
    """The text between the quotes, if any, before variables were filled in."""
    start: int = 0
    end: int = 0
    """Where it stands in the text, quotes and block indicators included."""
    plain: bool = True
    """Neither quoted nor a block."""
    variables: tuple[str, ...] = ()
    """The `${...}` in it, as written."""
    hidden: bool = False
    """Whether a variable brought in more than a number: it must not be shown."""


@dataclass(slots=True, eq=False)
class Items:
    """A list."""

    mark: Mark
    nodes: list[Node] = field(default_factory=list)
    height: int = 1
    """Levels from here down to the deepest value."""


class Entry(NamedTuple):
    """What stands under a name, and where the name stands."""

    key: Mark
    node: Node


@dataclass(slots=True, eq=False)
class Table:
    """Names and values."""

    mark: Mark
    entries: dict[str, Entry] = field(default_factory=dict)
    height: int = 1


Node: TypeAlias = Leaf | Items | Table


class TooMuch(Exception):
    """A text that would become too large."""


class Budget:
    """How many values may still be made."""

    def __init__(self, left: int = MOST_VALUES) -> None:
        self._left = left

    def take(self, count: int = 1) -> None:
        """Raises TooMuch."""
        self._left -= count
        if self._left < 0:
            raise TooMuch(f"this file has more than {MOST_VALUES} values, aliases and defaults counted at each use")


def plain(node: Node, budget: Budget) -> Any:
    """The tree as Python's own dicts, lists and scalars. Raises TooMuch."""
    budget.take()
    match node:
        case Leaf(value=value):
            return value
        case Items(nodes=nodes):
            return [plain(each, budget) for each in nodes]
        case Table(entries=entries):
            return {name: plain(entry.node, budget) for name, entry in entries.items()}


def laid_over(under: Node, over: Node, budget: Budget) -> Node:
    """Tables name by name, at all levels; anything else of `over` replaces what is under it. Raises TooMuch."""
    if not isinstance(under, Table) or not isinstance(over, Table):
        return over
    budget.take(len(under.entries) + len(over.entries))
    entries = dict(under.entries)
    for name, entry in over.entries.items():
        below = entries.get(name)
        entries[name] = Entry(entry.key, laid_over(below.node, entry.node, budget)) if below else entry
    return Table(over.mark, entries)


class Found(NamedTuple):
    """The deepest part of a path that there is."""

    node: Node
    key: Mark | None
    """Where its name stands; the root and items of lists have none."""
    whole: bool
    """Whether it is the end of the path."""

    @property
    def mark(self) -> Mark:
        """Where a reader should look: at a value, or at the name of a longer or an empty section."""
        is_value = isinstance(self.node, Leaf) and self.node.end > self.node.start
        return self.node.mark if is_value or self.key is None else self.key


def find(root: Node, path: Path) -> Found:
    """Go down `path` as far as the tree has it."""
    node, key = root, None
    for part in path:
        match node:
            case Table(entries=entries) if part in entries and isinstance(part, str):
                key, node = entries[part]
            case Items(nodes=nodes) if isinstance(part, int) and part < len(nodes):
                key, node = None, nodes[part]
            case _:
                return Found(node, key, whole=False)
    return Found(node, key, whole=True)


def leaves(root: Node) -> Iterator[Leaf]:
    """Every leaf once, however many aliases lead to it."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        match node:
            case Leaf():
                yield node
            case Items(nodes=nodes):
                waiting.extend(reversed(nodes))
            case Table(entries=entries):
                waiting.extend(entry.node for entry in reversed(entries.values()))


def paths(root: Node, prefix: Path = ()) -> dict[int, Path]:
    """The first path of each node, which begins with `prefix`, by the node's id."""
    found: dict[int, Path] = {}
    waiting: list[tuple[Node, Path]] = [(root, prefix)]
    while waiting:
        node, path = waiting.pop()
        if id(node) in found:
            continue
        found[id(node)] = path
        match node:
            case Items(nodes=nodes):
                waiting.extend((each, (*path, place)) for place, each in reversed(list(enumerate(nodes))))
            case Table(entries=entries):
                waiting.extend((entry.node, (*path, name)) for name, entry in reversed(entries.items()))
    return found
