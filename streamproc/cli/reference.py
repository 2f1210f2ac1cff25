"""`streamproc reference`: a file of training rows, summed up for `drift: {reference_file: ...}`."""

from __future__ import annotations

from pathlib import Path

import click

from streamproc.cli.options import unread_option
from streamproc.config.pipeline import Config
from streamproc.errors import UserError

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("files", nargs=-1, required=True, type=_FILE, metavar="FILE...")
@click.option("--model", "model_id", metavar="MODEL", help="Whose rows they are.  [default: the only one]")
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Else: standard output."
)
@unread_option
def reference(files: tuple[Path, ...], model_id: str | None, output: Path | None, config: Config) -> None:
    """Sum up training rows (.csv, .parquet, .jsonl): the reference that drift is measured against.

    Columns are features, but for prediction, score, label and the like, which the configuration's `inputs` map.
    Name the written file in the model's drift section: `reference_file: reference.json`.
    """
    import orjson

    from streamproc.replay.reference import summary_of

    summary = summary_of(config, _model(config, model_id), files)
    text = orjson.dumps(summary.wire(), option=orjson.OPT_INDENT_2).decode()
    if output is None:
        click.echo(text)
    else:
        try:
            output.write_text(text + "\n", encoding="utf-8")
        except OSError as exc:
            raise UserError(f"{output} cannot be written: {exc.strerror}") from exc
    click.echo(f"{summary.rows:,} rows, {len(summary.signals)} signals: {', '.join(summary.signals)}", err=True)


def _model(config: Config, model_id: str | None) -> str:
    if model_id is None and len(config.models) == 1:
        return next(iter(config.models))
    if model_id in config.models:
        return str(model_id)
    asked = "say whose rows they are, with --model" if model_id is None else f"there is no model {model_id}"
    raise UserError(f"{asked}: the configuration has {', '.join(config.models)}")
