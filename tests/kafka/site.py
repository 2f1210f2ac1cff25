"""A retrain worker as a process of its own beside join and monitor, for the tests that kill, stop and restart it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from streamproc.app.run import wall_clock
from tests.kafka.harness import Running, configure, until

ROOT = Path(__file__).parents[2]


class Site:
    """Join and monitor in this process, and a directory from which workers are started as users start them."""

    def __init__(
        self,
        bootstrap: str,
        directory: Path,
        by: str | dict[str, Any],
        *,
        on_stop: str = "give_back",
        worker: dict[str, Any] | None = None,
        also: dict[str, dict[str, Any]] | None = None,
        **retries: Any,
    ) -> None:
        """`by`: a function of tests.kafka.functions, or settings of `retrain`; `also`: models that it differs for."""
        who = {"function": f"tests.kafka.functions:{by}"} if isinstance(by, str) else by
        model: dict[str, Any] = {
            "min_samples": 50,
            "window": 200,
            "policies": [{"name": "degraded", "condition": "accuracy < 0.6", "cooldown": "1h"}],
            "retrain": {"gate": None, "retries": retries, **who},
        }
        others = {name: {**model, "retrain": {**model["retrain"], **more}} for name, more in (also or {}).items()}
        models = {"m": model, **others}
        self.directory, self.log = directory, directory / "worker.log"
        self.config = configure(bootstrap, models, artifacts=str(directory / "artifacts"))
        written = {
            "pipeline": self.config.pipeline,
            "kafka": self.config.kafka,
            "topics": self.config.topics.model_dump(),
            "engine": {"http": ""},
            "worker": {"on_stop": on_stop, **(worker or {})},
            "artifacts": self.config.artifacts,
            "models": models,
        }
        (directory / "streamproc.yaml").write_bytes(orjson.dumps(written))

    @contextlib.contextmanager
    def running(self) -> Iterator[Running]:
        """With one trigger."""
        with Running(self.config) as running:
            answered(running, 60)
            running.wait_for("triggers", 1)
            yield running

    @contextlib.contextmanager
    def worker(self) -> Iterator[subprocess.Popen[bytes]]:
        """A worker's process; killed at the end if it is still there."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "streamproc.cli", "run", "retrain", "--log-format", "json"],
                cwd=self.directory,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=log,
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def wait_for_the_job(self) -> None:
        """The function has been called."""
        until((self.directory / "seen").exists, bool, "the function to be called")


def story(running: Running) -> list[tuple[str, int | None]]:
    return [(event["status"], event.get("attempt")) for event in running.read("deploys")]


def wait_for(running: Running, status: str) -> None:
    until(lambda: story(running), lambda found: status in [s for s, _ in found], status)


def answered(running: Running, count: int, model_id: str = "m", version: str = "v1", first: int = 0) -> None:
    """Predictions that are always 0, with labels that are always 1."""
    common = [{"prediction_id": f"{model_id}-{n}", "time": wall_clock()} for n in range(first, first + count)]
    made = {"model_id": model_id, "model_version": version, "prediction": 0}
    running.send("predictions", *({**c, **made} for c in common))
    running.send("labels", *({**c, "label": 1} for c in common))
