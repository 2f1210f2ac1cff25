"""`streamproc demo`: see it work."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import click

from streamproc.errors import MissingExtra


@click.command()
@click.option("--tutorial", is_flag=True, help="Instead: conditions, deploys and schedules, step by step, as a table.")
@click.option("--rows", type=click.IntRange(min=1), help="Feed only so many rows of the 44,312.")
@click.option(
    "--speed", type=click.FloatRange(min=1), default=3000.0, show_default=True, metavar="ROWS", help="Rows a second."
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Feed no longer than that, though rows be left; 0: until all are fed.",
)
@click.option(
    "--hold/--no-hold",
    default=True,
    help="Let the feed wait while a retrain runs (default): in the market half an hour lies between two rows.",
)
@click.option(
    "--keep", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Leave everything in DIR."
)
@click.option("--plain", is_flag=True, help="Plain lines, as when the output is no terminal.")
def demo(*, tutorial: bool, keep: Path | None, plain: bool, **feed: Any) -> None:
    """Run the whole loop on a real Kafka and real data: predict, notice, retrain, compare, deploy, go on.

    Needs neither Docker nor Java; takes about a minute. Ctrl-C ends it, and leaves nothing behind.
    """
    from streamproc.demo.interrupt import EXIT_CODE

    try:
        if tutorial:
            from streamproc.demo.tutorial import run as run_tutorial

            ok = run_tutorial(keep, _line)
            sys.exit(0 if ok else 1)
        _market(keep, plain=plain, **feed)
    except KeyboardInterrupt:
        _line("stopped; nothing is left running")
        sys.exit(EXIT_CODE)


def _market(keep: Path | None, *, plain: bool, rows: int | None, speed: float, seconds: float, hold: bool) -> None:
    try:
        from rich.console import Console
    except ModuleNotFoundError as missing:
        raise MissingExtra("the demo", "demo") from missing
    from streamproc.demo.lines import Lines
    from streamproc.demo.run import Options, run
    from streamproc.demo.screen import Screen
    from streamproc.demo.summary import summary

    console = Console()
    drawable = console.is_terminal and not console.is_dumb_terminal
    display = Screen(console) if drawable and not plain else Lines(_line)
    status = run(Options(rows, speed, seconds or math.inf, hold, keep), display)
    for line in summary(status, keep):
        _line(line)


def _line(text: str) -> None:
    click.echo(text)
    sys.stdout.flush()
