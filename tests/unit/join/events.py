"""Events for the join, and the join of one partition to put them in."""

from __future__ import annotations

from typing import Any

import orjson

from streamproc.config.pipeline import Config
from streamproc.join.joiner import Joiner
from streamproc.join.reading import Truth
from streamproc.join.store.entries import Waiting
from streamproc.join.store.memory import MemoryStore
from streamproc.replay.memory import MemoryRecord

START = 1_767_225_600_000
TTL = 60_000
BUCKET = 1_000


def configuration(**join: Any) -> Config:
    """Two models of answers in 0 and 1, one of numbers, one of words, one that is watched before its labels."""
    return Config.model_validate(
        {
            "pipeline": "p",
            "join": {"label_ttl": "60s", "max_future": "5s", **join},
            "models": {
                "clicks": {},
                "prices": {"task": "regression"},
                "words": {"task": "multiclass"},
                "views": {"detectors": {"shift": {"type": "adwin", "signal": "score"}}},
            },
        }
    )


def joiner(ttl: int = TTL) -> Joiner:
    """A join in memory."""
    return Joiner(configuration().models, MemoryStore(BUCKET), ttl)


def prediction(name: str = "x", answer: Any = 1, time: int = 0, model: str = "clicks", **more: Any) -> dict[str, Any]:
    """A decoded prediction; times are ms after the start."""
    return {"prediction_id": name, "model_id": model, "prediction": answer, "time": START + time, **more}


def label(name: str = "x", truth: Any = 1, time: int = 10) -> dict[str, Any]:
    """A decoded label."""
    return {"prediction_id": name, "label": truth, "time": START + time}


def record(topic: str, event: Any, *, time: int = 0, offset: int = 0, key: bytes | None = b"k") -> MemoryRecord:
    """A record of partition 0; `event` is JSON, or bytes as they are."""
    value = event if isinstance(event, bytes) else orjson.dumps(event)
    return MemoryRecord(topic, 0, offset, value, key, START + time)


def journal(values: list[bytes]) -> list[dict[str, Any]]:
    """Journal records as they are read."""
    return [orjson.loads(value) for value in values]


def predict(join: Joiner, event: dict[str, Any]) -> list[bytes]:
    """Give the join a decoded prediction."""
    body = orjson.dumps(event)[1:-1]
    waiting = Waiting(event["time"], event["model_id"], event["prediction"], body)
    return join.prediction(event["prediction_id"], waiting)


def tell(join: Joiner, event: dict[str, Any]) -> tuple[str, bytes] | None:
    """Give the join a decoded label."""
    return join.label(event["prediction_id"], Truth(event["time"], event["label"]))
