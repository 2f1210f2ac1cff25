"""`streamproc run`: the stages."""

from __future__ import annotations

import contextlib

import click

from streamproc.cli.options import loaded_option
from streamproc.config.loaded import Loaded

SPARE_PORTS = 15


@click.command()
@click.argument("stages", nargs=-1, type=click.Choice(["join", "monitor", "retrain"]))
@loaded_option
@click.option(
    "--slot",
    envvar="STREAMPROC_SLOT",
    help="This process's name among those of its stages: stable over restarts, unique among live ones. Default: the "
    "first that is free on this host. `pod`: the number at the end of the host's name, as a StatefulSet gives it.",
)
@click.option("--http", help="Address of /metrics and /healthz, instead of the configured one; `off` for none.")
@click.option("--log-format", type=click.Choice(["auto", "json", "text"]), default="auto", show_default=True)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
def run(
    *, stages: tuple[str, ...], loaded: Loaded, slot: str | None, http: str | None, log_format: str, log_level: str
) -> None:
    """Run all stages in one process, or only STAGES (join, monitor, retrain).

    Start as many processes of a stage as its topics have partitions: they share the work. SIGTERM stops cleanly.
    """
    from streamproc.app.run import Runner, stop_on_signals
    from streamproc.check import start_up
    from streamproc.telemetry.http import serve
    from streamproc.telemetry.logs import set_up_logs

    set_up_logs(log_format, log_level)
    start_up(loaded)
    config = loaded.config
    runner = Runner(config, stages, slot)
    address = config.engine.http if http is None else http
    # Several processes on one host share a configuration: each takes the next free port, unless one was asked for.
    spare = SPARE_PORTS if http is None else 0
    page = serve(address, runner.engines, spare) if address not in ("", "off") else contextlib.nullcontext()
    with stop_on_signals(runner), page:
        runner.run()
