"""The textbook case on a real Kafka: real topics, real stages, a pipeline of the user's that answers triggers."""

from __future__ import annotations

from typing import Any

import pytest

from streamproc.app.run import wall_clock
from streamproc.config.pipeline import Config
from tests.kafka.harness import Running, configure, until

DRIFT = (0.02, 0.05, 0.12, 0.03, 0.15)


def model(condition: str, **parameters: float) -> dict[str, Any]:
    return {
        "external_metrics": ["drift", "accuracy", "model_accuracy", "data_volume_increase"],
        "policies": [{"name": "p", "condition": condition, "parameters": parameters, "cooldown": 0}],
    }


def metric(**values: float) -> dict[str, Any]:
    return {"model_id": "m", "time": wall_clock(), "metrics": values}


def answer(running: Running, trigger: dict[str, Any], version: str) -> None:
    """What the user's own pipeline says: it has started, it has deployed."""
    common = {"model_id": "m", "trigger_id": trigger["trigger_id"], "time": wall_clock()}
    running.send("deploys", {**common, "status": "started"}, {**common, "status": "deployed", "model_version": version})


def decisions(running: Running, verdict: str) -> list[dict[str, Any]]:
    return [d for d in running.read("decisions") if d["verdict"] == verdict]


def retrained_steps(config: Config) -> list[int]:
    """Send the drift values one by one; answer each trigger; the steps at which one came."""
    steps: list[int] = []
    with Running(config) as running:
        for step, drift in enumerate(DRIFT, start=1):
            triggers = after_metric(running, step, drift=drift)
            if len(triggers) > len(steps):
                steps.append(step)
                answer(running, triggers[-1], f"v{step}")
                deployed(running, len(steps))
        ids = [t["trigger_id"] for t in running.read("triggers")]
        assert len(ids) == len(set(ids)) == len(steps)
    return steps


def after_metric(running: Running, step: int, **values: float) -> list[dict[str, Any]]:
    """Send outside numbers; the triggers, once the monitor must have seen them.

    That is so when a marker that was sent behind them has been decided upon.
    """
    running.send("metrics", metric(**values))
    until(lambda: sum(r["kind"] == "metric" for r in running.read("journal")), lambda n: n == step, f"metric {step}")
    running.send("commands", {"command_id": f"mark-{step}", "model_id": "m", "command": "resume", "time": wall_clock()})
    until(lambda: len(decisions(running, "resumed")), lambda n: n == step, f"the marker of step {step}")
    return running.read("triggers")


def deployed(running: Running, count: int) -> None:
    """Wait until so many deploys have taken effect."""
    until(
        lambda: sum(d["rule"] == "warmed_up" for d in decisions(running, "lifecycle")),
        lambda n: n == count,
        f"deploy {count} to take effect",
    )


@pytest.mark.parametrize(("threshold", "expected"), [(0.10, [3, 5]), (0.01, [1, 2, 3, 4, 5])])
def test_drift_above_its_threshold_retrains(bootstrap: str, threshold: float, expected: list[int]) -> None:
    """With 0.10 a retrain happens at steps 3 and 5 and at no other; with 0.01 at every step."""
    config = configure(bootstrap, {"m": model("drift > threshold", threshold=threshold)})
    assert retrained_steps(config) == expected


@pytest.mark.parametrize(
    ("condition", "values", "fires"),
    [
        ("model_accuracy < 0.85", {"model_accuracy": 0.80}, True),
        ("accuracy < 0.85 or data_volume_increase > 0.20", {"accuracy": 0.80, "data_volume_increase": 0.1}, True),
        ("accuracy < 0.85 or data_volume_increase > 0.20", {"accuracy": 0.90, "data_volume_increase": 0.3}, True),
        ("accuracy < 0.85 or data_volume_increase > 0.20", {"accuracy": 0.80}, True),
        ("accuracy < 0.85 or data_volume_increase > 0.20", {"accuracy": 0.90, "data_volume_increase": 0.1}, False),
        ("accuracy > 0.90", {"accuracy": 0.80}, False),
    ],
)
def test_a_condition_fires_on_its_values_and_only_on_them(
    bootstrap: str, condition: str, values: dict[str, float], fires: bool
) -> None:
    """One event of outside numbers fires the policy exactly when its condition holds."""
    with Running(configure(bootstrap, {"m": model(condition)})) as running:
        triggers = after_metric(running, 1, **values)
        assert len(triggers) == int(fires)
        if fires:
            assert triggers[0]["reason"] == condition
            assert triggers[0]["evidence"]["values"].items() >= values.items()
