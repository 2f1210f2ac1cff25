"""Models in MLflow's registry: a real server on SQLite, a real Kafka, and a worker that retrains."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from streamproc.app.run import wall_clock
from streamproc.config.retrain import Gate
from streamproc.kafka.tail import send_all
from streamproc.retrain.api import Challenger, TrainingData
from streamproc.retrain.course import retrain
from streamproc.retrain.job import Job, Result, version_of
from streamproc.retrain.registry.mlflow import KEY, MlflowRegistry
from streamproc.serving import ModelServer
from tests.kafka.harness import Running, configure, until
from tests.kafka.mlflow_server import MlflowServer, client, running_mlflow
from tests.kafka.site import Site
from tests.unit.retrain.support import make_job, make_trigger, measure_for, outcome, values_of

ALIAS = "champion"


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with running_mlflow(tmp_path_factory.mktemp("mlflow")) as server:
        yield server


def pipeline(bootstrap: str, tmp_path: Path, server: MlflowServer, **retrain: Any) -> Running:
    """Join, monitor and worker of one model, with MLflow as the registry; the names there are of this test alone."""
    model = {
        "min_samples": 50,
        "window": 200,
        "policies": [{"name": "degraded", "condition": "accuracy < 0.6", "cooldown": "1h"}],
        "retrain": {
            "function": "tests.kafka.functions:majority",
            "gate": {"condition": "challenger.accuracy > champion.accuracy", "min_rows": 10},
            **retrain,
        },
    }
    registry = {"mlflow": {"tracking_uri": server.url, "prefix": f"{tmp_path.name}."}}
    config = configure(bootstrap, {"m": model}, artifacts=str(tmp_path / "artifacts"), registry=registry)
    return Running(config, ("join", "monitor", "retrain"))


def degrade(running: Running) -> dict[str, Any]:
    """A trigger, caused by wrong predictions."""
    common = [{"prediction_id": f"id-{n}", "time": wall_clock()} for n in range(60)]
    running.send("predictions", *({**c, "model_id": "m", "model_version": "v1", "prediction": 0} for c in common))
    running.send("labels", *({**c, "label": 1} for c in common))
    return running.wait_for("triggers", 1)[0]


def ask_again(running: Running, triggers: int) -> None:
    running.send("commands", {"command_id": "c", "model_id": "m", "command": "trigger", "time": wall_clock()})
    running.wait_for("triggers", triggers)


def final(running: Running, count: int = 1) -> list[dict[str, Any]]:
    def ends() -> list[dict[str, Any]]:
        return [e for e in running.read("deploys") if e["status"] in ("deployed", "rejected", "failed")]

    return list(until(ends, lambda found: len(found) >= count, f"{count} final deploy events"))


def alias(server: MlflowServer, name: str) -> str | None:
    return dict(client(server.url).get_registered_model(name).aliases).get(ALIAS)


def test_a_deployed_model_is_a_version_and_the_alias_follows_deploy_and_rollback(
    bootstrap: str, tmp_path: Path, mlflow: MlflowServer
) -> None:
    """Location and checksum in the event, trigger and figures in the tags; a model server loads it from there."""
    name = f"{tmp_path.name}.m"
    with pipeline(bootstrap, tmp_path, mlflow, gate=None) as running:
        trigger = degrade(running)
        (first,) = final(running)
        assert first["artifact"]["uri"] == f"models:/{name}/1/answer.txt"
        until(lambda: alias(mlflow, name), lambda found: found == "1", "the alias of the first version")
        ask_again(running, 2)
        second = final(running, 2)[-1]
        assert second["artifact"]["uri"] == f"models:/{name}/2/answer.txt", second
        until(lambda: alias(mlflow, name), lambda found: found == "2", "the alias of the second version")
        server = ModelServer("m", load=Path.read_text, artifacts=tmp_path, registry=mlflow.url)
        assert server.deployed(second)
        assert tuple(server.current) == (second["model_version"], "1")
        back = {**first, "status": "rolled_back", "time": wall_clock(), "previous_version": second["model_version"]}
        del back["trigger_id"]
        send_all(running.config.kafka, [(running.config.topics.deploys, b"m", orjson.dumps(back))])
        until(lambda: alias(mlflow, name), lambda found: found == "1", "the alias after the rollback")
        assert server.deployed(back)
        away = {**back, "model_version": "by-hand", "artifact": {"uri": "s3://elsewhere/model"}, "time": wall_clock()}
        send_all(running.config.kafka, [(running.config.topics.deploys, b"m", orjson.dumps(away))])
        until(lambda: alias(mlflow, name), lambda found: found is None, "no alias for what is not in the registry")
        server.close()
    version = client(mlflow.url).get_model_version(name, "1")
    assert version.tags["streamproc.trigger_id"] == trigger["trigger_id"]
    assert version.tags["streamproc.sha256"] == first["artifact"]["sha256"]
    assert version.tags["streamproc.model_version"] == first["model_version"]
    assert not [*(tmp_path / "artifacts").glob("m/*")]
    assert not [*tmp_path.glob(".fetched-*")]


def test_a_registry_that_is_down_is_a_failed_attempt_and_the_next_one_goes_through(
    bootstrap: str, tmp_path: Path, mlflow: MlflowServer
) -> None:
    """The reason names the registry; when it is back, the same trigger has one version."""
    name = f"{tmp_path.name}.m"
    mlflow.stop()
    with pipeline(
        bootstrap, tmp_path, mlflow, retries={"attempts": 50, "backoff": "1s", "max_backoff": "5s"}
    ) as running:
        degrade(running)
        until(
            lambda: [e for e in running.read("deploys") if e["status"] == "attempt_failed"], bool, "the failed attempt"
        )
        mlflow.start()
        (deployed,) = final(running)
        until(lambda: alias(mlflow, name), lambda found: found == "1", "the alias")
        events = running.read("deploys")
    assert deployed["status"] == "deployed"
    assert (
        f"MLflow at {mlflow.url} (registry.mlflow)"
        in next(e for e in events if e["status"] == "attempt_failed")["reason"]
    )
    version = client(mlflow.url).get_model_version(name, "1")
    assert float(version.tags["challenger.accuracy"]) == deployed["metrics"]["challenger"]["accuracy"] == 1
    assert float(version.tags["champion.accuracy"]) == 0
    assert len(client(mlflow.url).search_model_versions(f"name='{name}'")) == 1


def test_a_worker_killed_between_the_version_and_its_event_leaves_no_second_version(
    bootstrap: str, tmp_path: Path, mlflow: MlflowServer
) -> None:
    """Frozen while its job ends, then killed: the next worker's attempt says what is in the registry, untrained."""
    name, site = f"{tmp_path.name}.m", Site(bootstrap, tmp_path, "patient")
    file = tmp_path / "streamproc.yaml"
    registry = {"mlflow": {"tracking_uri": mlflow.url, "prefix": f"{tmp_path.name}."}}
    file.write_bytes(orjson.dumps({**orjson.loads(file.read_bytes()), "registry": registry}))

    def versions() -> list[str]:
        return [version.version for version in client(mlflow.url).search_model_versions(f"name='{name}'")]

    with site.running() as running:
        with site.worker() as worker:
            site.wait_for_the_job()
            os.kill(worker.pid, signal.SIGSTOP)
            (tmp_path / "go").touch()
            until(versions, bool, "the version in the registry")
            worker.kill()
        (tmp_path / "seen").unlink()
        with site.worker():
            (deployed,) = final(running)
            until(lambda: alias(mlflow, name), lambda found: found == "1", "the alias")
        events = running.read("deploys")
    assert [(event["status"], event["attempt"]) for event in events] == [
        ("started", 1),
        ("started", 2),
        ("deployed", 2),
    ]
    assert deployed["artifact"]["uri"] == f"models:/{name}/1/answer.txt"
    assert versions() == ["1"]
    assert not (tmp_path / "seen").exists()


