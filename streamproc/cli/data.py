"""`streamproc data`: the labelled rows of a trigger, as a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO

import click

from streamproc.cli.options import config_option
from streamproc.config.pipeline import Config
from streamproc.errors import UserError


@click.command()
@click.argument("trigger_id")
@click.option("--to", "form", type=click.Choice(("parquet", "csv", "jsonl")), default="jsonl", show_default=True)
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Else: standard output."
)
@config_option
def data(trigger_id: str, form: str, output: Path | None, config: Config) -> None:
    """Write the labelled rows that TRIGGER_ID names: exactly those that its retrain reads."""
    from streamproc.app.data import training_data
    from streamproc.retrain.export import WRITERS
    from streamproc.retrain.rows import ContentHash

    found, content = training_data(trigger_id, config), ContentHash()
    rows = content.passing(found.rows())

    def write(file: IO[bytes]) -> None:
        WRITERS[form](rows, found.known.shape, file)

    if output is None:
        stream = sys.stdout.buffer
        if form == "parquet" and stream.isatty():
            raise UserError("Parquet is no text: name a file, with -o FILE")
        write(stream)
        stream.flush()
    else:
        part = output.with_name(f"{output.name}.part")
        try:
            with part.open("wb") as file:
                write(file)
            part.replace(output)
        except BaseException as error:
            part.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise UserError(f"{output} cannot be written: {error.strerror}") from error
            raise
    click.echo(f"{found.known.rows:,} rows of {found.trigger.model_id}, sha256 {content.hexdigest()}", err=True)
    if found.missing:
        click.echo(
            f"the journal no longer holds the beginning (retention): {found.missing:,} of "
            f"{found.trigger.data.outcomes:,} outcomes are gone",
            err=True,
        )
