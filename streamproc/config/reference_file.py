"""`drift: {reference_file: ...}`: a summary of data that lies in a file beside streamproc.yaml.

It is read when the configuration is, and belongs to it: with another content the model is watched in another way, and
has another configuration hash.
"""

from __future__ import annotations

from pathlib import Path as FilePath

from pydantic import ValidationError

from streamproc.config.findings import Finding, dotted
from streamproc.config.loaded import NOWHERE
from streamproc.config.model import Drift
from streamproc.config.nodes import Leaf, Mark, Node, Table
from streamproc.config.pipeline import Config
from streamproc.events.summary import Summary

SETTING = "reference_file"
MOST_BYTES = 4 * 1024 * 1024
_MAKE = "`streamproc reference` writes one from CSV, Parquet or JSON lines"


def with_reference_files(config: Config, root: Node, directory: FilePath) -> tuple[Config, list[Finding]]:
    """The configuration with the summaries that it names; what is wrong with them. Paths are from `directory`."""
    models, faults = dict(config.models), list[Finding]()
    for model_id, model in config.models.items():
        drift = model.drift
        if drift is None or drift.reference_file is None:
            continue
        found = _read(directory / drift.reference_file, drift)
        if isinstance(found, str):
            path = ("models", model_id, "drift", SETTING)
            faults.append(Finding("error", *_mark(root, path), dotted(path), found, "reference-file"))
        else:
            models[model_id] = model.model_copy(update={"drift": drift.with_summary(found)})
    return config.model_copy(update={"models": models}), faults


def _read(file: FilePath, drift: Drift) -> Summary | str:
    """The summary in a file, or what is wrong with it."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return f"there is no file {file}: {_MAKE}"
    except (OSError, ValueError) as fault:  # ValueError: a path with a null character
        return f"{file} cannot be read: {getattr(fault, 'strerror', None) or fault}"
    if len(content) > MOST_BYTES:
        return f"{file} is larger than {MOST_BYTES // 1_048_576} MiB, so it is no summary: {_MAKE}"
    try:
        summary = Summary.model_validate_json(content)
    except ValidationError as fault:
        first = fault.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        return f"{file} is not a summary: {f'{where}: ' if where else ''}{first['msg']}; {_MAKE}"
    if summary.signals.keys().isdisjoint(drift.signals):
        held = ", ".join(list(summary.signals)[:5]) or "nothing"
        return f"{file} sums up none of the drift signals ({', '.join(drift.signals)}), but {held}"
    return summary


def _mark(root: Node, path: tuple[str, ...]) -> Mark:
    """Where a setting stands; of one that came from `defaults`, the nearest section."""
    mark = NOWHERE
    node = root
    for name in path:
        if not isinstance(node, Table) or name not in node.entries:
            break
        node = node.entries[name].node
        mark = node.mark if isinstance(node, (Leaf, Table)) else mark
    return mark
