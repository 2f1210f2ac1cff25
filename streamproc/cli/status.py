"""`streamproc status`: what the pipeline is doing."""

from __future__ import annotations

from dataclasses import asdict

import click
import orjson

from streamproc.cli.options import config_option
from streamproc.config.pipeline import Config
from streamproc.events.base import format_time


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def status(config: Config, *, as_json: bool) -> None:
    """Each stage's live processes and lag; each model's version, open triggers and last events. Read from Kafka."""
    from streamproc.app.layout import check_layout
    from streamproc.app.status import models, stages
    from streamproc.kafka.admin import Admin

    admin = Admin(config.kafka)
    partitions = admin.partitions()
    check_layout(config, partitions)
    stage_list, model_list = stages(config, admin, partitions), models(config, partitions)
    if as_json:
        found = {"stages": [asdict(s) for s in stage_list], "models": [asdict(m) for m in model_list]}
        click.echo(orjson.dumps(found, default=sorted).decode())
        return
    for stage in stage_list:
        running = ", ".join(stage.members) if stage.members else "not running"
        click.echo(f"{stage.name:8}  lag {stage.lag:>9,}  {running}")
    for model in model_list:
        since = f" since {format_time(model.since)}" if model.since else ""
        paused = "  PAUSED" if model.paused else ""
        click.echo(f"\n{model.model_id}: version {model.version or 'not known'}{since}{paused}")
        click.echo(f"  triggers: {model.triggers}, open: {', '.join(sorted(model.open_triggers)) or 'none'}")
        for decision_id, asked in model.awaiting.items():
            what = f"{asked['policy']}{' of ' + asked['segment'] if asked.get('segment') else ''}: {asked['reason']}"
            click.echo(f"  awaits approval: {what}\n    streamproc approve {decision_id}")
        if model.last_trigger:
            trigger = model.last_trigger
            click.echo(f"  last trigger: {format_time(trigger['time'])} {trigger['policy']}: {trigger['reason']}")
        if model.last_deploy:
            deploy = model.last_deploy
            reason = f": {deploy['reason']}" if deploy.get("reason") else ""
            click.echo(f"  last deploy event: {format_time(deploy['time'])} {deploy['status']}{reason}")
