"""Everything that a run consists of, started in its order and ended whatever happens."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from streamproc.app.stages import STAGES
from streamproc.config.pipeline import Config
from streamproc.kafka.admin import Admin
from tests.chaos.brokers import Brokers
from tests.chaos.feed import Feed
from tests.chaos.pipeline import PARTITIONS, config_of, write_file, written
from tests.chaos.tail import Tail
from tests.chaos.traffic import Traffic
from tests.chaos.watch import Commits, Ends, Offsets, Partition, Samples, inputs
from tests.chaos.workers import ROOT, Worker, Workers

COMMAND_SECONDS: Final = 60.0
LEAD_MS: Final = 1_000
REST_LOOKS: Final = 3
LOOK_SECONDS: Final = 0.5


class Site:
    """A pipeline on brokers that run: workers, users, and those who watch. `work` and `logs` exist."""

    def __init__(
        self, name: str, brokers: Brokers, work: Path, logs: Path, *, launcher: Sequence[str] = (), **sections: Any
    ) -> None:
        """`launcher`: see `Workers`; `sections`: see `pipeline.written`."""
        self.name, self.brokers, self.size, self.work, self.logs = name, brokers, len(brokers.brokers), work, logs
        self._launcher, self._sections = launcher, sections
        self._stack = contextlib.ExitStack()
        self.busy: set[str] = set()
        """Workers that something befalls at the moment."""
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            sections = written(self.name, self.brokers.proxied_servers, self.work, self.size, **self._sections)
            self.config: Config = config_of(sections)
            self.workers = Workers(sections, self.work, self.logs, self._launcher)
            self._create_topics()
            self.groups = self._groups()
            servers = self.brokers.bootstrap_servers
            self.tail = Tail(self.config, servers, PARTITIONS)
            stack.callback(self.tail.stop)
            self._ends = Ends(servers)
            stack.callback(self._ends.close)
            self.offsets = stack.enter_context(Offsets(servers, self.groups))
            self.commits = Commits()
            self.brokers.proxies.observers.append(self.commits)
            stack.callback(self.brokers.proxies.observers.remove, self.commits)
            stack.enter_context(self.workers)
            self.samples = stack.enter_context(Samples(self.workers.workers))
            self.tail.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, _: TracebackType | None) -> None:
        self._stack.close()

    def feed(self, seed: int, seconds: float, events_a_second: float) -> Feed:
        """Users who write for so long."""
        start = int(time.time() * 1000) + LEAD_MS
        traffic = Traffic(seed, start, int(seconds * 1000), events_a_second / 2.5)
        feed = Feed(self.config, self.brokers.bootstrap_servers, traffic, lambda: self.tail.to_answer)
        self._stack.callback(feed.stop)
        feed.start()
        return feed

    @contextlib.contextmanager
    def claim(self, choose: Callable[[list[Worker]], Worker | None]) -> Iterator[Worker | None]:
        """A running worker that nothing befalls at the moment, as `choose` says; None if there is none."""
        with self._lock:
            free = [w for w in self.workers.running() if w.name not in self.busy]
            worker = choose(free) if free else None
            if worker is not None:
                self.busy.add(worker.name)
        try:
            yield worker
        finally:
            if worker is not None:
                self.busy.discard(worker.name)

    def wait_at_rest(self, seconds: float) -> None:
        """Until everything is read, committed and answered, and no transaction is open. Raises TimeoutError."""
        deadline, calm = time.monotonic() + seconds, 0
        while calm < REST_LOOKS:
            why = self._unrest()
            calm = 0 if why else calm + 1
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {seconds:.0f} s of calm: {why}")
            time.sleep(LOOK_SECONDS)

    def _unrest(self) -> str:
        """Why it is not at rest yet; empty if it is."""
        try:
            found = [why for stage in STAGES if (why := self.unread(stage))]
            return " ".join(found[:1]) or self.open_transactions() or self.tail.unanswered()
        except Exception as exc:  # noqa: BLE001 - no answer is no rest
            return repr(exc)

    def unread(self, stage: str) -> str:
        """What a stage has not committed yet; empty if it is at the end. Raises KafkaException."""
        group = f"{self.config.pipeline}-{stage}"
        committed = self.offsets.look(group)
        for partition in self.groups[group]:
            place, end = committed.get(partition, 0), self._ends.all(partition)
            if partition in self.tail.seen:  # with control records, which nobody gets
                if self.tail.positions.get(partition, 0) < end and end:
                    return f"a reader of {partition} is at {self.tail.positions.get(partition)} of {end}"
                end = self.tail.last(*partition) + 1
            if place < end:
                return f"{group} is at {place} of {end} in {partition}"
        return ""

    def members(self, stage: str) -> list[str]:
        """The live members of a stage's group."""
        return Admin({"bootstrap.servers": self.brokers.bootstrap_servers}).members(f"{self.config.pipeline}-{stage}")

    def open_transactions(self, *others: str) -> str:
        """Our partitions whose last stable offset is not their end, and those of other topics; empty if none is."""
        topics = self.brokers.admin.list_topics(timeout=10).topics
        ours = {*others, *(name for _, name in self.config.topics)}
        partitions = [(name, number) for name, topic in topics.items() if name in ours for number in topic.partitions]
        held = sorted(p for p in partitions if self._ends.stable(p) != self._ends.all(p))
        return f"open transactions in {held}" if held else ""

    def _groups(self) -> dict[str, list[Partition]]:
        numbers = {name: PARTITIONS for _, name in self.config.topics if isinstance(name, str)}
        with contextlib.ExitStack() as stack:
            stages = {name: make(self.config, numbers, stack)[0] for name, make in STAGES.items()}
            return inputs(stages, PARTITIONS, self.config.pipeline)

    def _create_topics(self) -> None:
        """As the README says. A file of its own: this command does not go through the proxies."""
        direct = written(self.name, self.brokers.bootstrap_servers, self.work, self.size, **self._sections)
        file = write_file(direct, self.work / "config", "topics")
        command = [sys.executable, "-m", "streamproc.cli", "topics", "create", "--config", str(file)]
        done = subprocess.run(
            command, cwd=ROOT, timeout=COMMAND_SECONDS, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}:\n{done.stdout.decode()}")


@contextlib.contextmanager
def scratch(keep_logs_in: Path) -> Iterator[tuple[Path, Path]]:
    """Directories for work and for logs, removed at the end; if there was an error, logs go to `keep_logs_in`."""
    with tempfile.TemporaryDirectory(prefix="streamproc-chaos-", ignore_cleanup_errors=True) as root:
        work, logs = Path(root, "work"), Path(root, "logs")
        work.mkdir()
        logs.mkdir()
        try:
            yield work, logs
        except BaseException:
            shutil.rmtree(keep_logs_in, ignore_errors=True)
            shutil.copytree(logs, keep_logs_in)
            raise
