"""The `streamproc` command. Each command is loaded when it is called, so that `--help` stays quick."""

from __future__ import annotations

import importlib
import sys

import click

from streamproc.errors import BrokerUnavailable, StreamprocError, UserError

COMMANDS: dict[str, str] = {
    "init": "streamproc.cli.init:init",
    "check": "streamproc.cli.check:check",
    "topics": "streamproc.cli.topics:topics",
    "run": "streamproc.cli.run:run",
    "status": "streamproc.cli.status:status",
    "models": "streamproc.cli.models:models",
    "rollback": "streamproc.cli.models:rollback",
    "replay": "streamproc.cli.replay:replay",
    "reference": "streamproc.cli.reference:reference",
    "calibrate": "streamproc.cli.calibrate:calibrate",
    "trigger": "streamproc.cli.commands:trigger",
    "data": "streamproc.cli.data:data",
    "pause": "streamproc.cli.commands:pause",
    "resume": "streamproc.cli.commands:resume",
    "snooze": "streamproc.cli.commands:snooze",
    "explain": "streamproc.cli.explain:explain",
    "approve": "streamproc.cli.explain:approve",
    "deny": "streamproc.cli.explain:deny",
    "dead-letters": "streamproc.cli.dead_letters:dead_letters",
    "broker": "streamproc.cli.broker:broker",
    "demo": "streamproc.cli.demo:demo",
    "schemas": "streamproc.cli.schemas:schemas",
}
"""Command name -> where it lies; in the order of `--help`."""


class LazyGroup(click.Group):
    """A group that imports a command's module only when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        where = COMMANDS.get(cmd_name)
        if where is None:
            return None
        module, name = where.split(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="streamproc")
def cli() -> None:
    """Watch machine-learning models on Kafka; retrain them when it is worth it."""


def main() -> None:
    """Entry point: errors that somebody must mend are one clear message, never a traceback."""
    try:
        cli()
    except UserError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    except BrokerUnavailable as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(3)
    except StreamprocError as error:
        click.echo(f"error: {type(error).__name__}: {error}", err=True)
        sys.exit(4)
