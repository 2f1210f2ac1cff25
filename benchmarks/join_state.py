"""What the join's state costs: on the disk, in memory, and to have it back.

    python benchmarks/join_state.py [--entries N] [--memory]       the store by itself, filled with N predictions
    python benchmarks/join_state.py --restore [--entries N]        the same state from Kafka: inputs against a changelog

The store: N waiting predictions of 280 bytes over eight buckets of event time, settled 5,000 at a time as by commits.
Then misses and hits, 5,000 ids at a time as a batch has them, and one by one; a bucket is dropped; and a new process
opens what is there. Times per entry are CPU of the whole process, RocksDB's threads included, and by the clock.

The restore runs on an embedded Kafka, in a process of its own: the real task over N predictions, and N labels with
`--joined`; then the alternative, a topic with the newest bytes of every entry, read straight into the same store. What
that topic would cost while the join runs is printed with it: records and bytes for each event.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # it is run as a script, from anywhere

from benchmarks.traffic import ADWIN, MODELS, Maker, configuration
from streamproc.app.garbage import seldom_collected
from streamproc.config.load import from_mapping
from streamproc.config.pipeline import Config
from streamproc.disk.directory import StateDirectory
from streamproc.join.inputs import source_topics
from streamproc.join.stage import JoinStage
from streamproc.join.store.codec import Summary, pack_entry, pack_summary
from streamproc.join.store.disk import Writes
from streamproc.join.store.entries import Entry, Waiting
from streamproc.join.store.memory import MemoryStore
from streamproc.join.store.overlay import Overlay
from streamproc.join.store.protocol import Kept, Store
from streamproc.kafka.admin import Admin, TopicPlan
from streamproc.kafka.broker import EmbeddedBroker
from streamproc.kafka.client import ConfluentKafka
from streamproc.kafka.tail import send_all
from streamproc.stage import Past

ROOT = Path(__file__).resolve().parent.parent
BATCH = 5_000
LOOKUPS = 100_000
BUCKETS = 8
START = 1_767_225_600_000
RULES = "benchmark"
RESTORE_BATCH = 10_000


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--memory", action="store_true", help="the store in memory, for comparison")
    parser.add_argument("--restore", action="store_true", help="from Kafka")
    parser.add_argument("--joined", action="store_true", help="with --restore: every prediction has its label")
    parser.add_argument("--as", dest="role", choices=["warm", "inputs", "changelog"], help=argparse.SUPPRESS)
    parser.add_argument("--directory", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--bootstrap", help=argparse.SUPPRESS)
    parser.add_argument("--run", help=argparse.SUPPRESS)
    return parser.parse_args()


class Clock:
    """CPU and time since it was made."""

    def __init__(self) -> None:
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def seconds(self) -> tuple[float, float]:
        """(CPU, by the clock)."""
        return time.process_time() - self._cpu, time.perf_counter() - self._wall

    def say(self, what: str, count: int) -> None:
        """Per entry."""
        cpu, wall = self.seconds()
        print(
            f"{what:32} {cpu / count * 1e6:8.2f} µs CPU {wall / count * 1e6:8.2f} µs  {count / wall:12,.0f}/s",
            flush=True,
        )


def resident_mb() -> float:
    """Of this process, now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def on_disk(directory: Path) -> int:
    """Bytes."""
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())


