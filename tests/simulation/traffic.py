"""What users write: predictions, labels, metrics, commands, deploys, and rubbish; and what must become of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import orjson

from streamproc.config.pipeline import Config
from streamproc.events.base import format_time
from tests.simulation.world import DEAD_LETTERS, PIPELINE, World

PARTITIONS = 3
MAX_FUTURE_MS = 5_000
SHORT_TTL_MS = 30_000
RUBBISH = (
    b"",
    b"no json",
    b"[1, 2]",
    b'{"model_id": 7}',
    b'{"prediction_id": "x", "label": NaN}',
    b"[" * 40,
    b'{"prediction_id": "x", "model_id": "nobody", "prediction": 1, "label": [], "metrics": {}}',
)


def configuration(*, short_ttl: bool, retrained: bool = False, on_probation: bool = False) -> Config:
    """Models of every kind; `short_ttl`: predictions expire while the simulation runs."""
    retries = {"attempts": 2, "backoff": "1s", "max_backoff": "3s", "cut_offs": 3}
    gate = {"wait": "30s"}
    retrain = {"retrain": {"function": "user_code:train", "retries": retries, "gate": gate}} if retrained else {}
    probation = {"outcomes": 40, "duration": "1m", "alpha": 0.95}
    tried = {"probation": probation, "acknowledge_within": "4s"} if on_probation else {}
    shared = {"budget": {"triggers": 40, "period": "1m"}, "incidents": {"models": 2, "within": "3s", "lasts": "5s"}}
    return Config.model_validate(
        {
            **(shared if short_ttl else {}),
            "pipeline": PIPELINE,
            "topics": {"partitions": PARTITIONS, "dead_letters": DEAD_LETTERS},
            "join": {"label_ttl": f"{SHORT_TTL_MS}ms" if short_ttl else "7d", "max_future": f"{MAX_FUTURE_MS}ms"},
            "engine": {"snapshot_interval": "3s"},
            "models": {
                "clicks": {
                    **retrain,
                    **tried,
                    "window": 20,
                    "min_samples": 5,
                    "retrain_timeout": "40s",
                    "detectors": {"worse": {"type": "page_hinkley", "min_instances": 5, "threshold": 1.0}},
                    "policies": [
                        {"name": "bad", "condition": "accuracy < 0.6 or worse"},
                        {"name": "nightly", "schedule": {"cron": "* * * * *"}, "cooldown": "70s"},
                    ],
                },
                "prices": {
                    **retrain,
                    **tried,
                    "task": "regression",
                    "window": 10,
                    "min_samples": 3,
                    "external_metrics": ["drift"],
                    "policies": [{"name": "off", "condition": "mae > 3 or drift > 0.5", "min_outcomes": 2}],
                    "retrain_timeout": "20s",
                },
                "views": {
                    "detectors": {"shift": {"type": "page_hinkley", "signal": "score", "min_instances": 5}},
                    "policies": [{"name": "shifted", "condition": "shift or error_rate > 0.9"}],
                },
            },
        }
    )


def topics(config: Config) -> dict[str, int]:
    """Every topic with its number of partitions."""
    names = [name for _, name in config.topics if isinstance(name, str)]
    return dict.fromkeys(names, PARTITIONS)


class Traffic:
    """Writes events into a world at times that come from its seed."""

    def __init__(self, world: World, config: Config, predictions: int, span_ms: int) -> None:
        self._world, self._rng, self._topics = world, random.Random(world.rng.random()), config.topics
        self._span = span_ms
        self._slowest = 2.5 * SHORT_TTL_MS if config.join.label_ttl == SHORT_TTL_MS else span_ms / 3
        """The longest that a label is on its way."""
        self.refused: set[tuple[str, int, int]] = set()
        """Records that must become dead letters: (topic, partition, offset)."""
        self.unsuitable: set[tuple[str, int, int]] = set()
        """Labels that become dead letters if they come after their prediction."""
        self._written: list[tuple[str, dict[str, Any]]] = []
        for n in range(predictions):
            self._prediction(f"id-{n}")
        for n in range(predictions // 8):
            self._at(self._refuse, self._rng.choice(("predictions", "labels", "metrics", "commands", "deploys")))
            self._at(self._metric)
            self._at(self._command, f"command-{n // 2}")
            self._at(self._answer)

    def _at(self, what: Callable[..., None], *arguments: Any, after: float | None = None) -> None:
        delay = self._rng.uniform(0, self._span) if after is None else after
        self._world.later(max(0, int(delay)), lambda: what(*arguments))

    def _write(self, topic: str, key: str, event: dict[str, Any]) -> tuple[str, int, int]:
        return self._world.produce(getattr(self._topics, topic), key.encode(), orjson.dumps(event))

    def _prediction(self, name: str) -> None:
        rng = self._rng
        model = rng.choice(("clicks", "prices", "views"))
        answer: Any = rng.choice((0, 1)) if model != "prices" else round(rng.gauss(10, 3), 2)
        at = rng.uniform(0, self._span)
        event = {"prediction_id": name, "model_id": model, "prediction": answer, "score": rng.random()}
        if rng.random() < 0.03:
            self._at(self._text_for_a_number, name, after=at)
            return
        self._at(self._predict, name, event, rng.randint(-500, 3_000), after=at)
        if rng.random() < 0.1:
            self._at(self._repeat, after=at + rng.expovariate(1 / 8_000))
        for n in range(rng.choice((0, 1, 1, 1, 1, 1, 2, 3))):
            delay = rng.choice((rng.uniform(-3_000, 500), rng.expovariate(1 / 4_000), rng.uniform(0, self._slowest)))
            truth = answer if rng.random() < 0.6 else round(rng.gauss(10, 3), 2) if model == "prices" else 1 - answer
            self._at(self._label, name, truth, after=at + delay + n * rng.randint(0, 3_000))
        if rng.random() < 0.03:
            self._at(self._text_label, name, after=at + rng.uniform(-2_000, 9_000))

    def _predict(self, name: str, event: dict[str, Any], ahead: int) -> None:
        time = self._rng.choice((None, self._world.now + ahead, format_time(self._world.now)))
        if time is not None:
            event["time"] = time
            self._written.append((name, event))
        self._write("predictions", name, event)

    def _repeat(self) -> None:
        """The user's producer tries again, or somebody replays an old event."""
        if self._written:
            name, event = self._rng.choice(self._written)
            self._write("predictions", name, event)

    def _label(self, name: str, truth: Any) -> None:
        event = {"prediction_id": name, "label": truth}
        if self._rng.random() < 0.7:
            event["time"] = self._world.now - self._rng.choice((0, 0, 0, 1_500))
        for _ in range(self._rng.choice((1, 1, 1, 1, 1, 2))):
            self._write("labels", name, event)

    def _text_label(self, name: str) -> None:
        self.unsuitable.add(self._write("labels", name, {"prediction_id": name, "label": "text"}))

    def _text_for_a_number(self, name: str) -> None:
        event = {"prediction_id": name, "model_id": "prices", "prediction": "much"}
        self.refused.add(self._write("predictions", name, event))

    def _refuse(self, topic: str) -> None:
        rng = self._rng
        value: bytes | None = rng.choice(RUBBISH)
        if rng.random() < 0.3:
            year_2100 = {"prediction_id": "id-1", "model_id": "clicks", "prediction": 1, "label": 1, "time": 2**42}
            topic, value = rng.choice(("predictions", "labels")), orjson.dumps(year_2100)
        key = rng.choice((None, b"id-1", b"key"))
        self.refused.add(self._world.produce(getattr(self._topics, topic), key, value))

    def _metric(self) -> None:
        self._write("metrics", "prices", {"model_id": "prices", "metrics": {"drift": round(self._rng.random(), 3)}})

    def _command(self, name: str) -> None:
        word = self._rng.choice(("trigger", "trigger", "pause", "resume", "resume"))
        model = self._rng.choice(("clicks", "prices"))
        event = {"command_id": name, "model_id": model, "command": word, "time": self._world.now}
        for _ in range(self._rng.choice((1, 2))):
            self._write("commands", model, event)

    def _answer(self) -> None:
        """What a retrain of the user's own says to a trigger that can be seen by now."""
        triggers = [r for n in range(PARTITIONS) for r in self._world.logs[self._topics.triggers, n].committed()]
        if not triggers:
            return
        trigger = orjson.loads(self._rng.choice(triggers[-4:]).value_bytes or b"")
        event = {"model_id": trigger["model_id"], "trigger_id": trigger["trigger_id"], "time": self._world.now}
        status = self._rng.choice(("started", "failed", "rejected", "deployed", "deployed"))
        if status == "deployed":
            event["model_version"] = f"v{self._world.now}"
        self._write("deploys", trigger["model_id"], event | {"status": status})