class Bench:
    """One retrain after another in this process, against the real server."""

    def __init__(self, server: MlflowServer, root: Path) -> None:
        self.registry, self.root = MlflowRegistry(server.url, prefix=f"{root.name}."), root
        self.runs = self.trained = 0
        self.name, self.client = f"{root.name}.m", client(server.url)

    def job(self, attempt: int = 1, **fields: Any) -> Job:
        trigger = fields.pop("trigger", None) or make_trigger()
        version = version_of(trigger.trigger_id, attempt)
        gate = Gate(condition="challenger.accuracy >= 0", min_rows=1, confidence=None)
        return make_job(self.root, trigger=trigger, attempt=attempt, version=version, gate=gate, **fields)

    def run(self, job: Job, monkeypatch: pytest.MonkeyPatch) -> Result:
        def train(trigger: Any, data: TrainingData) -> Challenger:
            self.trained += 1
            self.champion = data.champion_artifact
            model = data.directory / "saved" / "model.txt"
            model.parent.mkdir()
            model.write_text(f"trained {self.trained} times")
            return Challenger(model, lambda rows: [1] * len(rows))

        monkeypatch.setattr("streamproc.retrain.course.load", lambda _: train)
        self.runs += 1
        directory = self.root / f"job-{self.runs}" / "artifact"
        directory.mkdir(parents=True)
        values = values_of([outcome(n) for n in range(100)])
        return retrain(job, values, measure_for(job), directory, store=self.registry)

    def versions(self) -> list[str]:
        return sorted(version.version for version in self.client.search_model_versions(f"name='{self.name}'"))


