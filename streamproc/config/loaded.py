"""A configuration together with the text it came from, so that lint can point at lines."""

from __future__ import annotations

from dataclasses import dataclass, field

from streamproc.config.findings import Path
from streamproc.config.nodes import Leaf, Mark, Node, find
from streamproc.config.pipeline import Config

NOWHERE = Mark(0, 0)


@dataclass(frozen=True, slots=True)
class Loaded:
    """`load.read` makes it. Without a text (`Loaded(config)`) all places are line 0, column 0."""

    config: Config = field(repr=False)
    source: str = "configuration"
    _root: Node | None = field(default=None, repr=False)
    _text: str = field(default="", repr=False)

    def place(self, *path: str | int) -> Mark:
        """Where a reader should look for a setting; one that is not written leads to its section."""
        return NOWHERE if self._root is None else find(self._root, path).mark

    def key_place(self, *path: str | int) -> Mark:
        """Where the name of a setting stands."""
        if self._root is None:
            return NOWHERE
        found = find(self._root, path)
        return found.key if found.whole and found.key is not None else found.mark

    def leaf(self, *path: str | int) -> Leaf | None:
        """The value as it stands in the text, if it is a single one."""
        if self._root is None:
            return None
        found = find(self._root, path)
        return found.node if found.whole and isinstance(found.node, Leaf) else None

    def inside(self, path: Path, line: str, column: int) -> Mark:
        """Where a column (from 0) of a text stands; `line` is that text with runs of white space made one space.

        White space aside, a text in YAML is the same in all styles, so its other characters are counted. Where
        escapes or variables make a difference, the place is that of the whole value.
        """
        leaf = self.leaf(*path)
        if leaf is None or not line:
            return self.place(*path)
        start, end = _content(leaf, self._text)
        places = [at for at in range(start, end) if not self._text[at].isspace()]
        if "".join(self._text[at] for at in places) != "".join(line.split()):
            return leaf.mark
        before = len("".join(line[:column].split()))
        at = places[before] if before < len(places) else places[-1] + 1
        return Mark(self._text.count("\n", 0, at) + 1, at - self._text.rfind("\n", 0, at))


def _content(leaf: Leaf, text: str) -> tuple[int, int]:
    """The part of the text between quotes, or after the header of a block."""
    start, end = leaf.start, leaf.end
    if text[start : start + 1] in ("'", '"'):
        return start + 1, end - 1
    if text[start : start + 1] in ("|", ">"):
        return text.find("\n", start, end) + 1 or end, end
    return start, end
