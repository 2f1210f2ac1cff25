"""What the journal would save if outcomes shared a record: Kafka's part of an outcome's way, by outcomes a record.

    python benchmarks/packing.py [--outcomes N] [--repeat N]

On an embedded Kafka, with the client properties that the stages have: transactions of 5,000 outcomes (about 340 bytes,
20 models, 4 partitions) are produced, one outcome to a record or several of one model as a JSON array; then all are
consumed, and every outcome is parsed as the monitor does. CPU of this process and of the broker, µs an outcome: the
least of several rounds, in turns. What a packed journal would cost besides (places within a record, for windows and
ids) is not in it.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # it is run as a script, from anywhere

from confluent_kafka import Consumer, Producer, TopicPartition
from msgspec.json import Decoder

from benchmarks.process import Usage
from benchmarks.traffic import MODELS, PARTITIONS, Maker
from streamproc.kafka import properties
from streamproc.kafka.admin import Admin, TopicPlan
from streamproc.kafka.broker import EmbeddedBroker
from streamproc.monitor.reading import Outcome

TRANSACTION = 5_000
PACKS = (1, 5, 25, 100)
Packed = list[tuple[bytes, bytes]]
"""(key, value)"""


def outcomes(count: int) -> list[tuple[bytes, bytes]]:
    """(model, outcome as the join writes it), the models in random order."""
    maker, rng = Maker(count, 1_767_225_600_000), random.Random(3)  # noqa: S311 - data, not secrets
    made = []
    for n in range(count):
        body = maker.prediction(n, maker.key(n))[1:-1]
        value = b'{"kind":"outcome",%b,"label":%d,"label_time":%d}' % (body, n % 2, 1_767_225_600_500 + n)
        made.append((MODELS[n % len(MODELS)].encode(), value))
    for first in range(0, count, TRANSACTION):
        part = made[first : first + TRANSACTION]
        rng.shuffle(part)
        made[first : first + TRANSACTION] = part
    return made


def packed(part: Sequence[tuple[bytes, bytes]], size: int) -> Packed:
    """The outcomes of a transaction, so many of one model to a record."""
    if size == 1:
        return list(part)
    by_model: dict[bytes, list[bytes]] = {}
    for key, value in part:
        by_model.setdefault(key, []).append(value)
    return [
        (key, b"[" + b",".join(values[first : first + size]) + b"]")
        for key, values in by_model.items()
        for first in range(0, len(values), size)
    ]


class Broker:
    """The embedded one, and a topic for each run."""

    def __init__(self, broker: EmbeddedBroker) -> None:
        if broker.pid is None:
            raise RuntimeError("the broker does not run")
        self.user, self.pid = {"bootstrap.servers": broker.bootstrap_servers}, broker.pid

    def produce(self, parts: Sequence[Sequence[tuple[bytes, bytes]]], size: int) -> str:
        """The topic with all of them."""
        topic = f"packing-{uuid.uuid4().hex[:8]}"
        Admin(self.user).create([TopicPlan(topic, PARTITIONS, 1, {})])
        producer = Producer(dict(properties.transactional(self.user, topic)))
        producer.init_transactions(30)
        for part in parts:
            producer.begin_transaction()
            for key, value in packed(part, size):
                producer.produce(topic, value, key)
            producer.commit_transaction(30)
        return topic

    def consume(self, topic: str, count: int, size: int) -> None:
        """All of them, parsed."""
        consumer = Consumer(dict(properties.member(self.user, topic, topic)))
        consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
        one: Callable[[bytes], Outcome] = Decoder(Outcome).decode
        several: Callable[[bytes], list[Outcome]] = Decoder(list[Outcome]).decode
        while count > 0:
            for message in consumer.consume(TRANSACTION, 0.05):
                value = message.value() or b""
                found = [one(value)] if size == 1 else several(value)
                if message.offset() is None or message.timestamp()[1] == 0:
                    raise RuntimeError("a record without a place or a time")
                count -= len(found)
        consumer.close()
        if count:
            raise RuntimeError(f"{-count} outcomes too many")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--outcomes", type=int, default=200_000)
    parser.add_argument("--repeat", type=int, default=4)
    given = parser.parse_args()
    made = outcomes(given.outcomes)
    parts = [made[first : first + TRANSACTION] for first in range(0, len(made), TRANSACTION)]
    best: dict[tuple[int, str], float] = {}
    with EmbeddedBroker() as embedded:
        broker = Broker(embedded)
        for _ in range(given.repeat):
            for size in PACKS:
                before, began = Usage.of(broker.pid), time.process_time()
                topic = broker.produce(parts, size)
                between = time.process_time()
                broker.consume(topic, given.outcomes, size)
                ended, after = time.process_time(), Usage.of(broker.pid)
                spent = {"produced": between - began, "consumed": ended - between, "broker": after.cpu - before.cpu}
                for what, seconds in spent.items():
                    best[size, what] = min(best.get((size, what), 1e9), seconds)
    print(f"{'a record':>10} {'produced':>10} {'consumed':>10} {'broker':>10}   µs CPU an outcome")
    for size in PACKS:
        figures = " ".join(
            f"{best[size, what] / given.outcomes * 1e6:10.2f}" for what in ("produced", "consumed", "broker")
        )
        print(f"{size:10} {figures}")


if __name__ == "__main__":
    main()
