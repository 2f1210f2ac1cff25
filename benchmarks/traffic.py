"""The traffic of the benchmarks: predictions of 280 bytes, labels of 90, with drifts for ADWIN to find."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from confluent_kafka import Producer

from streamproc.app.layout import plan
from streamproc.config.load import from_mapping
from streamproc.config.pipeline import Config
from streamproc.events.topics import INTERNAL, TOPICS
from streamproc.kafka import properties
from streamproc.kafka.admin import Admin

MODELS = [f"credit-risk-{n:02d}" for n in range(20)]
LABEL_LAG = 500
"""Each label comes so many predictions after its own."""
INPUTS = ("predictions", "labels")
PARTITIONS = 4
_ERROR_RATES = (0.05, 0.25)
"""In turn, over stretches that are long enough for ADWIN to see that the rate went up."""
_STRETCHES, _SHORTEST = 10, 500 * len(MODELS)
_KINDS = 1009
"""Different feature sets, made once: making events must not cost more than handling them."""

ADWIN = {
    "detectors": {"error_adwin": {"type": "adwin", "signal": "error"}},
    "policies": [{"name": "on_drift", "condition": "error_adwin", "min_outcomes": 100}],
}
"""The model section of the throughput runs."""


def configuration(bootstrap: str, model: dict[str, Any], run: str, **sections: Any) -> dict[str, Any]:
    """What would stand in streamproc.yaml; `sections` replace those that are here."""
    names = [topic.name for topic in TOPICS] + [topic.name for topic in INTERNAL]
    topics: dict[str, Any] = {name: f"{run}-{name}" for name in names}
    return {
        "pipeline": run,
        "kafka": {"bootstrap.servers": bootstrap},
        "topics": {**topics, "partitions": PARTITIONS},
        "join": {"label_ttl": "10m"},
        "models": dict.fromkeys(MODELS, model),
        **sections,
    }


def new_pipeline(bootstrap: str, model: dict[str, Any], **sections: Any) -> tuple[Config, dict[str, Any]]:
    """A pipeline with topics that nobody else has, created."""
    written = configuration(bootstrap, model, f"b{uuid.uuid4().hex[:8]}", **sections)
    config = from_mapping(written)
    Admin(config.kafka).create(plan(config))
    return config, written


class Maker:
    """The n-th prediction and its label, as bytes: the same for every run of as many pairs."""

    def __init__(self, pairs: int, start: int, models: Sequence[str] = MODELS) -> None:
        """`start`: the event time of the first prediction, epoch ms; each further one is a millisecond later.

        The predictions are of the `models` in turn.
        """
        self._models = [model.encode() for model in models]
        rng = random.Random(7)  # noqa: S311 - data, not secrets
        self._start, self._stretch = start, max(_SHORTEST, pairs // _STRETCHES)
        self._ids = [f"{rng.getrandbits(96):024x}" for _ in range(_KINDS)]
        self._tails = [_tail(rng) for _ in range(_KINDS)]
        self._rates = [rng.random() for _ in range(100_003)]

    def key(self, n: int) -> bytes:
        """The prediction id: a UUID's 36 characters, the number in front."""
        id_ = self._ids[n % _KINDS]
        return f"{n:08x}-{id_[:4]}-{id_[4:8]}-{id_[8:12]}-{id_[12:]}".encode()

    def prediction(self, n: int, key: bytes, event_time: int | None = None) -> bytes:
        """A prediction as a model server writes it."""
        at = self._start + n if event_time is None else event_time
        answer, tail = self._tails[n % _KINDS]
        model = self._models[n % len(self._models)]
        return b'{"prediction_id":"%b","model_id":"%b","model_version":"2026-05-01","time":%d,"prediction":%d,%b' % (
            key,
            model,
            at,
            answer,
            tail,
        )

    def label(self, n: int, key: bytes, event_time: int | None = None) -> bytes:
        """Its label: wrong as often as the error rate of its part of the run says."""
        at = self._start + n + LABEL_LAG if event_time is None else event_time
        wrong = self._rates[n % len(self._rates)] < _ERROR_RATES[n // self._stretch % 2]
        return b'{"prediction_id":"%b","label":%d,"time":%d}' % (key, self._tails[n % _KINDS][0] ^ wrong, at)

    def events(self, pairs: int) -> Iterator[tuple[int, bool, bytes]]:
        """(n, is a label, key) in the order in which they are written; all labels come in the end."""
        for n in range(pairs + LABEL_LAG):
            if n < pairs:
                yield n, False, self.key(n)
            if n >= LABEL_LAG:
                yield n - LABEL_LAG, True, self.key(n - LABEL_LAG)


def _tail(rng: random.Random) -> tuple[int, bytes]:
    score = round(rng.random(), 6)
    amount, income, age = rng.uniform(1000, 9999), rng.uniform(20000, 90000), rng.randint(18, 80)
    features = (
        f'"loan_amount":{amount:.2f},"income":{income:.2f},"age":{age},'
        f'"credit_utilisation":{rng.random():.6f},"home_region":"{rng.choice(("north", "south", "east"))}"'
    )
    return int(score >= 0.5), f'"score":{score},"features":{{{features}}}}}'.encode()  # noqa: PLR2004 - a half


class Filled:
    """All events of a run, written and flushed, but not to be read before `release`."""

    def __init__(self, config: Config, pairs: int, models: Sequence[str] = MODELS) -> None:
        # Not the transactional properties of the stages: this one transaction takes longer.
        own = {"transactional.id": f"{config.pipeline}-fill", "transaction.timeout.ms": 600_000}
        self._producer = Producer(properties.producer(config.kafka) | own)
        self._producer.init_transactions(30)
        self._producer.begin_transaction()
        maker = Maker(pairs, int(time.time() * 1000) - pairs - 1000, models)
        topics, size = [config.topics.predictions, config.topics.labels], [0, 0]
        for n, is_label, key in maker.events(pairs):
            value = maker.label(n, key) if is_label else maker.prediction(n, key)
            size[is_label] += len(value)
            self._send(topics[is_label], value, key)
        if self._producer.flush(60):
            raise RuntimeError("the broker did not take all events within a minute")
        self.sizes = {"prediction_bytes": size[0] / pairs, "label_bytes": size[1] / pairs}

    def _send(self, topic: str, value: bytes, key: bytes) -> None:
        while True:
            try:
                self._producer.produce(topic, value, key)
            except BufferError:
                self._producer.poll(0.05)
            else:
                return

    def release(self) -> None:
        """From now on they can be read."""
        self._producer.commit_transaction(30)
