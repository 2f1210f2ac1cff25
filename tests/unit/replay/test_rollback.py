"""An automatic rollback over the real join and monitor: through the deploys topic and back, and in replays."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import orjson

from streamproc.app.replay import Recording, replay
from streamproc.config.load import from_mapping
from streamproc.config.pipeline import Config
from streamproc.events.decision import Decision
from streamproc.events.deploy import Deploy
from streamproc.replay.journal import JournalReplay
from streamproc.replay.pipeline import Found, Pipeline
from streamproc.replay.recorded import recorded
from streamproc.replay.results import Question
from streamproc.stage import Record
from tests.unit.replay.made import SECOND, T, pairs, silent

MODEL: dict[str, Any] = {"min_samples": 50, "window": 100, "probation": {"outcomes": 300}}
ARTIFACT = {"uri": "m/v1", "sha256": None, "bytes": 3}


def config(**model: Any) -> Config:
    return from_mapping({"pipeline": "t", "models": {"m": {**MODEL, **model}}})


class Server:
    """Answers with the version that the journal puts in service, as a model server would: v2 is wrong half the time."""

    def __init__(self, config: Config) -> None:
        self.journal: list[Record] = []
        self.pipeline = Pipeline(config, self._take)
        self.version, self.n, self.rng = "v1", 0, random.Random(3)

    def _take(self, record: Record) -> None:
        self.journal.append(record)
        event = orjson.loads(record.value() or b"")
        if event["kind"] == "deploy" and event["status"] in ("deployed", "rolled_back"):
            self.version = event["model_version"]

    def deploy(self, version: str, **more: Any) -> list[Found]:
        time = self.pipeline.now + 1 if self.n else T
        event = {"model_id": "m", "status": "deployed", "model_version": version, "time": time, **more}
        return self.pipeline.send("deploys", event)

    def answers(self, count: int) -> Iterator[Found]:
        for _ in range(count):
            self.n += 1
            time, name = T + self.n * SECOND, f"p{self.n}"
            wrong = self.rng.random() < (0.5 if self.version == "v2" else 0.1)
            common = {"prediction_id": name, "time": time}
            prediction = {**common, "model_id": "m", "model_version": self.version, "prediction": 1}
            yield from self.pipeline.send("predictions", prediction)
            yield from self.pipeline.send("labels", {**common, "label": int(not wrong)})

    def deploys(self) -> list[dict[str, Any]]:
        events = [orjson.loads(record.value() or b"") for record in self.journal]
        return [event for event in events if event["kind"] == "deploy"]


def life(config: Config) -> tuple[Server, list[Found]]:
    server = Server(config)
    found = server.deploy("v1", artifact=ARTIFACT)
    found += server.answers(300)
    found += server.deploy("v2")
    found += server.answers(500)
    return server, found


def test_the_rollback_is_a_deploy_event_that_comes_back_through_the_join() -> None:
    """Valid, whole, with figures and artifact; the server is at v1 again, and nothing is rolled back twice."""
    server, found = life(config())
    first, second, back = server.deploys()
    assert [event["status"] for event in (first, second, back)] == ["deployed", "deployed", "rolled_back"]
    event = Deploy.model_validate({k: v for k, v in back.items() if k != "kind"})
    assert (event.model_version, event.previous_version, event.trigger_id) == ("v1", "v2", None)
    assert event.artifact is not None
    assert event.artifact.uri == "m/v1"
    assert event.metrics is not None
    assert event.metrics["probation"]["e_value"] >= 100
    assert "version v2 is worse than the one before" in (event.reason or "")
    assert server.version == "v1"
    monitor = server.pipeline.monitors["m"]
    assert monitor.version.version == "v1"
    assert monitor.gauges.outcomes > 200
    told = [each.verdict for each in found if isinstance(each, Decision)]
    assert told.count("worse") == 1
    assert told.count("probation") == 2  # v1 had nobody before it


def test_the_same_events_give_the_same_ids() -> None:
    """So a rollback that is written twice, by a rebuilt monitor, is carried out once."""
    (first, _), (second, _) = life(config()), life(config())
    assert first.deploys() == second.deploys()
    monitor, back = first.pipeline.monitors["m"], first.deploys()[-1]
    before = monitor.gauges.outcomes
    first.pipeline.send("deploys", {k: v for k, v in back.items() if k != "kind"})
    assert monitor.gauges.outcomes == before


def test_a_rollback_of_another_deploy_of_the_same_version_has_another_id() -> None:
    """v2 is deployed once more, by somebody who insists, and rolled back once more."""
    server, _ = life(config())
    server.deploy("v2")
    list(server.answers(300))
    backs = [event for event in server.deploys() if event["status"] == "rolled_back"]
    assert len({event["deploy_id"] for event in backs}) == len(backs) == 2


def test_the_journal_gives_the_same_decisions_again() -> None:
    """With the rollback as it is recorded, id for id."""
    server, found = life(config())
    replay = JournalReplay(config())
    again = {each.model_dump_json() for record in server.journal for each in replay.feed(record)}
    assert again == {each.model_dump_json() for each in found}


def test_a_version_that_passes_is_confirmed() -> None:
    """An event of its own, which changes nothing for servers and monitor."""
    server = Server(config())
    server.deploy("v1")
    list(server.answers(300))
    server.deploy("v3")
    list(server.answers(301))
    (confirmed,) = (event for event in server.deploys() if event["status"] == "confirmed")
    assert confirmed["model_version"] == "v3"
    assert server.pipeline.monitors["m"].version.version == "v3"


def test_in_a_replay_that_retrains_the_earlier_model_answers_again() -> None:
    """The first retrain is good, the second, which a person asks for, is wrong everywhere, and there is no gate."""
    events = [recorded("predictions", p, n) for n, (p, _) in enumerate(pairs(2000, 500))]
    events += [recorded("labels", known, n) for n, (_, known) in enumerate(pairs(2000, 500))]
    command = {"command_id": "c", "model_id": "m", "command": "trigger", "time": T + 1200 * SECOND}
    retrain = {"function": "tests.unit.replay.made:retrain_badly_by_hand", "window": {"outcomes": 100}, "gate": None}
    policies = [{"name": "low", "condition": "accuracy < 0.7", "cooldown": "1h"}]
    asked = config(retrain=retrain, policies=policies)
    recording = Recording(events=sorted([*events, recorded("commands", command, 1)]))
    (arm,) = replay(recording, {"p": asked}, Question("test", "retrain", takes=0), silent)["models"]["m"]["arms"]
    _, good, bad = arm["versions"]
    assert arm["deployed"] == 2
    assert arm["versions"][bad] < 100
    assert arm["versions"][good] > 1200
    assert arm["decisions"]["worse: rollback"] == 1
