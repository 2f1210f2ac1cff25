"""Commands to one model: `trigger`, `pause`, `resume`, `snooze`."""

from __future__ import annotations

import uuid
from typing import Any

import click

from streamproc.cli.options import config_option
from streamproc.config.pipeline import Config
from streamproc.config.units import parse_duration
from streamproc.errors import TopicError, UserError


def send_command(config: Config, model: str, command: str, reason: str | None, **more: Any) -> None:
    """Write a command to its topic, and say its id."""
    from streamproc.app.commands import command_record
    from streamproc.app.run import wall_clock
    from streamproc.kafka.admin import Admin
    from streamproc.kafka.tail import send_all

    command_id = more.pop("command_id", None) or f"cmd_{uuid.uuid4().hex}"
    key, value = command_record(config, model, command, command_id=command_id, now=wall_clock(), reason=reason, **more)
    if config.topics.commands not in Admin(config.kafka).partitions():
        raise TopicError(f"the topic {config.topics.commands} is missing\n  Make it with: streamproc topics create")
    send_all(config.kafka, [(config.topics.commands, key, value)])
    click.echo(f"{command} {model}: sent as {command_id}")


_reason = click.option("--reason", help="Kept in the decision log.")
_id = click.option("--id", "command_id", help="Sent twice with one id, a command is carried out once.")


@click.command()
@click.argument("model")
@_reason
@_id
@config_option
def trigger(model: str, reason: str | None, command_id: str | None, config: Config) -> None:
    """Retrain MODEL now, whatever its policies say."""
    send_command(config, model, "trigger", reason, command_id=command_id)


@click.command()
@click.argument("model")
@_reason
@config_option
def pause(model: str, reason: str | None, config: Config) -> None:
    """Let no policy of MODEL fire until `resume`."""
    send_command(config, model, "pause", reason)


@click.command()
@click.argument("model")
@_reason
@config_option
def resume(model: str, reason: str | None, config: Config) -> None:
    """End a pause or a snooze of MODEL."""
    send_command(config, model, "resume", reason)


@click.command()
@click.argument("model")
@click.argument("duration")
@_reason
@config_option
def snooze(model: str, duration: str, reason: str | None, config: Config) -> None:
    """Let no policy of MODEL fire for DURATION (30m, 4h, 2d)."""
    from streamproc.app.run import wall_clock

    try:
        until = wall_clock() + parse_duration(duration)
    except ValueError as exc:
        raise UserError(str(exc)) from exc
    send_command(config, model, "snooze", reason, until=until)
