"""Variables in values: `${NAME}`, `${NAME:-default}` and `${file:/run/secrets/name}`; `$${` stands for `${` itself.

They are filled in after the YAML was read, so that no value can add to its structure: what comes in is always text.
Messages name variables and files, never what is in them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from streamproc.config.findings import shown

MOST_BYTES = 65_536
_FORM = re.compile(r"\$\$\{|\$\{([^{}\n]*)\}|\$\{")
_SMALL_NUMBER = re.compile(r"-?[0-9]{0,6}(\.[0-9]{1,6})?")
_FILE = "file:"
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?")

ReadFile = Callable[[str], str]
"""A path as written -> the text of that file. Raises OSError, ValueError."""


class Filled(NamedTuple):
    """A text with its variables filled in."""

    text: str
    variables: tuple[str, ...]
    """As written: `${NAME}`."""
    hidden: bool
    """Whether one of them holds more than a number: it may be a secret."""
    faults: tuple[str, ...]


def fill(text: str, environment: Mapping[str, str], read_file: ReadFile) -> Filled:
    """Fill in all variables of a text; those that cannot be are faults, and empty."""
    variables: dict[str, str] = {}
    faults: list[str] = []

    def value(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        try:
            found = variables[match[0]] = _value(match[1], environment, read_file)
        except ValueError as fault:
            faults.append(str(fault))
            return ""
        return found

    filled = _FORM.sub(value, text)
    hidden = not all(_SMALL_NUMBER.fullmatch(found) for found in variables.values())
    return Filled(filled, tuple(variables), hidden, tuple(faults))


def file_reader(directory: Path) -> ReadFile:
    """Reads files; paths are relative to `directory`."""

    def read_file(written: str) -> str:
        with (directory / written).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ValueError(f"is larger than {MOST_BYTES // 1024} KiB")
        return content.decode()

    return read_file


def _value(inside: str | None, environment: Mapping[str, str], read_file: ReadFile) -> str:
    if inside is None:
        raise ValueError("`${` begins a variable that has no `}`; write `$${` for the characters themselves")
    if inside.startswith(_FILE):
        return _from_file(inside.removeprefix(_FILE), read_file)
    match = _NAME.fullmatch(inside)
    if match is None:
        raise ValueError("write a variable as ${NAME}, ${NAME:-default} or ${file:/path}; `$${` stands for `${` itself")
    name, default = match.groups()
    value = environment.get(name)
    if value is None or (not value and default is not None):
        value = default
    if value is None:
        raise ValueError(f"the environment variable {name} is not set: set it, or write ${{{name}:-default}}")
    return _usable(value, f"the environment variable {name}")


def _from_file(path: str, read_file: ReadFile) -> str:
    try:
        content = read_file(path)
    except OSError as fault:
        raise ValueError(f"the file {shown(path)} cannot be read: {fault.strerror or type(fault).__name__}") from None
    except UnicodeDecodeError:
        raise ValueError(f"the file {shown(path)} is not UTF-8 text") from None
    except ValueError as fault:
        raise ValueError(f"the file {shown(path)} {fault}") from None
    return _usable(content.rstrip("\r\n"), f"the file {shown(path)}")


def _usable(value: str, what: str) -> str:
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError(f"{what} does not hold UTF-8 text")
    return value
