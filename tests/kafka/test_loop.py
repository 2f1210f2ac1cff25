"""The whole loop on a real Kafka: monitor, trigger, retrain in a child process, deploy, monitor again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streamproc.app.run import wall_clock
from streamproc.config.pipeline import Config
from tests.kafka.harness import Running, configure, until

ALL = ("join", "monitor", "retrain")


def looped(bootstrap: str, tmp_path: Path, function: str, **retries: Any) -> Config:
    model = {
        "min_samples": 50,
        "window": 200,
        "policies": [{"name": "degraded", "condition": "accuracy < 0.6", "cooldown": "1h"}],
        "retrain": {
            "function": f"tests.kafka.functions:{function}",
            "window": {"outcomes": 200},
            "gate": {"condition": "challenger.accuracy > champion.accuracy", "min_rows": 10},
            "retries": retries,
        },
    }
    return configure(bootstrap, {"m": model}, artifacts=str(tmp_path / "artifacts"))


def feed(running: Running, first: int, count: int, *, version: str, answer: int) -> None:
    """Predictions of one version that always answers the same, with their labels: the truth is always 1."""
    common = [{"prediction_id": f"id-{n}", "time": wall_clock()} for n in range(first, first + count)]
    made = {"model_id": "m", "model_version": version, "prediction": answer}
    running.send("predictions", *({**c, **made} for c in common))
    running.send("labels", *({**c, "label": 1} for c in common))


def statuses(running: Running) -> list[str]:
    return [deploy["status"] for deploy in running.read("deploys")]


def test_a_degraded_model_is_retrained_and_its_successor_watched(bootstrap: str, tmp_path: Path) -> None:
    """Wrong answers fire the policy; the challenger passes the gate, is deployed, and only its outcomes count then."""
    with Running(looped(bootstrap, tmp_path, "majority"), ALL) as running:
        feed(running, 0, 60, version="v1", answer=0)
        (trigger,) = running.wait_for("triggers", 1)
        until(lambda: statuses(running), lambda s: s == ["started", "deployed"], "the deploy")
        deploy = running.read("deploys")[-1]
        assert deploy["trigger_id"] == trigger["trigger_id"]
        assert deploy["metrics"]["champion"]["accuracy"] == 0.0
        assert deploy["metrics"]["challenger"]["accuracy"] == 1.0
        assert deploy["previous_version"] == trigger["model_version"] == "v1"
        assert (tmp_path / "artifacts" / deploy["artifact"]["uri"]).read_text() == "1"
        until(
            lambda: [d["rule"] for d in running.read("decisions")], lambda r: "warmed_up" in r, "the monitor to go on"
        )
        # In-flight outcomes of the old version are counted apart; the new version is right, and stays unsuspected.
        feed(running, 100, 60, version="v1", answer=0)
        feed(running, 200, 60, version=deploy["model_version"], answer=1)
        until(lambda: running.stages[1].gauges()["monitor_outcomes"], lambda n: n == 180, "180 outcomes")
        assert len(running.read("triggers")) == 1


def test_a_challenger_that_is_no_better_is_rejected(bootstrap: str, tmp_path: Path) -> None:
    """A function that gives a model as bad as the champion: an event with the figures, and the champion stays."""
    with Running(looped(bootstrap, tmp_path, "zero"), ALL) as running:
        feed(running, 0, 60, version="v1", answer=0)
        until(lambda: statuses(running), lambda s: s == ["started", "rejected"], "the rejection")
        rejection = running.read("deploys")[-1]
        assert rejection["metrics"]["challenger"]["accuracy"] == rejection["metrics"]["champion"]["accuracy"] == 0.0
        until(lambda: [d["rule"] for d in running.read("decisions")], lambda r: "rejected" in r, "its effect")


def test_a_function_that_raises_ends_in_failed_with_its_reason(bootstrap: str, tmp_path: Path) -> None:
    """The deploy event names the exception, and the monitor watches on."""
    with Running(looped(bootstrap, tmp_path, "broken", attempts=1), ALL) as running:
        feed(running, 0, 60, version="v1", answer=0)
        until(lambda: statuses(running), lambda s: s == ["started", "failed"], "the failure")
        assert "no such column: amount" in running.read("deploys")[-1]["reason"]
        until(lambda: [d["rule"] for d in running.read("decisions")], lambda r: "failed" in r, "its effect")


def test_a_retrain_that_was_given_back_runs_again_with_the_same_trigger(bootstrap: str, tmp_path: Path) -> None:
    """The worker stops in mid-retrain; the next one runs the trigger again, and there is one final event."""
    config = looped(bootstrap, tmp_path, "slow")
    with Running(config, ALL) as running:
        feed(running, 0, 60, version="v1", answer=0)
        until((tmp_path / "seen").exists, bool, "the function to be called")
    with Running(config, ALL) as running:
        until(lambda: statuses(running), lambda s: "deployed" in s, "the deploy")
        assert statuses(running) == ["started", "given_back", "started", "deployed"]
        deploys = running.read("deploys")
        assert {d["trigger_id"] for d in deploys} == {(tmp_path / "seen").read_text()}
        assert [d["attempt"] for d in deploys] == [1, 1, 2, 2]
