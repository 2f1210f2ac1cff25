"""A place in a loaded configuration, from which findings are reported."""

from __future__ import annotations

from dataclasses import dataclass

from streamproc.check.codes import CODES
from streamproc.config.findings import Finding, Path, dotted
from streamproc.config.loaded import Loaded
from streamproc.config.nodes import Leaf, Mark
from streamproc.errors import ConditionError


@dataclass(frozen=True, slots=True)
class Site:
    """A section and its path."""

    loaded: Loaded
    path: Path = ()

    def at(self, *path: str | int) -> Site:
        """A place further in."""
        return Site(self.loaded, (*self.path, *path))

    def leaf(self) -> Leaf | None:
        """The value here as it stands in the text."""
        return self.loaded.leaf(*self.path)

    def value(self, code: str, message: str) -> Finding:
        """A finding about the value here."""
        return self._finding(code, message, self.loaded.place(*self.path))

    def name(self, code: str, message: str) -> Finding:
        """A finding about the name of what stands here."""
        return self._finding(code, message, self.loaded.key_place(*self.path))

    def within(self, code: str, message: str, line: str, column: int) -> Finding:
        """A finding about a column of the text here; `line` is that text on one line, as conditions have it."""
        return self._finding(code, message, self.loaded.inside(self.path, line, column))

    def condition(self, error: ConditionError, advice: str = "") -> Finding:
        """A finding about a condition that cannot be compiled."""
        return self.within("condition", f"{error.message}{advice}", error.text, error.column)

    def _finding(self, code: str, message: str, mark: Mark) -> Finding:
        leaf = self.leaf()
        if leaf is not None and leaf.hidden:
            variables = ", ".join(leaf.variables)
            message = f"{CODES[code].meaning}; what stands in {variables} may be a secret and is not shown"
        return Finding(CODES[code].severity, *mark, dotted(self.path), message, code)
