"""Which rows a retrain is trained on, with a real journal: since the deploy, everything, reference, what is gone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from streamproc.app.run import wall_clock
from tests.kafka.harness import Running, until
from tests.kafka.site import Site, answered
from tests.kafka.test_worker import data_of

MAJORITY: dict[str, Any] = {"function": "tests.kafka.functions:majority"}
GATE = {"min_rows": 5}


def changed(running: Running) -> dict[str, Any]:
    """60 outcomes of v0, which is right; then v1, which is wrong. The trigger of v1."""
    common = [{"prediction_id": f"old-{n}", "time": wall_clock()} for n in range(60)]
    running.send("predictions", *({**c, "model_id": "m", "model_version": "v0", "prediction": 0} for c in common))
    running.send("labels", *({**c, "label": 0} for c in common))
    until(lambda: running.stages[1].gauges()["monitor_outcomes"], lambda n: n == 60, "the old outcomes")
    running.send("deploys", {"model_id": "m", "status": "deployed", "model_version": "v1", "time": wall_clock()})
    until(lambda: running.read("decisions"), bool, "the deploy")
    answered(running, 60)
    (trigger,) = running.wait_for("triggers", 1)
    return trigger


def test_challengers_of_several_windows_and_the_best_one_is_deployed(bootstrap: str, tmp_path: Path) -> None:
    """What came before the deploy misleads; the window since it wins. `streamproc data` gives all that was read."""
    reference = tmp_path / "reference.jsonl"
    reference.write_text('{"features": {}, "label": 1}\n' * 4)
    windows = [{"outcomes": "all"}, {"since": "last_deploy"}, {"period": "1h", "outcomes": 90}]
    site = Site(
        bootstrap, tmp_path, {**MAJORITY, "side_by_side": windows, "gate": GATE, "reference": "reference.jsonl"}
    )
    with Running(site.config) as running, site.worker():
        trigger = changed(running)
        until(lambda: running.read("deploys"), lambda found: len(found) == 3, "the end")
        deployed = running.read("deploys")[-1]
        assert 50 <= trigger["data"]["since_deploy"] <= 60
        assert trigger["data"]["from_offset"] == 0
        assert trigger["data"]["outcomes"] == 60 + trigger["data"]["since_deploy"]
        assert deployed["window"] == "since the last deploy"
        metrics, rows = deployed["metrics"], deployed["rows"]
        assert metrics["everything"]["error"] == 1.0
        assert metrics["since the last deploy"] == {
            "error": 0.0,
            "training": trigger["data"]["since_deploy"] - rows["holdout"],
        }
        assert rows["compared"] + rows["choosing"] == rows["holdout"]
        assert (rows["reference"], deployed["mixed_with"]["uri"]) == (4, "reference.jsonl")
        given = data_of(tmp_path, trigger["trigger_id"])
        assert given.returncode == 0, given.stderr
        assert len(given.stdout.splitlines()) == trigger["data"]["outcomes"]
        assert deployed["data_sha256"] in given.stderr.decode()
        assert {orjson.loads(line)["label"] for line in given.stdout.splitlines()} == {0, 1}


def test_what_retention_has_taken_of_the_window_is_said(bootstrap: str, tmp_path: Path) -> None:
    """In the deploy event, with the numbers, though there is enough left to train on."""
    window = {"outcomes": "all"}
    site = Site(bootstrap, tmp_path, {**MAJORITY, "window": window, "gate": {**GATE, "condition": "true"}})
    with Running(site.config) as running:
        trigger = changed(running)
        data = trigger["data"]
        admin = AdminClient({"bootstrap.servers": bootstrap})
        cut = TopicPartition(data["topic"], data["partition"], data["to_offset"] - 60)
        admin.delete_records([cut])[cut].result(10)
        with site.worker():
            until(lambda: running.read("deploys"), lambda found: len(found) == 3, "the end")
        ended = running.read("deploys")[-1]
        said = re.search(r"no longer holds the beginning .*: (\d+) of (\d+) outcomes are gone", ended["reason"])
        assert said is not None, ended
        gone, expected = map(int, said.groups())
        assert expected == data["outcomes"]
        assert 0 < gone == expected - ended["rows"]["training"] - ended["rows"]["holdout"]
