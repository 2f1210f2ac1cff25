"""Lint of configurations: what can be said of a streamproc.yaml before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

from streamproc.check.codes import CODES, Code
from streamproc.check.models import lint_model
from streamproc.check.pipeline import lint_pipeline
from streamproc.check.site import Site
from streamproc.config.findings import Finding, InvalidConfig, in_order
from streamproc.config.loaded import NOWHERE, Loaded
from streamproc.config.nodes import Mark
from streamproc.config.pipeline import Config

__all__ = ["CODES", "Code", "Finding", "lint", "start_up"]


def lint(loaded: Loaded) -> tuple[Finding, ...]:
    """All that there is to say about a configuration that could be loaded, by line."""
    config, site = loaded.config, Site(loaded)
    findings = list(lint_pipeline(config, site))
    in_use = set[Mark]()
    for model_id, model in config.models.items():
        of_model, places = lint_model(model, site.at("models", model_id))
        findings += of_model
        in_use |= places - {NOWHERE}
    return in_order(_once(findings, in_use))


def _once(findings: Iterable[Finding], in_use: AbstractSet[Mark]) -> Iterator[Finding]:
    """What models share by `defaults` or anchors is told once, and as unused only if none of them uses it."""
    told = set[tuple[object, ...]]()
    for finding in findings:
        mark = Mark(finding.line, finding.column)
        fact = (mark, finding.code, finding.message, finding.path if mark == NOWHERE else "")
        if fact in told or (finding.code.startswith("unused-") and mark in in_use):
            continue
        told.add(fact)
        yield finding


def start_up(config: Config | Loaded) -> tuple[Finding, ...]:
    """Refuse what `streamproc check` calls an error, in the same words; give the warnings and notes.

    Raises InvalidConfig, a ConfigError. With a `Loaded` (see `config.load.read`) it names lines, with a bare `Config`
    only settings.
    """
    loaded = config if isinstance(config, Loaded) else Loaded(config)
    findings = lint(loaded)
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        raise InvalidConfig(errors, loaded.source)
    return findings
