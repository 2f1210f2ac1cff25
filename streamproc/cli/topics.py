"""`streamproc topics`: what the pipeline reads and writes."""

from __future__ import annotations

import click

from streamproc.cli.options import config_option
from streamproc.config.pipeline import Config


@click.group()
def topics() -> None:
    """Create the pipeline's topics, or look at them."""


@topics.command()
@config_option
def create(config: Config) -> None:
    """Create the topics that are missing; leave the others as they are."""
    from streamproc.app.layout import check_layout, plan
    from streamproc.kafka.admin import Admin

    admin = Admin(config.kafka)
    admin.partitions()  # says clearly when no broker answers
    for name, answer in admin.create(plan(config)).items():
        click.echo(f"{answer:8} {name}")
    check_layout(config, admin.partitions())


@topics.command(name="list")
@config_option
def list_(config: Config) -> None:
    """Each topic: partitions on the cluster, key, writer, what it carries."""
    from streamproc.app.layout import plan
    from streamproc.events.topics import INTERNAL, TOPICS, InternalTopic, Topic
    from streamproc.kafka.admin import Admin

    found = Admin(config.kafka).partitions()
    wanted = {topic.name for topic in plan(config)}
    topics: list[Topic | InternalTopic] = [*TOPICS, *INTERNAL]
    for topic in topics:
        name = getattr(config.topics, topic.name)
        if name not in wanted:
            continue
        count = found.get(name, "missing")
        click.echo(f"{name:24} {count!s:>8}  {topic.key:14} {topic.writer:34} {topic.carries}")
