"""Made-up recordings."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import orjson

from streamproc import Challenger
from streamproc.config.load import from_mapping
from streamproc.config.pipeline import Config

T = 1_779_926_400_000  # 2026-05-28T00:00:00Z
SECOND = 1000
POLICY = {
    "window": 100,
    "min_samples": 50,
    "detectors": {"errors": {"type": "adwin"}},
    "policies": [{"name": "worse", "condition": "errors and accuracy < 0.9"}],
}


def config(**model: Any) -> Config:
    return from_mapping({"pipeline": "t", "models": {"m": {**POLICY, **model}}})


def pairs(count: int, drift: int | None, delay: int = 20) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Predictions of `x > 0.5`, and labels that turn round at row `drift`; 2 % noise."""
    rng = random.Random(7)
    made = []
    for n in range(count):
        x = rng.random()
        truth = int(x > 0.5) ^ (drift is not None and n >= drift) ^ (rng.random() < 0.02)
        time = T + n * SECOND
        common = {"prediction_id": f"p{n}", "model_id": "m", "model_version": "v1", "time": time}
        known = {"prediction_id": f"p{n}", "label": truth, "time": time + delay * SECOND}
        made.append(({**common, "prediction": int(x > 0.5), "features": {"x": x}}, known))
    return made


def write_lines(path: Path, events: list[dict[str, Any]]) -> Path:
    path.write_bytes(b"\n".join(orjson.dumps(event) for event in events) + b"\n")
    return path


def retrain(trigger: Any, data: Any) -> Challenger:
    """Which way round the newest rows are."""
    rows = data.rows[-50:]
    turned = sum(row["label"] == (row["features"]["x"] > 0.5) for row in rows) * 2 < len(rows)
    (data.directory / "turned").write_text(str(turned), encoding="utf-8")

    def predict(rows: list[dict[str, Any]]) -> list[int]:
        return [int((row["features"]["x"] > 0.5) != turned) for row in rows]

    return Challenger(data.directory / "turned", predict=predict)


def of_the_majority(trigger: Any, data: Any) -> Challenger:
    """Which way round most rows are: right only once most of the window is from after the turn."""
    turned = sum(row["label"] == (row["features"]["x"] > 0.5) for row in data.rows) * 2 < len(data.rows)
    (data.directory / "turned").write_text(str(turned), encoding="utf-8")

    def predict(rows: list[dict[str, Any]]) -> list[int]:
        return [int((row["features"]["x"] > 0.5) != turned) for row in rows]

    return Challenger(data.directory / "turned", predict=predict)


def retrain_badly_by_hand(trigger: Any, data: Any) -> Challenger:
    """The same, but what a person asks for is always wrong."""
    good = retrain(trigger, data)
    if trigger.cause != "manual":
        return good
    return Challenger(good.artifact, predict=lambda rows: [1 - answer for answer in good.predict(rows)])


def silent(line: str) -> None:
    """Nobody reads the progress."""
