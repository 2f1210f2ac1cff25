"""YAML text -> a tree of nodes: one document, no tags, every name once, aliases and merge keys within bounds.

ruamel.yaml reads the text up to events; the tree is put together here, so that places are kept and nothing is ever
constructed but scalars, lists and tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from streamproc.config.findings import Finding, InvalidConfig, shown
from streamproc.config.nodes import Budget, Entry, Items, Leaf, Mark, Node, Table, TooMuch
from streamproc.config.scalar import meaning

MOST_LEVELS = 50
START = Mark(1, 1)
MERGE = "<<"
_ADVICE = (
    ("cannot start any token", "a tab or this character cannot stand here: indent by spaces, put text in quotes"),
    ("mapping values are not allowed", "`:` cannot stand here: mend the indentation, or put text with `: ` in quotes"),
    ("could not find expected ':'", "a `:` is missing after a name near here"),
    ("expected '<document start>'", "this line does not fit to those above: mend the indentation"),
    ("expected <block end>", "this line does not fit to those above: mend the indentation"),
    ("but found another document", "a second document begins here: leave only one in the file"),
    ("did not find expected", "a bracket, a brace or a comma is missing near here"),
    ("expected the node content", "a value is missing here, or a bracket is not closed"),
    ("expected ',' or", "a comma or a closing bracket is missing near here"),
    ("unexpected end of stream", "a quote is not closed before the end of the file"),
    ("incompatible YAML document", "this is not YAML 1.2"),
)  # fmt: skip


def read_document(text: str, source: str) -> Node | None:
    """The tree of a YAML text; None if nothing stands in it. Raises InvalidConfig."""
    reader = _Reader(text)
    try:
        root = reader.document()
    except _Broken as broken:
        raise InvalidConfig([*reader.findings, broken.finding], source) from None
    if reader.findings:
        raise InvalidConfig(reader.findings, source)
    return root


class _Broken(Exception):
    """What comes after it in the text cannot be read."""

    def __init__(self, message: str, mark: Mark, code: str = "yaml") -> None:
        self.finding = _finding(message, mark, code)


def _finding(message: str, mark: Mark, code: str = "yaml") -> Finding:
    return Finding("error", mark.line, mark.column, "", message, code)


class _Reader:
    """Events -> nodes. `findings` are those faults that do not keep it from reading on."""

    def __init__(self, text: str) -> None:
        self.findings: list[Finding] = []
        self._events = _events(text)
        self._anchors: dict[str, Node] = {}
        self._budget = Budget()

    def document(self) -> Node | None:
        root: Node | None = None
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                if root is not None:
                    raise _Broken("a second document begins here: leave only one in the file", _mark(event))
                if event.version is not None and tuple(event.version) != (1, 2):
                    raise _Broken("this is not YAML 1.2: remove the %YAML line", START)
                root = self._node(next(self._events), 0)
        empty = isinstance(root, Leaf) and root.start == root.end
        return None if empty else root

    def _node(self, event: Any, level: int) -> Node:
        mark = _mark(event)
        self._take(1, mark)
        if level > MOST_LEVELS:
            raise _Broken(f"nested more than {MOST_LEVELS} levels deep", mark)
        if isinstance(event, AliasEvent):
            return self._alias(event, mark, level)
        if event.tag is not None:
            tag = shown(event.tag.replace("tag:yaml.org,2002:", "!!"))[1:-1]
            self._complain(f"tags are not used here: remove {tag}; quotes make text of a value", mark)
        node: Node
        if isinstance(event, ScalarEvent):
            node = self._leaf(event, mark)
        elif isinstance(event, SequenceStartEvent):
            node = self._items(mark, level)
        else:
            node = self._table(mark, level)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: Any, mark: Mark, level: int) -> Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            self._complain(f"no value above is marked `&{event.anchor}`", mark)
            return _nothing(mark)
        if level + _height(node) > MOST_LEVELS:
            raise _Broken(f"with its aliases, this is nested more than {MOST_LEVELS} levels deep", mark)
        return node

    def _leaf(self, event: Any, mark: Mark) -> Leaf:
        value, plain = event.value, not event.style
        if any("\ud800" <= character <= "\udfff" for character in value):
            self._complain("half of a character (U+D800 to U+DFFF) is not text", mark)
            value = ""
        typed = value
        if plain:
            try:
                typed = meaning(value)
            except ValueError as fault:
                self._complain(str(fault), mark)
        return Leaf(mark, typed, value, event.start_mark.index, event.end_mark.index, plain)

    def _items(self, mark: Mark, level: int) -> Items:
        items = Items(mark)
        while not isinstance(event := next(self._events), SequenceEndEvent):
            items.nodes.append(node := self._node(event, level + 1))
            items.height = max(items.height, _height(node) + 1)
        return items

    def _table(self, mark: Mark, level: int) -> Table:
        table, merged = Table(mark), list[tuple[Mark, Node]]()
        while not isinstance(event := next(self._events), MappingEndEvent):
            key = self._key(event, level)
            value_event = next(self._events)
            node = self._node(value_event, level + 1)
            table.height = max(table.height, _height(node) + 1)
            if key is None:
                continue
            if key.plain and key.written == MERGE:
                merged.append((_mark(value_event), node))
                continue
            first = table.entries.setdefault(key.written, Entry(key.mark, node))
            if first.key != key.mark:
                self._complain(f"{shown(key.written)} stands here twice, first in line {first.key.line}", key.mark)
        for place, node in merged:
            self._merge(table, place, node)
        return table

    def _key(self, event: Any, level: int) -> Leaf | None:
        """A name: always text, whatever it looks like."""
        node = self._node(event, level + 1)
        if isinstance(node, Leaf):
            return node
        self._complain(
            "a name must be text, not a list or a table; text that begins with { or [ needs quotes", node.mark
        )
        return None

    def _merge(self, table: Table, place: Mark, node: Node) -> None:
        """`<<: *anchor`: what the table does not say itself. Of several tables the first one counts."""
        for each in node.nodes if isinstance(node, Items) else [node]:
            if not isinstance(each, Table):
                self._complain("`<<` takes a table or a list of tables, such as `<<: *name`", place)
                return
            self._take(len(each.entries), place)
            for name, entry in each.entries.items():
                table.entries.setdefault(name, entry)

    def _take(self, count: int, mark: Mark) -> None:
        try:
            self._budget.take(count)
        except TooMuch as fault:
            raise _Broken(str(fault), mark) from None

    def _complain(self, message: str, mark: Mark) -> None:
        self.findings.append(_finding(message, mark))


def _events(text: str) -> Iterator[Any]:
    """The events of a text. Raises _Broken for whatever ruamel makes of a text that is not YAML."""
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        if mark is None:
            raise _Broken(_words(fault), START) from None
        is_variable = text[max(0, mark.index - 1) : mark.index + 1] == "${"
        message = "inside of { } and [ ], a variable needs quotes: '${NAME}'" if is_variable else _words(fault)
        raise _Broken(message, Mark(mark.line + 1, mark.column + 1)) from None
    except ReaderError as fault:
        before = text[: fault.position]
        mark = Mark(before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise _Broken(f"the character U+{fault.character:04X} cannot stand in YAML", mark) from None
    except Exception as fault:  # noqa: BLE001 - its scanner also raises IndexError, AttributeError and others
        raise _Broken(f"this is not YAML ({type(fault).__name__})", START) from None


def _words(fault: MarkedYAMLError) -> str:
    problem = " ".join(str(fault.problem or fault.context).split())
    advice = next((advice for words, advice in _ADVICE if words in problem), None)
    return advice or f"this is not YAML: {problem[:200]}"


def _mark(event: Any) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)


def _height(node: Node) -> int:
    return 0 if isinstance(node, Leaf) else node.height


def _nothing(mark: Mark) -> Leaf:
    return Leaf(mark, None, "")
