"""`streamproc init`: a configuration to start from."""

from __future__ import annotations

from pathlib import Path

import click

from streamproc.errors import UserError

_NEXT = """wrote {file}

Next:
  1. Edit it: the Kafka address, your model's id, what it is watched for. Each setting is explained in the file.
  2. streamproc check{check}
  3. streamproc topics create{option}
  4. streamproc run{option}

No Kafka at hand? `streamproc broker` runs one on this machine."""


@click.command()
@click.argument("target", type=click.Path(path_type=Path), default=Path())
@click.option("--force", is_flag=True, help="Overwrite what is there.")
def init(target: Path, *, force: bool) -> None:
    """Write a commented streamproc.yaml into TARGET: a directory (default: this one), or a file named *.yaml."""
    from streamproc.config.template import FILE_NAME, template

    file = target if target.suffix in (".yaml", ".yml") and not target.is_dir() else target / FILE_NAME
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise UserError(f"there can be no directory {file.parent}: {exc.strerror}") from exc
    try:
        with file.open("w" if force else "x", encoding="utf-8") as out:
            out.write(template())
    except FileExistsError as exc:
        raise UserError(f"{file} is there already: name another place, or overwrite it with --force") from exc
    except OSError as exc:
        raise UserError(f"{file} cannot be written: {exc.strerror}") from exc
    here = file == Path(FILE_NAME)
    click.echo(_NEXT.format(file=file, check="" if here else f" {file}", option="" if here else f" -c {file}"))