def bucket_ms(entries: int) -> int:
    """Of event time, at one prediction a millisecond."""
    return max(1, entries // BUCKETS)


def waiting(maker: Maker, n: int, time: int) -> tuple[str, Entry]:
    """The n-th prediction as the join holds it; `time`: its event time, epoch ms."""
    key = maker.key(n)
    body = maker.prediction(n, key, time)[1:-1]
    return key.decode(), Waiting(time, MODELS[n % len(MODELS)], n % 2, body)


def store_by_itself(options: argparse.Namespace, directory: Path) -> None:
    """Fill, look up, drop; then a new process opens it."""
    count, maker = options.entries, Maker(options.entries, START)
    disks = StateDirectory(directory, "benchmark", "0", "")
    store: Store = MemoryStore(bucket_ms(count)) if options.memory else Overlay(disks(0), bucket_ms(count), RULES)
    print(f"{count:,} entries, {resident_mb():.0f} MB resident before")
    cpu = wall = 0.0
    for first in range(0, count, BATCH):
        made = [waiting(maker, n, START + n) for n in range(first, min(count, first + BATCH))]
        began = time.process_time(), time.perf_counter()
        store.prefetch([name for name, _ in made])
        for name, entry in made:
            store.put(name, entry, store.get(name))
        store.settle(Kept({"t": first}, (0, 0, START + first)))
        cpu, wall = cpu + time.process_time() - began[0], wall + time.perf_counter() - began[1]
    print(
        f"{'put and settle':32} {cpu / count * 1e6:8.2f} µs CPU {wall / count * 1e6:8.2f} µs  {count / wall:12,.0f}/s"
    )
    print(f"{resident_mb():.0f} MB resident after", flush=True)
    rng = random.Random(5)  # noqa: S311 - data, not secrets
    there = [maker.key(rng.randrange(count)).decode() for _ in range(LOOKUPS)]
    absent = [f"{rng.getrandbits(144):036x}" for _ in range(LOOKUPS)]
    for what, names in (("miss", absent), ("hit", there)):
        clock = Clock()
        for first in range(0, LOOKUPS, BATCH):
            batch = names[first : first + BATCH]
            store.prefetch(batch)
            if any((store.get(name) is None) != (what == "miss") for name in batch):
                raise RuntimeError(f"this was to be a {what}")
        clock.say(f"{what}, {BATCH:,} ids at a time", LOOKUPS)
        others = [maker.key(rng.randrange(count)).decode() if what == "hit" else f"{n:036}" for n in range(BATCH)]
        clock = Clock()
        for name in others:
            store.get(name)
        clock.say(f"{what}, one by one", BATCH)
    clock = Clock()
    dropped = store.drop_before(START + bucket_ms(count) * 2)
    store.settle(Kept({"t": count}, (0, 0, 0)))
    clock.say("drop a bucket and settle", 1)
    print(f"{dropped.waiting:,} entries dropped; {resident_mb():.0f} MB resident in the end")
    store.close()
    disks.close()
    if not options.memory:
        size = on_disk(directory)
        print(f"on the disk {size / 1e6:.0f} MB, {size / max(1, len(store)):.0f} bytes an entry")
        child(options, "warm", directory)


def warm(options: argparse.Namespace, directory: Path) -> None:
    """What a restarted process waits for."""
    disks = StateDirectory(directory, "benchmark", "0", "")
    store, clock = Overlay(disks(0), bucket_ms(options.entries), RULES), Clock()
    if store.kept() is None:
        raise RuntimeError("there is nothing to go on from")
    store.go_on()
    clock.say("warm restart", 1)
    print(f"{len(store):,} entries again, {resident_mb():.0f} MB resident")
    store.close()
    disks.close()


def child(options: argparse.Namespace, role: str, directory: Path, *more: str) -> None:
    """The same program in a new process, whose memory is its own."""
    command = [sys.executable, __file__, "--entries", str(options.entries), "--as", role, "--directory", str(directory)]
    subprocess.run([*command, *more, *(["--joined"] if options.joined else [])], check=True, cwd=ROOT)


def pipeline(bootstrap: str, run: str, entries: int) -> Config:
    """One partition; nothing expires."""
    written = configuration(bootstrap, ADWIN, run)
    written["topics"]["partitions"] = 1
    written["join"] = {"label_ttl": f"{entries}ms" if entries >= BUCKETS * 1000 else "8s", "co_partitioning": "trust"}
    return from_mapping(written)


def from_kafka(options: argparse.Namespace, directory: Path) -> None:
    """Both ways to have the state back, from topics with the same content."""
    with EmbeddedBroker() as broker:
        run = f"b{random.getrandbits(32):08x}"
        config = pipeline(broker.bootstrap_servers, run, options.entries)
        predictions, labels = source_topics(config)
        Admin(config.kafka).create(
            [TopicPlan(topic, 1, 1, {"retention.ms": "-1"}) for topic in (predictions, labels, changelog_of(config))]
        )
        send_in_parts(config, inputs(config, options))
        size, cost = send_changelog(config, options)
        print(f"{options.entries:,} entries, {options.entries * (1 + options.joined):,} events")
        print(f"a changelog costs each event a record of {size:.0f} bytes and {cost:.2f} µs CPU to produce it")
        for role in ("inputs", "changelog"):
            where = directory / role
            child(options, role, where, "--bootstrap", broker.bootstrap_servers, "--run", run)


def send_in_parts(config: Config, records: Iterator[tuple[str, bytes, bytes]]) -> float:
    """Write all of them, not holding many -> CPU seconds for the writing."""
    spent = 0.0
    while part := list(itertools.islice(records, 50_000)):
        began = time.process_time()
        send_all(config.kafka, part)
        spent += time.process_time() - began
    return spent


def changelog_of(config: Config) -> str:
    """The topic of the alternative."""
    return f"{config.pipeline}-changelog"


def inputs(config: Config, options: argparse.Namespace) -> Iterator[tuple[str, bytes, bytes]]:
    """All predictions, and with --joined their labels."""
    maker, (predictions, labels) = Maker(options.entries, START), source_topics(config)
    for n, is_label, key in maker.events(options.entries):
        if not is_label:
            yield predictions, key, maker.prediction(n, key)
        elif options.joined:
            yield labels, key, maker.label(n, key)


def send_changelog(config: Config, options: argparse.Namespace) -> tuple[float, float]:
    """A record for each entry, as compaction leaves them -> (bytes, µs CPU to produce it)."""
    maker, size = Maker(options.entries, START), 0

    def records() -> Iterator[tuple[str, bytes, bytes]]:
        nonlocal size
        for n in range(options.entries):
            name, entry = waiting(maker, n, START + n)
            value = pack_entry(entry)
            size += len(name) + len(value)
            yield changelog_of(config), name.encode(), value

    cost = send_in_parts(config, records())
    return size / options.entries, cost / options.entries * 1e6


class Nothing:
    """Outputs that nobody wants."""

    def send(self, *_: Any, **__: Any) -> None:
        """Throw it away."""

    def reject(self, *given: Any) -> None:
        """None should be."""
        raise RuntimeError(given)


def read(config: Config, topics: tuple[str, ...]) -> Iterator[list[Any]]:
    """All records of the topics' one partition, as a restore reads them."""
    kafka = ConfluentKafka(config.kafka)
    consumer = kafka.consumer(f"{config.pipeline}-bounds", "0")
    spans = {(topic, 0): consumer.bounds((topic, 0)) for topic in topics}
    consumer.close()
    history = kafka.history(spans)
    while not history.done:
        yield history.read(RESTORE_BATCH, 0.05)
    history.close()


def restore(options: argparse.Namespace, directory: Path, take: Callable[[Config, StateDirectory], int]) -> None:
    """Time and memory of one way."""
    config = pipeline(options.bootstrap, options.run, options.entries)
    disks = StateDirectory(directory, "benchmark", "0", "")
    with seldom_collected():
        clock = Clock()
        count = take(config, disks)
        clock.say(f"restore from {options.role}, a record", count)
    cpu, wall = clock.seconds()
    sizes = f"{resident_mb():.0f} MB resident, {on_disk(directory) / 1e6:.0f} MB on the disk"
    print(f"  {count:,} records read: {cpu:.1f} s CPU, {wall:.1f} s; {sizes}", flush=True)
    disks.close()


def by_inputs(config: Config, disks: StateDirectory) -> int:
    """The real task, as the engine restores it."""
    topics = source_topics(config)
    task, out, count = JoinStage(config, 1, disks).task(0), Nothing(), 0
    task.resume({topic: Past(0, 0, 1 << 60) for topic in topics})
    for records in read(config, topics):
        for topic in topics:
            batch = [record for record in records if record.topic() == topic]
            if batch:
                task.process(topic, batch, out)
        count += len(records)
    task.wake(START, out)
    task.close()
    return count


def by_changelog(config: Config, disks: StateDirectory) -> int:
    """Bytes from the topic to the disk; only the time is looked at, for the bucket."""
    import ormsgpack

    disk, count, width = disks(0), 0, bucket_ms(config.join.label_ttl)
    for records in read(config, (changelog_of(config),)):
        put: dict[int, list[tuple[bytes, bytes]]] = {}
        for record in records:
            value = record.value()
            put.setdefault(ormsgpack.unpackb(value)[1] // width, []).append((record.key(), value))
        if put:
            disk.write(Writes(pack_summary(Summary(RULES, Kept({}, (0, 0, 0)), {})), [], put, []))
        count += len(records)
    disk.close()
    return count


def main() -> None:
    """As asked."""
    options = arguments()
    roles: dict[str, Callable[[Path], None]] = {
        "warm": lambda directory: warm(options, directory),
        "inputs": lambda directory: restore(options, directory, by_inputs),
        "changelog": lambda directory: restore(options, directory, by_changelog),
    }
    if options.role:
        roles[options.role](options.directory)
        return
    cpus = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    machine = cpus[0].partition(":")[2].strip() if cpus else "?"
    print(json.dumps({"cpu": machine, "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}))
    with tempfile.TemporaryDirectory() as directory:
        (from_kafka if options.restore else store_by_itself)(options, Path(directory))


if __name__ == "__main__":
    main()
