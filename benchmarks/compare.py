"""streamproc beside its peers: the same job, on one real Kafka, one after the other, several times.

python benchmarks/compare.py [--pairs N] [--repeat N] [--only NAME ...]      (or: make compare ARGS=...)

The job: predictions and labels meet by id, ADWIN watches each model's errors, what it finds goes to a topic. Each peer
has a virtual environment of its own (benchmarks/peers/NAME.txt), made at the first call, and a job that is written as
its documentation advises (benchmarks/peers/NAME_job.py), in one process. streamproc runs with everything on: exactly
once, RocksDB, snapshots, validation, dead letters; in two processes.

Each run has topics of its own. They are filled in a transaction that is committed when the process is up, so that
nobody's start counts. The clock runs until every pair has met (of the peers), or is committed (of streamproc, whose
clock also holds the monitor's last commit). CPU is that of the client's processes, from the same start to the same end.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # it is run as a script, from anywhere

from benchmarks.pipeline import machine, say
from benchmarks.process import ROOT, Usage, peak_rss_mb
from benchmarks.throughput import Row, Throughput
from benchmarks.traffic import ADWIN, Filled, new_pipeline
from streamproc.config.model import Config
from streamproc.kafka.admin import Admin
from streamproc.kafka.broker import EmbeddedBroker
from streamproc.kafka.tail import read_all

PEERS = ROOT / "benchmarks" / "peers"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "streamproc" / "peers"
PATIENCE = 300.0
START_SECONDS = 8.0
"""Peers do not say when they are ready; joining a group takes them so long."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Another way to do the job."""

    name: str
    library: str
    guarantees: str
    environment: tuple[tuple[str, str], ...] = ()


ALL = (
    Peer("bytewax", "bytewax", "state in memory; none after a crash"),
    Peer("quixstreams, at least once", "quixstreams", "state durable; repeats", (("GUARANTEE", "at-least-once"),)),
    Peer("quixstreams, exactly once", "quixstreams", "state durable; exactly once", (("GUARANTEE", "exactly-once"),)),
    Peer("faust-streaming", "faust", "state in memory; at least once"),
)


