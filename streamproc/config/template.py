"""The file that `streamproc init` writes."""

from __future__ import annotations

from importlib.resources import files

FILE_NAME = "streamproc.yaml"


def template() -> str:
    """A commented streamproc.yaml of one model, which `streamproc check --strict` finds nothing wrong with."""
    return files(__package__).joinpath("template.yaml").read_text(encoding="utf-8")