@pytest.fixture
def bench(mlflow: MlflowServer, tmp_path: Path) -> Bench:
    return Bench(mlflow, tmp_path)


def test_an_attempt_after_a_crash_says_what_the_first_would_have_said(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kept, but never said: the next attempt neither trains nor registers, and gives the whole result."""
    first = bench.run(bench.job(1), monkeypatch)
    again = bench.run(bench.job(2), monkeypatch)
    assert again == first
    assert first.reference is not None
    assert (bench.trained, bench.versions()) == (1, ["1"])
    assert first.artifact is not None
    assert first.artifact.uri == f"models:/{bench.name}/1/model.txt"


def test_of_two_attempts_at_the_same_time_one_counts(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second has found nothing when it began; at its end it gives the first one's result, and leaves no version."""
    monkeypatch.setattr(MlflowRegistry, "earlier", lambda *_: None)
    first, second = bench.run(bench.job(1), monkeypatch), bench.run(bench.job(2), monkeypatch)
    assert (bench.trained, bench.versions()) == (2, ["1"])
    assert second == first


def test_another_life_of_the_topics_has_versions_of_its_own(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same id at another time is another trigger."""
    bench.run(bench.job(), monkeypatch)
    bench.run(bench.job(trigger=make_trigger(time=make_trigger().time + 1)), monkeypatch)
    assert (bench.trained, bench.versions()) == (2, ["1", "2"])


def test_the_champion_is_fetched_for_who_asks(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """To go on from there; None for what is gone, elsewhere, or another model's."""
    first = bench.run(bench.job(), monkeypatch)
    assert first.artifact is not None
    for number, (uri, expected) in enumerate(
        (
            (first.artifact.uri, "trained 1 times"),
            (f"models:/{bench.name}/77/model.txt", None),
            (first.artifact.uri.replace(bench.name, "another"), None),
            (f"models:/{bench.name}/1/../1/model.txt", None),
            ("s3://bucket/model", None),
        ),
        2,
    ):
        bench.run(bench.job(trigger=make_trigger(number), champion_artifact=uri), monkeypatch)
        assert (bench.champion.read_text() if bench.champion else None) == expected


def test_an_alias_that_a_person_has_set_stays(bench: Bench) -> None:
    """When what is in service is not in the registry, only a version that streamproc has made loses the name."""
    bench.client.create_registered_model(bench.name)
    run = bench.client.create_run("0").info
    made = bench.client.create_model_version(bench.name, f"{run.artifact_uri}/m", run.run_id)
    bench.client.set_registered_model_alias(bench.name, ALIAS, made.version)
    bench.registry.point("m", "m/v1/model")
    bench.registry.point("m", None)
    assert bench.client.get_model_version_by_alias(bench.name, ALIAS).version == made.version
    assert KEY not in made.tags
