"""streamproc beside its peers: the same job, on one real Kafka, one after the other, several times.

python benchmarks/compare.py [--pairs N] [--repeat N] [--only NAME ...]      (or: make compare ARGS=...)

The job: predictions and labels meet by id, ADWIN watches each model's errors, what it finds goes to a topic. Each peer
has a virtual environment of its own (benchmarks/peers/NAME.txt), made at the first call, and a job that is written as
its documentation advises (benchmarks/peers/NAME_job.py), in one process and in two that share the partitions.
streamproc runs with everything on: exactly once, RocksDB, snapshots, validation, dead letters; in two processes.

Each run has topics of its own. They are filled in a transaction that is committed when the process is up, so that
nobody's start counts; pairs that a peer has met before, as it reads what is not committed, are left out. The clock
runs until every pair has met (of the peers), or is committed (of streamproc, whose clock also holds the monitor's last
commit). CPU is that of the client's processes, from the same start to the same end.
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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # it is run as a script, from anywhere

from benchmarks.pipeline import machine, say
from benchmarks.process import ROOT, Usage, peak_rss_mb
from benchmarks.throughput import Row, Throughput
from benchmarks.traffic import ADWIN, Filled, new_pipeline
from streamproc.config.pipeline import Config
from streamproc.kafka.admin import Admin
from streamproc.kafka.broker import EmbeddedBroker
from streamproc.kafka.embedded.ports import free_ports
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
    processes: int = 1


IN_ONE = (
    Peer("bytewax", "bytewax", "state in memory; none after a crash"),
    Peer("quixstreams, at least once", "quixstreams", "state durable; repeats", (("GUARANTEE", "at-least-once"),)),
    Peer("quixstreams, exactly once", "quixstreams", "state durable; exactly once", (("GUARANTEE", "exactly-once"),)),
    Peer("faust-streaming", "faust", "state in memory; at least once"),
)
ALL = tuple(each for one in IN_ONE for each in (one, replace(one, name=f"{one.name}; two processes", processes=2)))


class PeerFailed(RuntimeError):
    """A peer has not done the job."""


class Run:
    """One peer's processes over topics of their own."""

    def __init__(self, peer: Peer, bootstrap: str, pairs: int, directory: Path) -> None:
        self._peer, self._bootstrap, self._pairs, self._directory = peer, bootstrap, pairs, directory
        self._joined = [0] * peer.processes
        self._log: list[str] = []

    def measure(self) -> Row:
        """From when everything can be read until every pair has met."""
        config, _ = new_pipeline(self._bootstrap, ADWIN)
        filled = Filled(config, self._pairs)
        addresses = ";".join(f"127.0.0.1:{port}" for port in free_ports("127.0.0.1", self._peer.processes))
        with contextlib.ExitStack() as stack:
            processes = [
                stack.enter_context(self._process(config, number, addresses)) for number in range(self._peer.processes)
            ]
            readers = [threading.Thread(target=self._read, args=each, daemon=True) for each in enumerate(processes)]
            for reader in readers:
                reader.start()
            try:
                return self._row(processes, filled)
            finally:
                for process in processes:
                    process.kill()
                for reader in readers:
                    reader.join(5)

    def _process(self, config: Config, number: int, addresses: str) -> subprocess.Popen[str]:
        topics = config.topics
        command = [str(environment(self._peer.library)), str(PEERS / f"{self._peer.library}_job.py")]
        command += [self._bootstrap, topics.predictions, topics.labels, topics.triggers, config.pipeline]
        place = self._directory / f"{config.pipeline}-{number}"
        place.mkdir()
        more = {"STATE": str(place / "state"), "NUMBER": str(number), "ADDRESSES": addresses}
        variables = {**os.environ, **more, **dict(self._peer.environment)}
        return subprocess.Popen(
            command, cwd=place, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def _row(self, processes: Sequence[subprocess.Popen[str]], filled: Filled) -> Row:
        time.sleep(START_SECONDS)
        early = sum(self._joined)  # faust reads what is not committed yet
        if early == self._pairs:
            raise PeerFailed(f"{self._peer.name} had met all of the {early} pairs before the clock began: take more")
        before = [Usage.of(process.pid) for process in processes]
        filled.release()
        deadline = time.monotonic() + PATIENCE
        while sum(self._joined) < self._pairs:
            if any(process.poll() is not None for process in processes) or time.monotonic() > deadline:
                raise PeerFailed(
                    f"{self._peer.name}: {self._joined} of {self._pairs} met\n" + "\n".join(self._log[-20:])
                )
            time.sleep(0.02)
        after = [Usage.of(process.pid) for process in processes]
        events = 2 * (self._pairs - early)
        cost = sum(b.cpu - a.cpu for a, b in zip(before, after, strict=True)) / events * 1e6
        peak = sum(peak_rss_mb(process.pid) for process in processes)
        return Row(self._peer.name, events, after[0].at - before[0].at, cost, None, peak)

    def _read(self, number: int, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            _, told, rest = line.partition("joined ")  # faust puts what a job prints into a log of its own
            if told:
                self._joined[number] = int(rest.split()[0])
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
            try:
                row = step()
            except PeerFailed as exc:  # the others have run for minutes
                say(f"round {number + 1}: {name}: left out: {exc}")
                continue
            except KeyboardInterrupt:
                if number == 0:
                    raise
                say(f"round {number + 1}: {name}: interrupted; this is what the rounds before have given")
                return rounds, checked(bench, number)
            rounds.setdefault(name, []).append(row)
            say(f"round {number + 1}: {name}: {row.rate:,.0f} events/s")
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
