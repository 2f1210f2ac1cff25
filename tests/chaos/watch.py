"""What is looked at while it happens: committed offsets, lag, memory, metrics pages, and the frames of commits."""

from __future__ import annotations

import contextlib
import re
import threading
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streamproc.stage import Stage
from tests.chaos.frames import Api, Request, end_txn_error
from tests.chaos.workers import Worker

OFFSETS_SECONDS: Final = 0.25
SAMPLE_SECONDS: Final = 1.0
ANSWER_SECONDS: Final = 5.0
ELECTION_SECONDS: Final = 10.0
_BUCKET: Final = re.compile(r'streamproc_engine_commit_seconds_bucket\{.*le="([^"]+)".*\} (\S+)')

Partition = tuple[str, int]


class Ends:
    """Asks for the ends of partitions. By consumers: librdkafka's admin client aborts the process in an outage."""

    def __init__(self, servers: str) -> None:
        common = {"bootstrap.servers": servers, "group.id": "ends", "log_level": 0}
        self._stable = Consumer({**common, "isolation.level": "read_committed"})
        self._all = Consumer({**common, "isolation.level": "read_uncommitted"})

    def all(self, partition: Partition) -> int:
        """The next offset to be written. Raises KafkaException."""
        return _end(self._all, partition)

    def stable(self, partition: Partition) -> int:
        """How far read_committed readers may get. Raises KafkaException."""
        return _end(self._stable, partition)

    def close(self) -> None:
        """Ask no more."""
        self._stable.close()
        self._all.close()


def _end(consumer: Consumer, partition: Partition) -> int:
    deadline = time.monotonic() + ELECTION_SECONDS
    while True:
        try:
            bounds: tuple[int, int] = consumer.get_watermark_offsets(TopicPartition(*partition), ANSWER_SECONDS)
        except KafkaException:  # of a leader that is one no more, say
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return bounds[1]


class Offsets:
    """Asks for the groups' committed offsets again and again.

    A coordinator that has just come up may answer with old ones, until its followers have caught up: `stale` counts
    that. Whether what was committed goes back is read in Kafka's own log (`kept.committed_offsets`).
    """

    def __init__(self, servers: str, groups: Mapping[str, Sequence[Partition]]) -> None:
        """`groups`: name -> the partitions that it reads."""
        common = {"bootstrap.servers": servers, "log_level": 0, "enable.auto.commit": False}
        # Not the admin client: a request for offsets that times out while it looks for the coordinator aborts the
        # whole process (librdkafka 2.16, an assertion in rd_kafka_enq_once_del_source_return).
        self._consumers = {
            group: Consumer({**common, "group.id": group, "isolation.level": "read_uncommitted"}) for group in groups
        }
        self._groups = groups
        self.committed: dict[str, dict[Partition, int]] = {group: {} for group in groups}
        self.moved: dict[str, dict[Partition, float]] = {group: {} for group in groups}
        """When each was last seen to have moved on, time.time() seconds."""
        self.stale: list[str] = []
        """Answers that were lower than one before."""
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="offsets", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, _: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(30)
        for consumer in self._consumers.values():
            consumer.close()

    def _run(self) -> None:
        while not self._stop.wait(OFFSETS_SECONDS):
            for group in self._groups:
                with contextlib.suppress(KafkaException):  # a broker is away
                    self.look(group)

    def look(self, group: str) -> Mapping[Partition, int]:
        """Ask now. Raises KafkaException."""
        asked = [TopicPartition(*partition) for partition in self._groups[group]]
        with self._lock:
            answer = self._consumers[group].committed(asked, ANSWER_SECONDS)
        before, now = self.committed[group], time.time()
        for tp in answer:
            partition, known = (tp.topic, tp.partition), before.get((tp.topic, tp.partition), -1)
            if tp.error is not None or (tp.offset < 0 and known < 0):
                continue
            if tp.offset < known:
                self.stale.append(f"{time.time():.3f} {group} {partition}: {known}, then {tp.offset}")
            elif tp.offset > known:
                before[partition] = tp.offset
                self.moved[group][partition] = now
        return before


class Samples:
    """Takes the memory of the workers and what their metrics pages say, every second."""

    def __init__(self, workers: Mapping[str, Worker]) -> None:
        self._workers = workers
        self.rss_mb: dict[str, list[float]] = defaultdict(list)
        """By worker, 10^6 bytes."""
        self._pages: dict[str, list[tuple[float, float]]] = {}
        """Address -> the newest (upper bound in seconds, commits up to it); each process has an address of its own."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="samples", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, _: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            for worker in list(self._workers.values()):
                if worker.process is not None and worker.process.alive and not worker.frozen:
                    with contextlib.suppress(OSError, IndexError):  # it has just ended
                        self.rss_mb[worker.name].append(rss_mb(worker.process.pid))
                        self._read_page(worker.lives[-1].metrics)

    def _read_page(self, url: str | None) -> None:
        if url is None:
            return
        with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 - a page of our own
            lines = answer.read().decode().splitlines()
        self._pages[url] = [(float(found[1]), float(found[2])) for found in map(_BUCKET.match, lines) if found]

    def commit_ms(self, share: float) -> float | None:
        """So many of the commits took no longer, by the histograms of all metrics pages; None without a commit."""
        counts: Counter[float] = Counter()
        for page in self._pages.values():
            for bound, count in page:
                counts[bound] += int(count)
        wanted, before, low = share * counts[inf], 0.0, 0.0
        for bound, count in sorted(counts.items()):
            if count and count >= wanted:
                high = bound if bound < inf else low
                inside = (wanted - before) / (count - before) if count > before else 1.0
                return round((low + (high - low) * inside) * 1000, 3)
            before, low = count, bound
        return None


def rss_mb(pid: int) -> float:
    """What a process has resident, in 10^6 bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise OSError(f"no VmRSS in /proc/{pid}/status")


class Commits:
    """Reads in the proxies' frames when each client commits, and how long that takes."""

    def __init__(self) -> None:
        self.ms: list[float] = []
        """From the first frame of a commit, AddOffsetsToTxn, to the answer to its last one, EndTxn."""
        self.last: dict[str, float] = {}
        """Client -> when its newest commit went through, time.monotonic() seconds."""
        self._began: dict[str, float] = {}

    def __call__(self, request: Request, response: bytes | None, now: float) -> None:
        """Implements `proxy.Observer`."""
        if request.api == Api.ADD_OFFSETS_TO_TXN and response is None:
            self._began[request.client] = now
        elif request.api == Api.END_TXN and response is not None and request.commits:
            began = self._began.pop(request.client, None)
            if end_txn_error(request, response) == 0:
                self.last[request.client] = now
                if began is not None:
                    self.ms.append((now - began) * 1000)


def inputs(stages: Mapping[str, Stage], partitions: int, pipeline: str) -> dict[str, list[Partition]]:
    """Group -> the partitions that it reads."""
    return {
        f"{pipeline}-{name}": [(topic, n) for topic in stage.inputs for n in range(partitions)]
        for name, stage in stages.items()
    }
