"""Throughput, cost and latency of the join and the monitor on a real Kafka: benchmarks/README.md says what is measured.

python benchmarks/pipeline.py [--events N] [--verify] [--repeat N]     (or: make bench ARGS=...)
python benchmarks/pipeline.py --latency-only [--rate N ...] [--seconds N]
python benchmarks/pipeline.py --scale [--events N]
python benchmarks/pipeline.py --quick                                  a small run that checks itself, for CI
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # it is run as a script, from anywhere

import confluent_kafka

from benchmarks import latency
from benchmarks.plot import latency_page
from benchmarks.throughput import Row, Throughput
from benchmarks.traffic import LABEL_LAG, MODELS, PARTITIONS
from benchmarks.verify import wrong_with
from streamproc.kafka.broker import EmbeddedBroker

LAYOUTS: dict[str, list[list[str]]] = {
    "two processes": [["monitor"], ["join"]],
    "one process": [["join", "monitor"]],
}
WARM_UP_SECONDS = 60.0
QUICK_EVENTS, QUICK_ROUNDS = 60_000, 2
MOST_TIMES_THE_FLOOR = 12.0
"""Of --quick, the cheapest of its rounds: half more than usual. docs/performance.md says what is usual."""


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000, help="predictions and labels together")
    parser.add_argument("--repeat", type=int, default=1, help="measure throughput so often; the median run counts")
    parser.add_argument("--verify", action="store_true", help="check every outcome of every run")
    parser.add_argument(
        "--rate", type=int, nargs="+", default=[1000], help="events a second, one or several, for the latency"
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="how long the latency is measured")
    parser.add_argument("--bootstrap", help="use this Kafka instead of an embedded one; topics are left there")
    parser.add_argument(
        "--broker", type=_setting, nargs="+", default=[], metavar="NAME=VALUE", help="settings of the embedded Kafka"
    )
    parser.add_argument("--plot", type=Path, metavar="FILE", help="latency against load, as an HTML page")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the JSON line here too")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--latency-only", action="store_true")
    only.add_argument("--throughput-only", action="store_true")
    only.add_argument("--scale", action="store_true", help="what two processes cost, and how far one hot model goes")
    only.add_argument("--quick", action="store_true", help=f"{QUICK_EVENTS:,} events; fails when something is off")
    found = parser.parse_args()
    if found.quick:
        found.events, found.seconds, found.verify, found.repeat = QUICK_EVENTS, 10.0, True, QUICK_ROUNDS
    return found


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"write NAME=VALUE, not {text!r}")
    return name, value


def main() -> int:
    """Measure, print; 1 if something is wrong with what came out."""
    options = arguments()
    with tempfile.TemporaryDirectory() as directory:
        if options.bootstrap:
            return run(options, options.bootstrap, None, Path(directory))
        with EmbeddedBroker(progress=say, settings=dict(options.broker)) as broker:
            return run(options, broker.bootstrap_servers, broker.pid, Path(directory))


def run(options: argparse.Namespace, bootstrap: str, broker_pid: int | None, directory: Path) -> int:
    """Everything that was asked for, on one Kafka."""
    result: dict[str, Any] = {"machine": machine(), "events": options.events}
    faults: list[str] = []
    if not options.latency_only:
        rows, sizes, faults = throughput(options, bootstrap, broker_pid, directory)
        result |= {"sizes": sizes, "throughput": [row.wire() for row in rows]}
        print_table(rows, sizes)
        if options.quick:
            faults += too_dear(rows)
    if not (options.throughput_only or options.scale):
        result["latency"] = latencies(options, bootstrap, directory)
        if options.plot:
            latency_page(result["latency"], f"label to trigger on {result['machine']['cpu']}", options.plot)
    line = json.dumps(result)
    print(f"\n{line}")
    if options.json:
        options.json.write_text(line + "\n")
    for fault in faults:
        print(f"WRONG: {fault}", file=sys.stderr)
    return 1 if faults else 0


def latencies(options: argparse.Namespace, bootstrap: str, directory: Path) -> dict[str, list[dict[str, Any]]]:
    """Two bare hops and every layout at every rate, in turns; prints each as it comes."""
    if not options.quick:
        say("warming up the broker: it compiles its code for small transactions only after thousands of them")
        latency.measure(bootstrap, options.rate[0], WARM_UP_SECONDS, LAYOUTS["one process"], directory)
    print(f"\nlabel to trigger, {options.seconds:.0f} s at each rate, in ms; load of the machine {machine()['load']}")
    ways: dict[str, Callable[[str, int, float], dict[str, Any]]] = {"two bare hops": latency.measure_floor}
    ways |= {name: partial(latency.measure, layout=layout, directory=directory) for name, layout in LAYOUTS.items()}
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
    for rate in options.rate:
        for name, measure in ways.items():
            found = measure(bootstrap, rate, options.seconds)
            rows[name].append(found)
            figures = "  ".join(f"{p} {found[f'{p}_ms']:6.1f}" for p in ("p50", "p90", "p99", "max"))
            rates = f"{rate:6,} events/s (sent {found['sent_rate']:6,.0f})"
            print(f"  {rates}  {name:14} {figures}  ({found['triggers']} triggers, {found['cores_used']:.2f} cores)")
            sys.stdout.flush()
    return rows


def throughput(
    options: argparse.Namespace, bootstrap: str, broker_pid: int | None, directory: Path
) -> tuple[list[Row], dict[str, float], list[str]]:
    """Rows of the table, sizes of the events, what is wrong."""
    pairs = options.events // 2
    bench = Throughput(bootstrap, pairs, broker_pid, directory)
    steps = [bench.floor, bench.alone, bench.two_processes, bench.one_process]
    if options.scale:
        steps = [bench.floor, bench.alone, bench.two_joins, bench.hot_model]
    rounds: list[list[Row]] = []
    faults: list[str] = []
    for _ in range(options.repeat):
        rows: list[Row] = []
        for step in steps:
            rows += step()
            say(f"{step.__name__.replace('_', ' ')}: done")
        rounds.append(rows)
    for config in bench.finished if options.verify else ():
        faults += [f"{config.pipeline}: {fault}" for fault in wrong_with(config, pairs)]
    if options.verify and not faults:
        say(f"verified: each of {len(bench.finished)} runs has {pairs:,} outcomes, each once and with its own label")
    chosen = cheapest_row if options.quick else median_row
    return [chosen(same) for same in zip(*rounds, strict=True)], bench.sizes, faults


def median_row(rows: tuple[Row, ...]) -> Row:
    """The run with the median rate."""
    return sorted(rows, key=lambda row: row.rate)[(len(rows) - 1) // 2]


def cheapest_row(rows: tuple[Row, ...]) -> Row:
    """The run with the least CPU: what else the machine does only adds to it."""
    return min(rows, key=lambda row: row.cpu_us)


def print_table(rows: list[Row], sizes: dict[str, float]) -> None:
    """For people."""
    floor = rows[0].cpu_us
    print(f"\n{machine()['cpu']}, {os.cpu_count()} cores; Python {platform.python_version()}")
    print(
        f"predictions of {sizes['prediction_bytes']:.0f} bytes, labels of {sizes['label_bytes']:.0f}, "
        f"{LABEL_LAG} behind; {len(MODELS)} models with ADWIN; {PARTITIONS} partitions\n"
    )
    print(f"{'':30} {'events':>10} {'events/s':>9} {'µs CPU':>7} {'x floor':>7} {'broker µs':>9} {'peak MB':>8}")
    for row in rows:
        broker = "" if row.broker_us is None else f"{row.broker_us:.1f}"
        print(
            f"{row.what:30} {row.events:10,} {row.rate:9,.0f} {row.cpu_us:7.2f} {row.cpu_us / floor:7.1f} "
            f"{broker:>9} {row.peak_rss_mb:8.0f}"
        )
    sys.stdout.flush()


def too_dear(rows: list[Row]) -> list[str]:
    """What costs absurdly more than a bare loop: absolute times would say more of the machine than of the code."""
    floor = rows[0].cpu_us
    return [
        f"{row.what}: {row.cpu_us:.1f} µs an event, over {MOST_TIMES_THE_FLOOR:.0f} times the floor of {floor:.1f}"
        for row in rows
        if row.cpu_us > MOST_TIMES_THE_FLOOR * floor
    ]


def machine() -> dict[str, Any]:
    """What the figures are of."""
    cpuinfo = Path("/proc/cpuinfo").read_text()
    names = [line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "librdkafka": confluent_kafka.libversion()[0],
        "load": round(os.getloadavg()[0], 2),
    }


def say(text: str) -> None:
    """Progress, apart from the results."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
