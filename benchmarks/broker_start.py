"""How long the embedded Kafka takes to be ready: the first time ever, then with and without the ahead-of-time cache.

python benchmarks/broker_start.py      fetches Kafka into a scratch cache, so it needs the network
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

from streamproc.kafka.broker import EmbeddedBroker
from streamproc.kafka.embedded.runtime import open_runtime

ROUNDS = 7


def start() -> tuple[float, float, float, float]:
    """Start a broker on empty data, restart it and stop it: seconds to be ready, to restart, to stop; and megabytes."""
    began = time.perf_counter()
    broker = EmbeddedBroker(progress=print)
    broker.start()
    ready = time.perf_counter()
    status = Path(f"/proc/{broker.pid}/status")
    kilobytes = status.read_text().split("VmRSS:")[1].split()[0] if status.exists() else "0"
    measured = time.perf_counter()
    broker.restart()
    restarted = time.perf_counter()
    broker.stop()
    return ready - began, restarted - measured, time.perf_counter() - restarted, int(kilobytes) / 1000


def rounds(name: str) -> None:
    """Print the medians of several starts."""
    columns = zip(*(start() for _ in range(ROUNDS)), strict=True)
    ready, restart, stop, memory = (statistics.median(column) for column in columns)
    print(f"{name}: ready {ready:.2f} s, restart {restart:.2f} s, stop {stop:.2f} s, {memory:.0f} MB resident")


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["XDG_CACHE_HOME"] = scratch
        print(f"first start ever: ready {start()[0]:.1f} s")
        rounds("with ahead-of-time cache")
        open_runtime(print).forget_aot_cache()
        rounds("without")


if __name__ == "__main__":
    main()
