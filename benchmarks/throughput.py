"""How fast a backlog is worked off, and what it costs: the floor, each stage by itself, and both together."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.answers import Answers
from benchmarks.process import PATIENCE, ROOT, Stages, Usage, peak_rss_mb
from benchmarks.traffic import ADWIN, INPUTS, MODELS, PARTITIONS, Filled, new_pipeline
from streamproc.config.pipeline import Config
from streamproc.kafka.admin import Admin
from streamproc.kafka.tail import read_all

LOOK = 0.05
"""Seconds between two looks at the committed offsets: how exact the end of a run is known."""
SLOWEST = 2_000
FLOORS = 5
_MARKERS = 2
"""Transactions end with a control record, which no consumer sees: so far may a committed offset be from the end."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    events: int
    """Events taken in: predictions and labels, or for the monitor by itself outcomes."""
    seconds: float
    cpu_us: float
    """CPU of the process, or processes, user and system, in µs for each of `events`."""
    broker_us: float | None
    peak_rss_mb: float
    """Of the whole life of the process; of several processes, the sum."""

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    def wire(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "events_per_s": self.rate}


class Throughput:
    """Measures. Each run has a pipeline and topics of its own, filled in a transaction that is still open.

    So the stages can start, load what they load and own their partitions, and there is nothing to read; then the
    transaction is committed, everything can be read at once, and the clock starts.
    """

    def __init__(self, bootstrap: str, pairs: int, broker_pid: int | None, directory: Path) -> None:
        self._bootstrap, self._pairs = bootstrap, pairs
        self._broker_pid, self._directory = broker_pid, directory
        self.sizes: dict[str, float] = {}
        self.finished: list[Config] = []
        """The pipelines whose journal holds all outcomes."""

    def floor(self) -> list[Row]:
        """A bare loop over topics of the same content; the cheapest of several, each so short that chance counts."""
        config, _, filled = self._pipeline()
        filled.release()
        topics = [getattr(config.topics, name) for name in INPUTS]
        return [min((self._floor(topics) for _ in range(FLOORS)), key=lambda row: row.cpu_us)]

    def _floor(self, topics: Sequence[str]) -> Row:
        before, events = self._broker(), 2 * self._pairs
        command = [sys.executable, "-m", "benchmarks.floor", self._bootstrap, str(events), *topics]
        answer = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=600)
        found = json.loads(answer.stdout)
        broker, cost = self._broker_us(before, events), found["cpu"] / events * 1e6
        return Row("bare consume + loads", events, found["seconds"], cost, broker, found["peak_rss_mb"])

    def alone(self) -> list[Row]:
        """The join with no monitor beside it, then the monitor on the journal that the join has written."""
        config, written, filled = self._pipeline()
        self._announce(config, written)
        with Stages(written, ["join"], self._directory) as join:
            rows = self._measure("join by itself", 2 * self._pairs, [join], [Group(config, "join", INPUTS)], filled)
        monitoring = [Group(config, "monitor", ["journal"])]
        with Answers(config), Stages(written, ["monitor"], self._directory) as monitor:
            rows += self._measure("monitor by itself", self._pairs, [monitor], monitoring)
        self.finished.append(config)
        return rows

    def hot_model(self) -> list[Row]:
        """The same with all events of one model: its outcomes are one partition of the journal, one process's work."""
        config, written, filled = self._pipeline(MODELS[:1])
        self._announce(config, written)
        with Stages(written, ["join"], self._directory) as join:
            self._measure("", 2 * self._pairs, [join], [Group(config, "join", INPUTS)], filled)
        with Answers(config), Stages(written, ["monitor"], self._directory) as monitor:
            groups = [Group(config, "monitor", ["journal"])]
            rows = self._measure("monitor by itself, one model", self._pairs, [monitor], groups)
        self.finished.append(config)
        return rows

    def two_joins(self) -> list[Row]:
        """Two processes share the join's partitions; no monitor beside them."""
        config, written, filled = self._pipeline()
        with contextlib.ExitStack() as stack:
            processes = [stack.enter_context(Stages(written, ["join"], self._directory)) for _ in range(2)]
            groups = [Group(config, "join", INPUTS)]
            return self._measure("join, two processes", 2 * self._pairs, processes, groups, filled)[:1]

    def two_processes(self) -> list[Row]:
        """Both at the same time, a process each."""
        return self._both("join + monitor, two processes", [["join"], ["monitor"]])

    def one_process(self) -> list[Row]:
        """Both at the same time in one process."""
        return self._both("join + monitor, one process", [["join", "monitor"]])

    def _both(self, what: str, layout: list[list[str]]) -> list[Row]:
        config, written, filled = self._pipeline()
        groups = [Group(config, "join", INPUTS), Group(config, "monitor", ["journal"])]
        with contextlib.ExitStack() as stack:
            stack.enter_context(Answers(config))
            processes = [stack.enter_context(Stages(written, stages, self._directory)) for stages in layout]
            rows = self._measure(what, 2 * self._pairs, processes, groups, filled)
        self.finished.append(config)
        return rows

    def _announce(self, config: Config, written: dict[str, Any]) -> None:
        """Let a monitor write which configuration decides: one that finds outcomes before that only measures them."""
        with Stages(written, ["monitor"], self._directory) as monitor:
            monitor.wait_live()
            deadline = time.monotonic() + PATIENCE
            while not any(True for _ in read_all(config.kafka, {config.topics.journal: PARTITIONS})):
                if time.monotonic() > deadline:
                    raise RuntimeError("the monitor has written nothing")
                time.sleep(LOOK)

    def _measure(
        self,
        what: str,
        events: int,
        processes: Sequence[Stages],
        groups: Sequence[Group],
        filled: Filled | None = None,
    ) -> list[Row]:
        """One row for all processes, and if there are several, one for each.

        From when all stages are live and the events can be read, until the groups have committed all there is.
        """
        for process in processes:
            process.wait_live()
        before, broker = [process.usage() for process in processes], self._broker()
        if filled is not None:
            filled.release()
        deadline = time.monotonic() + PATIENCE + events / SLOWEST
        while True:
            finished = all(group.has_read_all() for group in groups)  # in the order of the way of the data
            after = [process.usage() for process in processes]
            if finished:
                break
            if time.monotonic() > deadline:
                raise RuntimeError(f"{what}: fewer than {SLOWEST:,} events/s, given up")
            time.sleep(LOOK)
        seconds = after[0].at - before[0].at
        costs = [(b.cpu - a.cpu) / events * 1e6 for a, b in zip(before, after, strict=True)]
        peaks = [peak_rss_mb(process.pid) for process in processes]
        whole = Row(what, events, seconds, sum(costs), self._broker_us(broker, events), sum(peaks))
        if len(processes) == 1:
            return [whole]
        parts = zip(processes, costs, peaks, strict=True)
        return [whole, *(Row(f"  its {p.stages[0]}", events, seconds, cost, None, peak) for p, cost, peak in parts)]

    def _pipeline(self, models: Sequence[str] = MODELS) -> tuple[Config, dict[str, Any], Filled]:
        config, written = new_pipeline(self._bootstrap, ADWIN)
        filled = Filled(config, self._pairs, models)
        self.sizes = filled.sizes
        return config, written, filled

    def _broker(self) -> Usage | None:
        return Usage.of(self._broker_pid) if self._broker_pid is not None else None

    def _broker_us(self, before: Usage | None, events: int) -> float | None:
        after = self._broker()
        return (after.cpu - before.cpu) / events * 1e6 if before and after else None


class Group:
    """The consumer group of a stage, and how far it has come in its main inputs."""

    def __init__(self, config: Config, stage: str, topics: Sequence[str]) -> None:
        self._admin, self._group = Admin(config.kafka), f"{config.pipeline}-{stage}"
        self._topics = {getattr(config.topics, name): PARTITIONS for name in topics}

    def has_read_all(self) -> bool:
        """Whether everything that is in the topics has been committed, but for the control records at their ends."""
        return max(lag.records for lag in self._admin.lags(self._group, self._topics)) <= _MARKERS
