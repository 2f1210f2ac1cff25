"""streamproc.yaml -> `Config`. Every fault is told with its line, as many at once as can be found.

The text is read as YAML (`document`), variables are filled in (`environment`), `defaults` is laid under every model,
and the models of `model` check what comes out; `explain` puts their errors into words.

`defaults` is a model section with anything left out. Each model's own section is laid over it name by name, at all
levels; lists and single values replace. Models can also share settings by YAML anchors and merge keys (`<<: *name`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from streamproc.config.document import read_document
from streamproc.config.environment import ReadFile, file_reader, fill
from streamproc.config.explain import explain
from streamproc.config.findings import Finding, InvalidConfig, Path, dotted
from streamproc.config.loaded import NOWHERE, Loaded
from streamproc.config.nodes import (
    Budget,
    Entry,
    Items,
    Leaf,
    Node,
    Table,
    TooMuch,
    laid_over,
    leaves,
    paths,
    plain,
)
from streamproc.config.pipeline import Config
from streamproc.config.reference_file import with_reference_files

MOST_BYTES = 1_048_576
DEFAULTS = "defaults"


def load(path: FilePath | str, environment: Mapping[str, str] | None = None) -> Config:
    """The configuration in a file. Variables come from `environment`, by default the process's own.

    Raises InvalidConfig, a ConfigError.
    """
    return read(path, environment).config


def loads(text: str, source: str = "streamproc.yaml", environment: Mapping[str, str] | None = None) -> Config:
    """The configuration in a text; `source` is its name in messages. Raises InvalidConfig."""
    return reads(text, source, environment).config


def from_mapping(data: Mapping[str, Any], source: str = "configuration") -> Config:
    """The configuration in a plain dict: with `defaults`, without variables. Raises InvalidConfig."""
    root = Table(NOWHERE, {str(name): Entry(NOWHERE, _node(value)) for name, value in data.items()})
    return _checked(_Given(root, "", source), []).config


def read(path: FilePath | str, environment: Mapping[str, str] | None = None, *, reference_files: bool = True) -> Loaded:
    """As `load`, with the places of all settings, for `streamproc.check`.

    Without `reference_files`, those are not looked at: they may be still to be written.
    """
    source = os.fspath(path)
    try:
        with FilePath(path).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise _refused("there is no such file: `streamproc init` writes one to begin with", source) from None
    except (OSError, ValueError) as fault:  # ValueError: a path with a null character
        reason = getattr(fault, "strerror", None) or str(fault)
        raise _refused(f"this file cannot be read: {reason}", source) from None
    if len(content) > MOST_BYTES:
        raise _too_large(source)
    try:
        text, directory = content.decode("utf-8-sig"), FilePath(path).parent
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        finding = Finding("error", line, 1, "", "this is not UTF-8 text: save the file as UTF-8", "unreadable")
        raise InvalidConfig([finding], source) from None
    return reads(text, source, environment, directory, reference_files=reference_files)


def reads(
    text: str,
    source: str = "streamproc.yaml",
    environment: Mapping[str, str] | None = None,
    directory: FilePath = FilePath(),
    *,
    reference_files: bool = True,
) -> Loaded:
    """As `loads`, with the places of all settings. `${file:...}` and `reference_file` are relative to `directory`."""
    if len(text) > MOST_BYTES:
        raise _too_large(source)
    root = read_document(text, source)
    if root is None:
        raise _refused("nothing stands in this file: `streamproc init` writes one to begin with", source)
    if not isinstance(root, Table):
        raise _refused("this file is not a table: write settings, one `name: value` a line", source, "invalid-value")
    faults = _fill(root, os.environ if environment is None else environment, file_reader(directory))
    return _checked(_Given(root, text, source), faults, directory if reference_files else None)


class _Given:
    """What is to be checked."""

    def __init__(self, root: Table, text: str, source: str) -> None:
        self.root, self.text, self.source = root, text, source
        self.origins: dict[int, Path] = {}


def _checked(given: _Given, faults: list[Finding], directory: FilePath | None = FilePath()) -> Loaded:
    try:
        _lay_defaults(given)
        data = plain(given.root, Budget())
    except TooMuch as fault:
        raise _refused(str(fault), given.source, "too-large") from None
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        told = {(fault.line, fault.column) for fault in faults}  # an empty variable is seldom a good value
        more = explain(error, given.root, given.origins)
        raise InvalidConfig([*faults, *(f for f in more if (f.line, f.column) not in told)], given.source) from None
    if faults:
        raise InvalidConfig(faults, given.source)
    if directory is not None:
        config, faults = with_reference_files(config, given.root, directory)
        if faults:
            raise InvalidConfig(faults, given.source)
    return Loaded(config, given.source, given.root, given.text)


def _lay_defaults(given: _Given) -> None:
    """Take `defaults` out of the root and lay it under every model; an empty model has nothing of its own."""
    root, budget = given.root, Budget()
    entries = dict(root.entries)
    defaults = entries.pop(DEFAULTS, None)
    given.root = Table(root.mark, entries)
    under = defaults.node if defaults is not None else Table(root.mark)
    if isinstance(under, Leaf) and under.value is None:
        under = Table(root.mark)
    given.origins = paths(under, (DEFAULTS,))
    models = entries.get("models")
    if models is None or not isinstance(models.node, Table):
        return
    laid = Table(models.node.mark)
    for model_id, (key, own) in models.node.entries.items():
        nothing = isinstance(own, Leaf) and own.value is None
        node = laid_over(under, Table(key) if nothing else own, budget) if isinstance(under, Table) else under
        laid.entries[model_id] = Entry(key, node)
    entries["models"] = Entry(models.key, laid)


def _fill(root: Node, environment: Mapping[str, str], read_file: ReadFile) -> list[Finding]:
    """Fill in all variables of all values."""
    findings: list[Finding] = []
    where = paths(root)
    for leaf in leaves(root):
        if not isinstance(leaf.value, str) or "${" not in leaf.value:
            continue
        leaf.value, leaf.variables, leaf.hidden, faults = fill(leaf.value, environment, read_file)
        path = dotted(where[id(leaf)])
        findings += [Finding("error", *leaf.mark, path, fault, "variable") for fault in faults]
    return findings


def _node(value: Any) -> Node:
    if isinstance(value, Mapping):
        return Table(NOWHERE, {str(name): Entry(NOWHERE, _node(each)) for name, each in value.items()})
    if isinstance(value, (list, tuple)):
        return Items(NOWHERE, [_node(each) for each in value])
    return Leaf(NOWHERE, value, str(value))


def _refused(message: str, source: str, code: str = "unreadable") -> InvalidConfig:
    return InvalidConfig([Finding("error", *NOWHERE, "", message, code)], source)


def _too_large(source: str) -> InvalidConfig:
    return _refused(f"this file is larger than {MOST_BYTES // 1_048_576} MiB", source, "too-large")
