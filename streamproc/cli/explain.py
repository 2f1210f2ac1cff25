"""`streamproc explain`, `approve` and `deny`: what was decided, and answers to what asks."""

from __future__ import annotations

import click

from streamproc.cli.commands import send_command
from streamproc.cli.options import config_option
from streamproc.config.pipeline import Config
from streamproc.errors import UserError


@click.command()
@click.argument("event_id", metavar="ID")
@config_option
def explain(event_id: str, config: Config) -> None:
    """Tell in plain words why the trigger or decision ID came, and what became of it. Read from Kafka."""
    from streamproc.app.layout import check_layout
    from streamproc.app.story import read_log, tell
    from streamproc.kafka.admin import Admin

    partitions = Admin(config.kafka).partitions()
    check_layout(config, partitions)
    for line in tell(read_log(config, partitions), event_id):
        click.echo(line)


def _answer(config: Config, request: str, answer: str, reason: str | None) -> None:
    from streamproc.app.layout import check_layout
    from streamproc.app.story import read_log
    from streamproc.kafka.admin import Admin

    partitions = Admin(config.kafka).partitions()
    check_layout(config, partitions)
    decision = read_log(config, partitions).decision(request)
    if decision["verdict"] != "awaiting_approval":
        raise UserError(f"{request} asks for nothing: it is a decision `{decision['verdict']}`")
    send_command(config, decision["model_id"], answer, reason, request=request)


_reason = click.option("--reason", help="Kept in the decision log.")


@click.command()
@click.argument("request", metavar="ID")
@_reason
@config_option
def approve(request: str, reason: str | None, config: Config) -> None:
    """Release the trigger that the decision ID (`awaiting_approval`) asks for."""
    _answer(config, request, "approve", reason)


@click.command()
@click.argument("request", metavar="ID")
@_reason
@config_option
def deny(request: str, reason: str | None, config: Config) -> None:
    """Refuse the trigger that the decision ID (`awaiting_approval`) asks for."""
    _answer(config, request, "deny", reason)
