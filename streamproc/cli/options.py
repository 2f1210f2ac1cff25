"""What several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from streamproc.config.load import load, read


def config_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--config FILE`, given to the command as a loaded `config`."""
    return _option("config", load)(function)


def loaded_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--config FILE`, given to the command as `loaded`: the configuration and the place of each setting."""
    return _option("loaded", read)(function)


def unread_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--config FILE`, given to the command as a `config` whose reference files were not looked at."""
    return _option("config", lambda path: read(path, reference_files=False).config)(function)


def _option(name: str, loader: Callable[[str], Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "--config",
        "-c",
        name,
        default="streamproc.yaml",
        show_default=True,
        metavar="FILE",
        envvar="STREAMPROC_CONFIG",
        callback=lambda _ctx, _param, value: loader(value),
        help="The configuration file.",
    )
