"""A hop of the latency's floor: consume, parse, produce, commit, with the client properties that the stages have.

    python -m benchmarks.hop join BOOTSTRAP GROUP PREDICTIONS LABELS OUT
    python -m benchmarks.hop sample BOOTSTRAP GROUP IN OUT EVERY

`join` writes a label together with its prediction, `sample` one record in so many. Each batch, which is all that has
arrived, is a transaction. What waits is in memory, and nothing is checked. Prints a line when it has its partitions.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import orjson
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from streamproc.kafka import properties

BATCH = 5000
Output = tuple[bytes | None, bytes | None]
"""(value, key)"""
Step = Callable[[list[Message]], Iterator[Output]]


def join(labels: str) -> Step:
    """Labels meet their predictions."""
    waiting: dict[bytes, dict[str, object]] = {}

    def step(messages: list[Message]) -> Iterator[Output]:
        for message in messages:
            event, key = orjson.loads(message.value() or b""), message.key() or b""
            if message.topic() != labels:
                waiting[key] = event
            elif key in waiting:
                prediction = waiting.pop(key)
                yield orjson.dumps({**prediction, **event}), str(prediction["model_id"]).encode()

    return step


def sample(every: int) -> Step:
    """One in so many."""
    seen = 0

    def step(messages: list[Message]) -> Iterator[Output]:
        nonlocal seen
        for message in messages:
            orjson.loads(message.value() or b"")
            seen += 1
            if seen % every == 0:
                yield message.value(), message.key()

    return step


def run(bootstrap: str, group: str, inputs: list[str], out: str, step: Step) -> None:
    """Until it is killed."""
    user = {"bootstrap.servers": bootstrap}
    consumer = Consumer(dict(properties.member(user, group, group)))
    producer = Producer(dict(properties.transactional(user, group)))
    producer.init_transactions(30)
    consumer.subscribe(inputs, on_assign=lambda *_: print("live", flush=True))
    offsets: dict[tuple[str, int], int] = {}
    while True:
        messages = consumer.consume(1, 0.05)
        if not messages:
            continue
        messages += consumer.consume(BATCH, 0)
        producer.begin_transaction()
        outputs = list(step(messages))
        for message in messages:
            offsets[message.topic() or "", message.partition() or 0] = (message.offset() or 0) + 1
        places = [TopicPartition(topic, number, offset) for (topic, number), offset in offsets.items()]
        producer.send_offsets_to_transaction(places, consumer.consumer_group_metadata(), 10.0)
        for value, key in outputs:
            producer.produce(out, value, key)
        producer.commit_transaction(10.0)


if __name__ == "__main__":
    what, bootstrap, group, *rest = sys.argv[1:]
    if what == "join":
        predictions, labels, out = rest
        run(bootstrap, group, [predictions, labels], out, join(labels))
    else:
        source, out, every = rest
        run(bootstrap, group, [source], out, sample(int(every)))
