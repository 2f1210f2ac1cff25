"""`streamproc check`: what is wrong with a configuration, and on which line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

import click

from streamproc.config.findings import Finding


@click.command(
    epilog="Exit codes: 0 nothing to mend (warnings and notes allowed), 1 errors (with --strict: or warnings), 2 wrong "
    "use of this command."
)
@click.argument("file", default="streamproc.yaml", envvar="STREAMPROC_CONFIG")
@click.option("--strict", is_flag=True, help="Warnings count as errors; notes never do.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="text: `file:line:column: error: setting: message [code]`, one finding a line.",
)
@click.pass_context
def check(ctx: click.Context, file: str, form: str, *, strict: bool) -> None:
    """Check FILE: all that a start would refuse, and what is probably not meant.

    Without FILE it is $STREAMPROC_CONFIG, and without that streamproc.yaml.
    ${VARIABLES} are filled in, so those without a default must be set here too. Kafka is not asked.
    """
    findings = _findings(file)
    counts = Counter(finding.severity for finding in findings)
    failed = counts["error"] > 0 or (strict and counts["warning"] > 0)
    click.echo(_as_json(file, findings, failed=failed) if form == "json" else _as_text(file, findings))
    ctx.exit(1 if failed else 0)


def _findings(file: str) -> Sequence[Finding]:
    from streamproc.check import lint
    from streamproc.config.findings import InvalidConfig
    from streamproc.config.load import read

    try:
        return lint(read(file))
    except InvalidConfig as fault:
        return fault.findings


def _as_text(file: str, findings: Sequence[Finding]) -> str:
    lines = [f"{f.at(file)}: {f.severity}: {f.text} [{f.code}]" for f in findings]
    return "\n".join([*lines, _summary(file, findings)])


def _summary(file: str, findings: Sequence[Finding]) -> str:
    if not findings:
        return f"{file}: nothing to mend"
    counts = Counter(finding.severity for finding in findings)
    found = [(severity, counts[severity]) for severity in ("error", "warning", "note") if counts[severity]]
    return f"{file}: " + ", ".join(f"{count} {severity}{'' if count == 1 else 's'}" for severity, count in found)


def _as_json(file: str, findings: Sequence[Finding], *, failed: bool) -> str:
    counts = Counter(finding.severity for finding in findings)
    report = {
        "file": file,
        "ok": not failed,
        "errors": counts["error"],
        "warnings": counts["warning"],
        "notes": counts["note"],
        "findings": [asdict(finding) for finding in findings],
    }
    return json.dumps(report, indent=2)
