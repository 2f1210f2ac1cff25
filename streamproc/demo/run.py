"""`streamproc demo`: everything from an empty machine to the summary."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

from streamproc.demo import settings
from streamproc.demo.interrupt import interruptible
from streamproc.demo.machinery import Machinery
from streamproc.demo.status import Display, Status
from streamproc.errors import MissingExtra


class Options(NamedTuple):
    """How the demo is to run."""

    rows: int | None = None
    """How many rows are fed after the training ones; None: all."""
    rows_per_second: float = 3000.0
    seconds: float = 60.0
    """When to end, though rows are left."""
    hold: bool = True
    """Whether the feed waits while a retrain runs."""
    keep: Path | None = None
    """A directory to leave everything in."""


def run(options: Options, display: Display) -> Status:
    """Run it. Raises UserError, BrokerUnavailable; KeyboardInterrupt when it was interrupted, with everything ended."""
    machinery = Machinery(options.keep, display.say)
    with interruptible(machinery.end_by_force), machinery:
        return _run(machinery, options, display)


def _run(machinery: Machinery, options: Options, display: Display) -> Status:
    began = time.monotonic()
    machinery.broker.launch()
    # While Kafka starts. scikit-learn takes a second to load.
    try:
        from streamproc.demo.loop import Loop
        from streamproc.demo.market import load
        from streamproc.demo.server import first_model
    except ModuleNotFoundError as missing:
        raise MissingExtra("the demo", "demo") from missing
    half_hours = load()
    if options.rows is not None:
        half_hours = half_hours[: settings.TRAINING_ROWS + options.rows]
    model = first_model(half_hours)
    machinery.broker.wait_until_ready()
    display.say(f"Apache Kafka is up at {machinery.broker.bootstrap_servers} ({time.monotonic() - began:.1f} s)")
    config = machinery.configure(settings.MODELS)
    began = time.monotonic()
    machinery.run_stages(config)
    display.say(f"`streamproc run` is up: join, monitor, retrain ({time.monotonic() - began:.1f} s)")
    status = None
    try:
        loop = Loop(machinery, config, half_hours, model, display)
        status = loop.run(options.rows_per_second, options.seconds, hold=options.hold)
    finally:
        display.close(status)
    return status