class Run:
    """One peer's process over topics of its own."""

    def __init__(self, peer: Peer, bootstrap: str, pairs: int, directory: Path) -> None:
        self._peer, self._bootstrap, self._pairs, self._directory = peer, bootstrap, pairs, directory
        self._joined = 0
        self._log: list[str] = []

    def measure(self) -> Row:
        """From when everything can be read until every pair has met."""
        config, _ = new_pipeline(self._bootstrap, ADWIN)
        filled = Filled(config, self._pairs)
        topics = config.topics
        command = [str(environment(self._peer.library)), str(PEERS / f"{self._peer.library}_job.py")]
        command += [self._bootstrap, topics.predictions, topics.labels, topics.triggers, config.pipeline]
        place = self._directory / config.pipeline
        place.mkdir()
        more = {"STATE": str(place / "state"), **dict(self._peer.environment)}
        with subprocess.Popen(
            command, cwd=place, env={**os.environ, **more}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            reader = threading.Thread(target=self._read, args=(process,), daemon=True)
            reader.start()
            try:
                return self._row(process, filled, config)
            finally:
                process.kill()
                reader.join(5)

    def _row(self, process: subprocess.Popen[str], filled: Filled, config: Config) -> Row:
        time.sleep(START_SECONDS)
        before = Usage.of(process.pid)
        filled.release()
        deadline = time.monotonic() + PATIENCE
        while self._joined < self._pairs:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(
                    f"{self._peer.name}: {self._joined} of {self._pairs} met\n" + "\n".join(self._log[-20:])
                )
            time.sleep(0.02)
        after = Usage.of(process.pid)
        events = 2 * self._pairs
        cost = (after.cpu - before.cpu) / events * 1e6
        return Row(self._peer.name, events, after.at - before.at, cost, None, peak_rss_mb(process.pid))

    def _read(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            _, told, rest = line.partition("joined ")  # faust puts what a job prints into a log of its own
            if told:
                self._joined = int(rest.split()[0])
            else:
                self._log.append(line.rstrip())


def environment(library: str) -> Path:
    """The peer's own Python, with what its requirements ask for."""
    requirements = (PEERS / f"{library}.txt").read_text()
    home = CACHE / f"{library}-py{platform.python_version()}"
    done, python = home / ".requirements", home / "bin" / "python"
    if not done.exists() or done.read_text() != requirements:
        say(f"installing {library} into {home} (once)")
        venv.create(home, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]
        subprocess.run([*install, str(PEERS / f"{library}.txt")], check=True)
        done.write_text(requirements)
    return python


def checked(bench: Throughput, config_count: int) -> str:
    """How many triggers streamproc's runs have written, each once."""
    found = []
    for config in bench.finished[-config_count:]:
        partitions = Admin(config.kafka).partitions()[config.topics.triggers]
        ids = [
            json.loads(r.value() or b"{}")["trigger_id"]
            for r in read_all(config.kafka, {config.topics.triggers: partitions})
        ]
        if len(ids) != len(set(ids)):
            raise RuntimeError("a trigger was written twice")
        found.append(len(ids))
    return f"triggers of streamproc's runs: {found}"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=200_000, help="predictions, and as many labels")
    parser.add_argument("--repeat", type=int, default=3, help="rounds, in each of which everybody runs once")
    parser.add_argument("--only", nargs="*", default=[peer.library for peer in ALL], help="these libraries alone")
    options = parser.parse_args()
    peers = [peer for peer in ALL if peer.library in options.only]
    for peer in peers:
        environment(peer.library)
    with tempfile.TemporaryDirectory() as directory, EmbeddedBroker(progress=say) as broker:
        rounds, told = measured(options, peers, broker, Path(directory))
    print_table(rounds, options, peers)
    print(told)
    return 0


def measured(
    options: argparse.Namespace, peers: Sequence[Peer], broker: EmbeddedBroker, directory: Path
) -> tuple[dict[str, list[Row]], str]:
    """Every round's rows, by name. The first round of a smaller size warms the broker up, and does not count."""
    rounds: dict[str, list[Row]] = {}
    Throughput(broker.bootstrap_servers, 20_000, broker.pid, directory).two_processes()
    bench = Throughput(broker.bootstrap_servers, options.pairs, broker.pid, directory)
    steps: list[tuple[str, Callable[[], Row]]] = [
        ("floor", lambda: bench.floor()[0]),
        ("streamproc", lambda: bench.two_processes()[0]),
    ]
    steps += [(p.name, Run(p, broker.bootstrap_servers, options.pairs, directory).measure) for p in peers]
    for number in range(options.repeat):
        for name, step in steps:
            with contextlib.suppress(KeyboardInterrupt):
                rounds.setdefault(name, []).append(step())
                say(f"round {number + 1}: {name}: {rounds[name][-1].rate:,.0f} events/s")
        steps = [*steps[1:], steps[0]]  # nobody is always first
    return rounds, checked(bench, options.repeat)


def print_table(rounds: dict[str, list[Row]], options: argparse.Namespace, peers: Sequence[Peer]) -> None:
    """Medians and spreads, and how much slower each is than streamproc."""
    said = {"floor": "nothing is joined", "streamproc": "state durable; exactly once; deterministic"}
    said |= {peer.name: peer.guarantees for peer in peers}
    about: dict[str, Any] = machine()
    day = time.strftime("%Y-%m-%d")
    print(f"\n{day}; {about['cpu']}, {about['cores']} cores, load {about['load']}; Python {about['python']}")
    print(f"{options.pairs:,} predictions and as many labels; the median of {options.repeat} rounds\n")
    print("| | events/s | spread | CPU µs an event | x floor | streamproc is faster by | peak MB | guarantees |")
    print("|---|---|---|---|---|---|---|---|")
    floor = statistics.median(row.cpu_us for row in rounds["floor"])
    ours = statistics.median(row.rate for row in rounds["streamproc"])
    for name, rows in rounds.items():
        rates, cost = sorted(row.rate for row in rows), statistics.median(row.cpu_us for row in rows)
        rate, peak = statistics.median(rates), max(row.peak_rss_mb for row in rows)
        faster = "" if name in ("floor", "streamproc") else f"{ours / rate:.1f} times"
        print(
            f"| {name} | {rate:,.0f} | {rates[0]:,.0f}-{rates[-1]:,.0f} | {cost:.1f} | {cost / floor:.1f} | {faster} | "
            f"{peak:.0f} | {said[name]} |"
        )


if __name__ == "__main__":
    sys.exit(main())
