"""The floor: a bare loop of `consume()` and `orjson.loads`, with the consumer properties that the stages have.

    python -m benchmarks.floor BOOTSTRAP RECORDS TOPIC...

prints a JSON line. The clock begins with the first message and ends with the last one.
"""

from __future__ import annotations

import json
import resource
import sys
import time

import orjson
from confluent_kafka import Consumer, TopicPartition

from streamproc.kafka import properties

BATCH = 5000


def main(bootstrap: str, records: int, topics: list[str]) -> None:
    """Read so many records of the topics, once."""
    member = properties.member({"bootstrap.servers": bootstrap}, "floor", "floor")
    consumer = Consumer(dict(member))
    partitions = consumer.list_topics(timeout=10).topics
    consumer.assign([TopicPartition(topic, number, 0) for topic in topics for number in partitions[topic].partitions])
    loads, left = orjson.loads, records
    messages = consumer.consume(1, 30.0)
    began, cpu_began = time.perf_counter(), _cpu()
    while left > 0:
        for message in messages:
            loads(message.value() or b"")
        left -= len(messages)
        messages = consumer.consume(BATCH, 0.05) if left > 0 else []
    seconds, cpu = time.perf_counter() - began, _cpu() - cpu_began
    consumer.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak_rss_mb": peak}))


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
