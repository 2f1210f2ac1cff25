"""The figures of a replay as a table for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from streamproc.config.units import format_duration


def table(figures: dict[str, Any]) -> str:
    """All models, a line for each arm."""
    return "\n".join(_lines(figures))


def columns(model: dict[str, Any]) -> list[str]:
    """Which figures there are: the headings of `row`."""
    arms = model["arms"]
    heads = ["", "outcomes", "error" if model["task"] == "regression" else "errors"]
    heads += ["avoided"] if any("errors_avoided" in arm for arm in arms) else []
    heads += ["triggers", "deployed", "rejected", "failed"]
    heads += ["drifts found", "delay", "false alarms"] if any("judged" in arm for arm in arms) else []
    return heads + (["cost"] if any("cost" in arm for arm in arms) else [])


def row(arm: dict[str, Any], model: dict[str, Any]) -> list[str]:
    """One arm's figures as text."""
    rate = arm["error_rate"]
    shown = "-" if rate is None else f"{rate:.4g}" if model["task"] == "regression" else f"{rate:.2%}"
    cells = [arm["name"], f"{arm['outcomes']:,}", shown]
    if "errors_avoided" in arm:
        cells.append(
            f"{arm['errors_avoided']:,.6g}" if model["task"] == "regression" else f"{arm['errors_avoided']:,.0f}"
        )
    cells += [f"{arm[name]:,}" for name in ("triggers", "deployed", "rejected", "failed")]
    if "judged" in arm:
        judged = arm["judged"]
        delay = judged["median_delay_outcomes"]
        cells += [
            f"{judged['found']} of {judged['drifts']}",
            "-" if delay is None else f"{delay:,.0f} outcomes",
            f"{judged['false_alarms']:,}",
        ]
    return cells + ([f"{arm['cost']:,.2f}"] if "cost" in arm else [])


def about(figures: dict[str, Any]) -> str:
    """What was replayed, in a line."""
    takes = figures.get("takes")
    after = f", deployed {format_duration(takes)} after the trigger" if takes is not None else ""
    return f"{figures['source']}; deploys: {figures['deploys']}{after}"


def _lines(figures: dict[str, Any]) -> Iterator[str]:
    yield about(figures)
    for model_id, model in figures["models"].items():
        yield ""
        arms = model["arms"]
        span = f"{arms[0]['from']} to {arms[0]['to']}" if arms[0]["from"] else "no outcome"
        yield f"{model_id}: {span}"
        rows = [columns(model), *(row(arm, model) for arm in arms)]
        widths = [max(len(each[at]) for each in rows) for at in range(len(rows[0]))]
        for each in rows:
            first, *rest = each
            cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))]
            yield "  " + "  ".join(cells).rstrip()
    for name, reasons in figures["rejected"].items():
        told = ", ".join(f"{count:,} {reason}" for reason, count in sorted(reasons.items()))
        yield f"\n{name}: events that could not be used: {told}"
    for note in figures["notes"]:
        yield f"\nnote: {note}"
