"""`streamproc broker`: the embedded Kafka by itself."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click


@click.command()
@click.option("--port", default=9092, show_default=True, help="0 takes a free one.")
@click.option(
    "--data", type=click.Path(path_type=Path), help="Keep the data here; without it, it goes with the broker."
)
def broker(port: int, data: Path | None) -> None:
    """Run a genuine Apache Kafka on this machine, without Docker or an installed Java, until Ctrl-C."""
    from streamproc.kafka.broker import EmbeddedBroker

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with EmbeddedBroker(port=port, data_dir=data) as running:
        click.echo(f"Kafka is ready at {running.bootstrap_servers}; Ctrl-C stops it.")
        while not stop.wait(0.5):
            if not running.alive:
                raise click.ClickException("the broker ended by itself")
