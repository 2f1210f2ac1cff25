"""What is wrong with a configuration, and where."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from streamproc.errors import ConfigError

Severity = Literal["error", "warning", "note"]
Path = tuple[str | int, ...]
"""A place in the configuration: `("models", "fraud", "policies", 0, "cooldown")`."""

MOST_SHOWN = 20
_PLAIN_NAME = re.compile(r"[\w.-]{1,80}")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend (error), to think about (warning) or to know (note).

    `line` and `column` begin at 1; both are 0 where there is no text, as in a configuration made in Python. `path` is
    written with dots. `code` is the same in every release; `streamproc.check.CODES` has those of lint.
    """

    severity: Severity
    line: int
    column: int
    path: str
    message: str
    code: str

    def at(self, source: str) -> str:
        """`streamproc.yaml:12:5`."""
        return f"{source}:{self.line}:{self.column}" if self.line else source

    @property
    def text(self) -> str:
        """What and in which setting, without the line."""
        return f"{self.path}: {self.message}" if self.path else self.message


class InvalidConfig(ConfigError):
    """A configuration with errors; the message has one line for each, `findings` has them one by one."""

    def __init__(self, findings: Iterable[Finding], source: str) -> None:
        self.findings, self.source = in_order(findings), source
        lines = [f"{finding.at(source)}: {finding.text}" for finding in self.findings[:MOST_SHOWN]]
        if len(self.findings) > MOST_SHOWN:
            lines.append(f"{source}: and {len(self.findings) - MOST_SHOWN} more errors")
        super().__init__("\n".join(lines))


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """By line; of equal ones one."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda f: (f.line, f.column)))


def dotted(path: Path) -> str:
    """`models.fraud.policies.0.cooldown`; a name that would be hard to read is quoted and cut."""
    return ".".join(str(part) if isinstance(part, int) or _PLAIN_NAME.fullmatch(part) else shown(part) for part in path)


def shown(text: object, most: int = 60) -> str:
    """A value as it may stand in a message: one line, quoted, not too long."""
    words = repr(text)
    return words if len(words) <= most else f"{words[: most - 4]}...{words[-1]}"
