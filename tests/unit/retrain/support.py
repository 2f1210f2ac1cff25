"""Hand-made triggers, journal records and ends for the tests of the retrain worker."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from streamproc.app.retrain_child import measure
from streamproc.config.pipeline import Config
from streamproc.config.retrain import Gate
from streamproc.events.deploy import Artifact
from streamproc.events.identity import derived_id
from streamproc.events.trigger import DataWindow, JournalPosition, Trigger
from streamproc.replay.memory import MemoryRecord
from streamproc.retrain.job import Job, Result, version_of
from streamproc.retrain.score import Measure

NOW = 1_767_225_600_000
"""2026-01-01."""
TRIGGERS, DEPLOYS = "triggers", "deploys"


def configure(models: Sequence[str] = ("m",), **retrain: Any) -> Config:
    """A pipeline whose models are all retrained, plus `watched`, which nobody retrains here."""
    section = {"function": "user_code:train", **retrain}
    return Config.model_validate(
        {"pipeline": "p", "models": {**{name: {"retrain": section} for name in models}, "watched": {}}}
    )


def make_trigger(number: int = 1, model_id: str = "m", **fields: Any) -> Trigger:
    """The trigger with this number: its id follows from model and number."""
    values: dict[str, Any] = {
        "trigger_id": derived_id("trg", model_id, number),
        "pipeline": "p",
        "model_id": model_id,
        "model_version": "v1",
        "policy": "policy",
        "cause": "condition",
        "reason": "accuracy < 0.85",
        "time": NOW,
        "data": DataWindow(topic="journal", partition=0, from_offset=0, to_offset=1000, outcomes=0),
        "config_hash": "0",
        "journal": JournalPosition(partition=0, offset=999),
    }
    return Trigger.model_validate({**values, **fields})


def record(topic: str, offset: int, event: dict[str, Any] | bytes, time: int = NOW, partition: int = 0) -> MemoryRecord:
    """A record of a log."""
    return MemoryRecord(
        topic, partition, offset, event if isinstance(event, bytes) else orjson.dumps(event), b"m", time
    )


def outcome(number: int, **fields: Any) -> dict[str, Any]:
    """A journal record: the feature `x` is the number, the label its parity, and the champion says always 1."""
    return {
        "kind": "outcome",
        "prediction_id": f"p{number}",
        "model_id": "m",
        "model_version": "v1",
        "time": NOW + number,
        "prediction": 1,
        "features": {"x": number},
        "label": number % 2,
        "label_time": NOW + number + 10,
        **fields,
    }


def values_of(records: Sequence[dict[str, Any]]) -> list[bytes]:
    """Journal records as bytes."""
    return [orjson.dumps(each) for each in records]


def make_job(artifacts: Path, function: str = "user_code:train", **fields: Any) -> Job:
    """A job for `make_trigger()`; fields of the trigger's data window go under `data`."""
    trigger = fields.pop("trigger", None) or make_trigger()
    values: dict[str, Any] = {
        "trigger": trigger,
        "attempt": 1,
        "version": version_of(trigger.trigger_id, 1),
        "artifacts": str(artifacts),
        "task": "binary",
        "positive_label": 1,
        "function": function,
        "spans": ({"words": "the newest", "newest": fields.pop("outcomes", 1000)},),
        "gate": Gate(min_rows=10),
        "time_limit": 60_000,
    }
    return Job.model_validate({**values, **fields})


def measure_for(job: Job) -> Measure:
    """The real metrics."""
    return measure(job)


def deployed_result(version: str) -> Result:
    """What a successful job gives."""
    return Result(
        status="deployed",
        reason="passed the gate",
        model_version=version,
        artifact=Artifact(uri=f"m/{version}/model", sha256="0" * 64, bytes=1),
        metrics={"champion": {"accuracy": 0.5}, "challenger": {"accuracy": 0.9}},
        rows={"training": 75, "holdout": 25},
    )


class FakeHandle:
    """A job that ends when the test says so."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.result: Result | None = None
        self.told_to_end = False

    def poll(self) -> Result | None:
        return self.result

    def end(self) -> None:
        self.told_to_end = True

    def wait(self, seconds: float) -> bool:
        return self.told_to_end

    @property
    def running(self) -> bool:
        return self.result is None


class FakeExecutor:
    """Keeps the jobs that were started, in order."""

    def __init__(self) -> None:
        self.handles: list[FakeHandle] = []
        self.refuses: OSError | None = None

    def start(self, directory: Path, job: Job) -> FakeHandle:
        if self.refuses is not None:
            raise self.refuses
        self.handles.append(FakeHandle(job))
        return self.handles[-1]

    @property
    def running(self) -> list[FakeHandle]:
        return [handle for handle in self.handles if handle.running]


class FakeDirectories:
    """Names only."""

    def __init__(self) -> None:
        self.held: set[Path] = set()
        self._made = 0

    def new(self, name: str) -> Path:
        self._made += 1
        path = Path(tempfile.gettempdir()) / "never-made" / f"{name}-{self._made}"
        self.held.add(path)
        return path

    def remove(self, directory: Path) -> None:
        self.held.remove(directory)
