"""`streamproc models` and `streamproc rollback`: what is in service, and the way back."""

from __future__ import annotations

import click
import orjson

from streamproc.cli.options import config_option
from streamproc.config.pipeline import Config
from streamproc.errors import UserError
from streamproc.events.base import format_time


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line instead of text.")
def models(config: Config, *, as_json: bool) -> None:
    """What is in service of each model, since when, why, and whether it has proved itself."""
    from streamproc.app.layout import check_layout
    from streamproc.app.service import services, shown
    from streamproc.kafka.admin import Admin

    partitions = Admin(config.kafka).partitions()
    check_layout(config, partitions)
    for service in services(config, partitions, judged=True):
        now, before = service.current, service.previous
        if as_json:
            told = {"current": now, "previous": before, "probation": service.probation}
            click.echo(orjson.dumps({"model_id": service.model_id, **told}))
            continue
        if now is None:
            click.echo(f"{service.model_id}: no deploy event yet")
            continue
        click.echo(f"{service.model_id}: version {now['model_version']} since {format_time(now['time'])}")
        click.echo(f"  {now['status'].replace('_', ' ')}: {now.get('reason') or 'no reason given'}")
        if (tried := shown(service)) is not None:
            click.echo(f"  {tried}")
        if now.get("trigger_id"):
            click.echo(f"  trigger: {now['trigger_id']} (streamproc explain {now['trigger_id']})")
        if now.get("artifact"):
            click.echo(f"  artifact: {now['artifact']['uri']}")
        click.echo(f"  before it: {before['model_version'] if before is not None else 'not known'}")


@click.command()
@click.argument("model")
@click.option("--to", help="The version to go back to; without it, the one before.")
@click.option("--reason", help="Kept in the deploy event.")
@config_option
def rollback(model: str, to: str | None, reason: str | None, config: Config) -> None:
    """Put the version of MODEL in service again that was there before."""
    from streamproc.app.layout import check_layout
    from streamproc.app.run import wall_clock
    from streamproc.app.service import rollback as event_of
    from streamproc.app.service import services
    from streamproc.kafka.admin import Admin
    from streamproc.kafka.plain import Sender

    if model not in config.models:
        raise UserError(f"no model {model!r} in the configuration; there are: {', '.join(config.models)}")
    partitions = Admin(config.kafka).partitions()
    check_layout(config, partitions)
    (service,) = (each for each in services(config, partitions) if each.model_id == model)
    key, value, headers = event_of(service, to=to, reason=reason, now=wall_clock(), pipeline=config.pipeline)
    with Sender(config.kafka) as sender:
        sender.send(config.topics.deploys, key, value, headers=headers)
    said = orjson.loads(value)
    click.echo(f"{model}: {said['previous_version']} -> {said['model_version']}")
