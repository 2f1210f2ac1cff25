"""New members that restore everything from the real cluster, compared with ones that never stopped."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Final

import structlog

from streamproc.app.run import wall_clock
from streamproc.app.stages import STAGES
from streamproc.engine.loop import Engine, Settings
from streamproc.kafka.client import ConfluentKafka
from streamproc.stage import Task
from tests.chaos.kept import RealKept
from tests.chaos.pipeline import PARTITIONS
from tests.chaos.site import Site
from tests.simulation.restored import differences
from tests.simulation.truth import Truth

PATIENCE: Final = 60.0
CRITICAL: Final = 50


def compare_restored(site: Site, kept: RealKept, truths: Mapping[str, Truth]) -> list[str]:
    """Where restored state goes on otherwise than uninterrupted state. Raises TimeoutError."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(_quiet())
        restored = {name: _restored(site, name, stack) for name in ("join", "monitor")}
        return [f"restored: {each}" for each in differences(kept, site.config, truths, restored, wall_clock())]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What these members would log is no news here."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(CRITICAL))
    yield
    structlog.configure(**before)


def _restored(site: Site, name: str, stack: contextlib.ExitStack) -> Mapping[int, Task]:
    """All tasks of a stage, once one new member owns them: when the sessions of the stopped ones have ended."""
    config = site.config
    numbers = {topic: PARTITIONS for _, topic in config.topics if isinstance(topic, str)}
    (stage,) = STAGES[name](config, numbers, stack)
    kafka = ConfluentKafka({**config.kafka, "bootstrap.servers": site.brokers.bootstrap_servers})
    engine = Engine(stage, kafka, Settings(config.pipeline, "heir", config.topics.dead_letters), wall_clock)
    engine.start()
    stack.callback(engine.close)
    deadline = time.monotonic() + PATIENCE
    while not (engine.progress.live and len(engine._tasks.tasks) == PARTITIONS):
        engine.step()
        if time.monotonic() > deadline:
            raise TimeoutError(f"{name}: {sorted(engine._tasks.tasks)} restored after {PATIENCE:.0f} s")
    return engine._tasks.tasks
