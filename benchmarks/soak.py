"""Memory under a steady load: does it end flat?

python benchmarks/soak.py [--minutes N] [--rate N]     (an hour by default)

Join and monitor as one process each, on an embedded broker. Labels are 500 predictions behind, the label TTL is five
minutes, so after ten everything that is held for a time has reached its level. Each line is a minute: resident memory
of both processes, in MB (10^6 bytes). At the end the slope of a straight line through what came after the first third.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # it is run as a script, from anywhere

from confluent_kafka import Producer

from benchmarks.process import Stages, Usage
from benchmarks.traffic import ADWIN, Maker, new_pipeline
from streamproc.config.pipeline import Config
from streamproc.kafka import properties
from streamproc.kafka.broker import EmbeddedBroker

TTL = {"label_ttl": "5m"}
STAGES = ("join", "monitor")
Sample = tuple[float, dict[str, float]]
"""(minutes since the start, stage -> resident MB)"""


def main() -> int:
    """Run, print; 1 if a process grows by more than a tenth of its size in an hour."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=int, default=1000, help="events a second")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, EmbeddedBroker() as broker:
        config, written = new_pipeline(broker.bootstrap_servers, ADWIN, join=TTL)
        with contextlib.ExitStack() as stack:
            processes = [stack.enter_context(Stages(written, [stage], Path(directory))) for stage in STAGES]
            for process in processes:
                process.wait_live()
            stop = threading.Event()
            feeder = threading.Thread(target=_feed, args=(config, options.rate, stop))
            feeder.start()
            stack.callback(feeder.join)
            stack.callback(stop.set)
            samples = list(_watch(processes, options.minutes))
            cpu = {stage: Usage.of(process.pid).cpu for stage, process in zip(STAGES, processes, strict=True)}
    return _report(samples, cpu, options)


def _feed(config: Config, rate: int, stop: threading.Event) -> None:
    """Events at a steady rate, with present times, for as long as it takes."""
    producer = Producer(properties.producer(config.kafka))
    maker, began = Maker(rate * 3600, 0), time.perf_counter()
    for count, (n, is_label, key) in enumerate(maker.events(rate * 100 * 3600)):
        if stop.is_set():
            break
        ahead = began + count / rate - time.perf_counter()
        if ahead > 0:
            producer.poll(0)
            time.sleep(ahead)
        now = time.time_ns() // 1_000_000
        value = maker.label(n, key, now) if is_label else maker.prediction(n, key, now)
        producer.produce(config.topics.labels if is_label else config.topics.predictions, value, key)
    producer.flush(10)


def _watch(processes: list[Stages], minutes: float) -> Iterator[Sample]:
    began = time.monotonic()
    while (passed := (time.monotonic() - began) / 60) < minutes:
        time.sleep(min(60.0, max(0.0, (minutes - passed) * 60)))
        resident = {}
        for stage, process in zip(STAGES, processes, strict=True):
            process.usage()  # raises if it has ended
            resident[stage] = _rss_mb(process.pid)
        at = (time.monotonic() - began) / 60
        print(f"{at:5.1f} min  " + "  ".join(f"{stage} {mb:6.1f}" for stage, mb in resident.items()), flush=True)
        yield at, resident


def _rss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"no VmRSS in /proc/{pid}/status")


def _report(samples: list[Sample], cpu: dict[str, float], options: argparse.Namespace) -> int:
    settled = samples[len(samples) // 3 :]
    grows, result = [], {}
    for stage in STAGES:
        slope, _ = statistics.linear_regression([at / 60 for at, _ in settled], [mb[stage] for _, mb in settled])
        last = settled[-1][1][stage]
        result[stage] = {"mb_per_hour": round(slope, 2), "last_mb": round(last, 1), "cpu_seconds": cpu[stage]}
        print(f"{stage}: {last:.1f} MB in the end, {slope:+.2f} MB an hour over the last two thirds")
        if slope > last / 10:
            grows.append(stage)
    print(json.dumps({"minutes": options.minutes, "rate": options.rate, **result}))
    return 1 if grows else 0


if __name__ == "__main__":
    sys.exit(main())
