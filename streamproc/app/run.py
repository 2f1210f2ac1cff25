"""Runs stages in this process, each in a thread of its own, until a signal or an error that a person must mend."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, Protocol, runtime_checkable

import structlog

from streamproc.app.garbage import seldom_collected
from streamproc.app.layout import check_layout, check_retention
from streamproc.app.slots import slot
from streamproc.app.stages import STAGES
from streamproc.config.pipeline import Config
from streamproc.engine.limits import Bounds
from streamproc.engine.loop import Engine, Settings
from streamproc.errors import BrokerUnavailable, ConfigError
from streamproc.join.inputs import source_topics
from streamproc.join.store.disk import Disk
from streamproc.kafka.admin import Admin
from streamproc.kafka.client import ConfluentKafka
from streamproc.stage import Stage

RETRY_SECONDS = 2.0
FIRST_WORD_SECONDS = 5.0
"""How soon an unreachable broker is reported."""


def wall_clock() -> int:
    """Epoch milliseconds. The only clock: everything below gets the time as an argument."""
    return time.time_ns() // 1_000_000


def bounds(config: Config) -> Bounds:
    """When a partition is paused, in the engine's words."""
    limits = config.dead_letters
    return Bounds(limits.max_run, limits.max_share, limits.window)


class Cluster(NamedTuple):
    """What is to be known of Kafka before stages can be made."""

    partitions: Mapping[str, int]
    identity: str
    """Of the cluster and of the join's inputs."""


@runtime_checkable
class Lingering(Protocol):
    """A stage that has something to bring to an end before it stops, while its engine goes on."""

    def may_stop(self, now: int, *, at_once: bool) -> bool:
        """Whether it may stop at this time (epoch ms); asked from the stop on, by the engine's own thread."""
        ...


def may_stop(stage: Stage, *, at_once: bool = False) -> bool:
    """Whether a stage that was told to stop may stop now; `at_once`: because something is wrong."""
    return not isinstance(stage, Lingering) or stage.may_stop(wall_clock(), at_once=at_once)


class Runner:
    """Some stages of a pipeline, running."""

    def __init__(self, config: Config, stages: Sequence[str] = (), slot_name: str | None = None) -> None:
        self._config, self._wanted_slot = config, slot_name
        self._slots: dict[str, str] = {}
        self._names = tuple(stages) or tuple(STAGES)
        self._stop = threading.Event()
        self._log: Any = structlog.get_logger()
        self._failure: BaseException | None = None
        self.engines: list[tuple[Stage, Engine]] = []

    def stop(self) -> None:
        """Finish what is open, hand over the partitions, return from `run`. From any thread or signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Raises UserError; waits for a broker that does not answer."""
        cluster = self._wait_for_topics()
        if cluster is None:
            return
        with contextlib.ExitStack() as stack:
            disks = partial(self._disks, cluster.identity, stack)
            stages = [
                stage for name in self._names for stage in STAGES[name](self._config, cluster.partitions, stack, disks)
            ]
            if not stages:
                raise ConfigError(f"nothing to run for {', '.join(self._names)}: no model has a `retrain` section")
            kafka = ConfluentKafka(self._config.kafka)
            for stage in stages:
                engine = Engine(stage, kafka, self._settings(stage, stack), wall_clock)
                self.engines.append((stage, engine))
            threads = [
                threading.Thread(target=self._run_engine, args=(stage, engine), name=f"streamproc-{stage.name}")
                for stage, engine in self.engines
            ]
            stack.enter_context(seldom_collected())
            for thread in threads:
                thread.start()
            for thread in threads:
                while thread.is_alive():  # a join without a timeout would not let signal handlers run
                    thread.join(0.5)
        if self._failure is not None:
            raise self._failure

    def _slot_of(self, stage: str, stack: contextlib.ExitStack) -> str:
        """This process's slot of a stage, held until the stack is closed."""
        if stage not in self._slots:
            servers = str(self._config.kafka.get("bootstrap.servers", ""))
            self._slots[stage] = stack.enter_context(slot(self._config.pipeline, stage, self._wanted_slot, servers))
        return self._slots[stage]

    def _disks(self, identity: str, stack: contextlib.ExitStack) -> Callable[[int], Disk]:
        """Where the join keeps its state. Raises UserError."""
        from streamproc.disk.directory import StateDirectory

        config, name = self._config, "join"
        root = Path(config.state_directory).resolve()
        directory = StateDirectory(root, config.pipeline, self._slot_of(name, stack), identity)
        stack.callback(directory.close)
        directory.tidy(config.join.label_ttl)
        return directory

    def _settings(self, stage: Stage, stack: contextlib.ExitStack) -> Settings:
        config = self._config
        return Settings(
            pipeline=config.pipeline,
            slot=self._slot_of(stage.name, stack),
            dead_letters=config.topics.dead_letters,
            batch=config.engine.batch,
            commit_interval_ms=config.engine.commit_interval,
            bounds=bounds(config),
        )

    def _should_stop(self, stage: Stage) -> Callable[[], bool]:
        told = False

        def should_stop() -> bool:
            nonlocal told
            if not self._stop.is_set() or may_stop(stage, at_once=self._failure is not None):
                return self._stop.is_set()
            if not told:
                told = True
                self._log.info("stopping once the running retrains are dealt with", on_stop=self._config.worker.on_stop)
            return False

        return should_stop

    def _run_engine(self, stage: Stage, engine: Engine) -> None:
        try:
            engine.run(self._should_stop(stage))
        except BaseException as exc:  # noqa: BLE001 - raised by `run`, in the main thread
            # One stage that cannot go on ends the process: a supervisor restarts it, or a person reads why.
            self._failure = self._failure or exc
            self._stop.set()

    def _wait_for_topics(self) -> Cluster | None:
        """The cluster, once it answers and its topics fit. Raises TopicError."""
        while not self._stop.is_set():
            try:
                return self._look()
            except BrokerUnavailable as exc:
                self._log.error(str(exc), retry_in_seconds=RETRY_SECONDS)
                self._stop.wait(RETRY_SECONDS)
        return None

    def _look(self) -> Cluster:
        admin, identity = Admin(self._config.kafka, FIRST_WORD_SECONDS), ""
        partitions = admin.partitions()
        check_layout(self._config, partitions)
        if "join" in self._names:
            inputs = source_topics(self._config)
            check_retention(self._config, admin.settings(inputs))
            identity = admin.identity(inputs)
        return Cluster(partitions, identity)


@contextlib.contextmanager
def stop_on_signals(runner: Runner) -> Iterator[None]:
    """SIGINT and SIGTERM stop the runner; a second one ends the process at once."""

    def handle(number: int, frame: FrameType | None) -> None:
        runner.stop()
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_DFL)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
