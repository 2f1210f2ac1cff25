"""How long after a label the trigger comes that it causes, at a steady rate."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import Producer

from benchmarks.answers import Answers
from benchmarks.process import ROOT, Stages, Usage
from benchmarks.traffic import LABEL_LAG, MODELS, PARTITIONS, Maker, new_pipeline
from streamproc.config.pipeline import Config
from streamproc.kafka import properties
from streamproc.kafka.tail import read_all

WARM_UP = 5.0
"""Seconds of labels that are left out: the first fetches and transactions of new processes and of a new broker."""
ANSWER_SECONDS = 1.0
"""How long an answer to a trigger takes: twenty models then trigger twenty times a second."""
DRAIN = 1.0
"""Seconds for the last triggers to arrive."""

ANY_OUTCOME = {
    "detectors": {"error_adwin": {"type": "adwin", "signal": "error"}},
    "policies": [{"name": "at_once", "condition": "error_adwin or outcomes > 0"}],
}
"""Fires at the first outcome after each answer. The error detector runs besides, as in the throughput runs."""


def measure(
    bootstrap: str, rate: int, seconds: float, layout: Sequence[Sequence[str]], directory: Path
) -> dict[str, Any]:
    """Run one layout of processes at `rate` events a second -> ms from `produce` of the label to the trigger.

    The end is when a read_committed consumer of triggers has it. Which label caused a trigger is what the trigger
    itself says (its journal offset).
    """
    config, written = new_pipeline(bootstrap, ANY_OUTCOME)
    processes = [Stages(written, stages, directory) for stages in layout]
    with contextlib.ExitStack() as stack:
        answers = stack.enter_context(Answers(config, after=ANSWER_SECONDS))
        for process in processes:
            stack.enter_context(process)
        for process in processes:
            process.wait_live()
        sent, cores = _loaded([process.usage for process in processes], config, rate, seconds)
    return {"rate": rate, **_summary(_causes(config, answers), sent), "cores_used": cores}


def produce_steadily(config: Config, rate: int, seconds: float) -> dict[bytes, float]:
    """Each event at its own time; gives prediction id -> time.perf_counter() when its label was produced."""
    producer = Producer(properties.producer(config.kafka))  # with librdkafka's default linger of 5 ms
    pairs = int(rate * seconds / 2)
    maker, sent = Maker(pairs, 0), {}
    began = time.perf_counter()
    for count, (n, is_label, key) in enumerate(maker.events(pairs)):
        due = began + count / rate
        wait = due - time.perf_counter()
        if wait > 0:
            producer.poll(0)
            time.sleep(max(0.0, due - time.perf_counter()))
        now_ms = time.time_ns() // 1_000_000
        value = maker.label(n, key, now_ms) if is_label else maker.prediction(n, key, now_ms)
        topic = config.topics.labels if is_label else config.topics.predictions
        if is_label:
            sent[key] = time.perf_counter()
        producer.produce(topic, value, key)
    if producer.flush(10):
        raise RuntimeError("the broker did not take all events")
    return sent


def measure_floor(bootstrap: str, rate: int, seconds: float) -> dict[str, Any]:
    """The same way with nothing on it: two bare processes (`benchmarks/hop.py`), triggers as often."""
    config, _ = new_pipeline(bootstrap, ANY_OUTCOME)
    topics, run = config.topics, config.pipeline
    every = max(1, round(rate / 2 * ANSWER_SECONDS / len(MODELS)))
    first = ["join", bootstrap, f"{run}-join", topics.predictions, topics.labels, topics.journal]
    second = ["sample", bootstrap, f"{run}-sample", topics.journal, topics.triggers, str(every)]
    with contextlib.ExitStack() as stack:
        answers = stack.enter_context(Answers(config, after=None))
        hops = [stack.enter_context(_hop(arguments)) for arguments in (first, second)]
        for hop in hops:
            (hop.stdout or sys.stdin).readline()  # it is live
        sent, cores = _loaded([partial(Usage.of, hop.pid) for hop in hops], config, rate, seconds)
    seen = [(record["prediction_id"].encode(), at) for record, at in answers.triggers]
    return {"rate": rate, **_summary(seen, sent), "cores_used": cores}


def _loaded(
    usages: Sequence[Callable[[], Usage]], config: Config, rate: int, seconds: float
) -> tuple[dict[bytes, float], float]:
    """What `produce_steadily` gives, and the cores that these processes used meanwhile; then the last triggers."""
    before = [usage() for usage in usages]
    sent = produce_steadily(config, rate, seconds)
    after = [usage() for usage in usages]
    time.sleep(DRAIN)
    cpu = sum(b.cpu - a.cpu for a, b in zip(before, after, strict=True))
    return sent, cpu / (after[0].at - before[0].at)


@contextlib.contextmanager
def _hop(arguments: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.hop", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _causes(config: Config, answers: Answers) -> list[tuple[bytes, float]]:
    """For each trigger the prediction id of the label that caused it, empty for a tick, and when it was seen."""
    causes = {
        (record.partition(), record.offset()): orjson.loads(record.value() or b"").get("prediction_id", "").encode()
        for record in read_all(config.kafka, {config.topics.journal: PARTITIONS})
    }
    places = [(trigger["journal"], seen) for trigger, seen in answers.triggers]
    return [(causes[at["partition"], at["offset"]], seen) for at, seen in places]


def _summary(triggers: Sequence[tuple[bytes, float]], sent: dict[bytes, float]) -> dict[str, Any]:
    first = min(sent.values()) + WARM_UP
    delays = [(seen - sent[key]) * 1000 for key, seen in triggers if sent.get(key, 0.0) >= first]
    if len(delays) < 2:  # noqa: PLR2004 - quantiles need two
        raise RuntimeError(f"only {len(delays)} triggers came after the warm-up")
    cuts = statistics.quantiles(delays, n=100, method="inclusive")
    return {
        "sent_rate": (2 * len(sent) - LABEL_LAG) / (max(sent.values()) - min(sent.values())),
        "triggers": len(delays),
        "p50_ms": cuts[49],
        "p90_ms": cuts[89],
        "p99_ms": cuts[98],
        "max_ms": max(delays),
        "label_lag": LABEL_LAG,
    }
