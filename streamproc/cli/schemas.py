"""`streamproc schemas`: JSON Schemas of all events and of streamproc.yaml, and the AsyncAPI document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from streamproc.errors import UserError


def files() -> dict[str, str]:
    """File name -> content, the same for the same version of streamproc."""
    from streamproc.config.pipeline import Config, Topics
    from streamproc.config.schema import config_schema
    from streamproc.events.asyncapi import asyncapi
    from streamproc.events.schema import event_schemas
    from streamproc.events.topics import TOPICS

    topics = Topics()
    addresses = {topic.name: getattr(topics, topic.name) for topic in TOPICS}
    server = Config.model_fields["kafka"].get_default(call_default_factory=True)["bootstrap.servers"]
    return {
        **{f"{stem}.schema.json": _text(schema) for stem, schema in event_schemas().items()},
        "streamproc.yaml.schema.json": _text(config_schema()),
        "asyncapi.json": _text(asyncapi(addresses, topics.partitions, topics.replication, server)),
    }


def differing(directory: Path, wanted: dict[str, str]) -> list[str]:
    """Names of files that are missing from the directory, that say something else, or that nobody wants there."""
    found = {path.name: path.read_text(encoding="utf-8") for path in directory.glob("*.json")}
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("schemas"),
    show_default=True,
    help="The directory.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 when the directory's files differ.")
def schemas(out: Path, *, check: bool) -> None:
    """Write the JSON Schemas of all events and of streamproc.yaml, and an AsyncAPI 3 document.

    Editors that know the YAML language server check a configuration that begins with
    `# yaml-language-server: $schema=schemas/streamproc.yaml.schema.json`.
    """
    wanted = files()
    if check:
        if differ := differing(out, wanted):
            raise UserError(
                f"not as the code says: {', '.join(differ)} in {out}\n  Run: streamproc schemas --out {out}"
            )
        click.echo(f"{len(wanted)} files in {out} are as the code says")
        return
    out.mkdir(parents=True, exist_ok=True)
    for name, text in wanted.items():
        (out / name).write_text(text, encoding="utf-8")
    click.echo(f"{len(wanted)} files written to {out}")


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
