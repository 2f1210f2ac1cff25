"""The join's state on a disk, on a real Kafka: killed in mid-flow, it goes on where it was; without its disk too."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streamproc.app.layout import check_retention, plan
from streamproc.app.run import Runner, wall_clock
from streamproc.config.pipeline import Config
from streamproc.errors import TopicError
from streamproc.join.inputs import source_topics
from streamproc.join.stage import SETTLE_MS
from streamproc.kafka.admin import Admin, TopicPlan
from streamproc.kafka.tail import read_all, send_all
from tests.kafka.harness import PATIENCE, configure, until

EVENTS = 6_000


class JoinProcess:
    """`streamproc run join` as a process."""

    def __init__(self, config: Config, directory: Path) -> None:
        written = config.model_dump(mode="json", exclude_unset=True)
        written["engine"] = {"batch": 200}  # many commits, so that a kill is in the midst of them
        written["join"] = {"label_ttl": "7d"}
        file = directory / "streamproc.yaml"
        file.write_text(json.dumps(written))
        command = [sys.executable, "-m", "streamproc.cli", "run", "join", "--config", str(file)]
        self._process = subprocess.Popen(
            [*command, "--http", "off", "--log-format", "json"],
            cwd=directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.log: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self.log.append(json.loads(line) if line.startswith("{") else {"message": line})

    def live(self) -> dict[str, Any]:
        """Its first line that says so."""
        lines = until(lambda: [e for e in self.log if e["message"] == "live"], bool, f"a live join: {self.log}")
        return dict(lines[0])

    def kill(self) -> None:
        self._process.kill()
        self._end()

    def stop(self) -> None:
        self._process.terminate()
        self._end()

    def _end(self) -> None:
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        if self._process.stdout is not None:
            self._process.stdout.close()


class Site:
    """A pipeline's topics, its traffic, and one process after the other that works on it."""

    def __init__(self, bootstrap: str, directory: Path) -> None:
        self.directory = directory
        self.config = configure(bootstrap, {"m": {}}, topics={"partitions": 2})
        admin = Admin(self.config.kafka)
        admin.create(plan(self.config))
        self.partitions = admin.partitions()
        self.running: list[JoinProcess] = []

    def start(self) -> JoinProcess:
        self.running.append(JoinProcess(self.config, self.directory))
        return self.running[-1]

    def send(self, first: int, last: int) -> None:
        """Predictions and labels in any order, some labels revised: of two, the newer one by its own time counts."""
        rng, topics, now = random.Random(first), self.config.topics, wall_clock()
        records = []
        for n in range(first, last):
            key = f"id-{n}"
            event = {"prediction_id": key, "model_id": "m", "prediction": n % 2, "time": now}
            records.append((topics.predictions, key.encode(), json.dumps(event).encode()))
            for repeat in range(1 + (n % 10 == 0)):
                label = {"prediction_id": key, "label": (n // 2 + repeat) % 2, "time": now + repeat}
                records.append((topics.labels, key.encode(), json.dumps(label).encode()))
        records.sort(key=lambda _: rng.random())
        send_all(self.config.kafka, records)

    def outcomes(self) -> list[dict[str, Any]]:
        name = self.config.topics.journal
        values = (json.loads(r.value() or b"null") for r in read_all(self.config.kafka, {name: self.partitions[name]}))
        return [event for event in values if event["kind"] == "outcome"]

    def state(self) -> Path:
        (home,) = (self.directory / "state" / self.config.pipeline).iterdir()
        return home

    def check(self, count: int) -> None:
        """Outcomes are the offline join: each prediction once, then its revisions, the last one with the last label."""
        stories: dict[str, list[dict[str, Any]]] = {}
        for outcome in self.outcomes():
            stories.setdefault(outcome["prediction_id"], []).append(outcome)
        assert sorted(stories) == sorted(f"id-{n}" for n in range(count))
        for name, story in stories.items():
            n = int(name.removeprefix("id-"))
            assert [("revises" in outcome) for outcome in story] == [False] + [True] * (len(story) - 1), story
            assert story[-1]["label"] == (n // 2 + (n % 10 == 0)) % 2, story
            assert all(outcome["prediction"] == n % 2 for outcome in story)


@pytest.fixture
def site(bootstrap: str, tmp_path: Path) -> Iterator[Site]:
    made = Site(bootstrap, tmp_path)
    yield made
    for process in made.running:
        process.kill()


def under_way(site: Site, count: int) -> None:
    until(lambda: len(site.outcomes()), lambda found: found >= count, f"{count} outcomes")


def finished(site: Site, count: int) -> None:
    until(lambda: len({o["prediction_id"] for o in site.outcomes()}), lambda found: found >= count, f"{count} outcomes")


@pytest.mark.parametrize("disk", ["kept", "deleted"])
def test_killed_in_mid_flow_the_outcomes_are_those_of_the_offline_join(site: Site, disk: str) -> None:
    """SIGKILL, three times, at any moment; with its state on the disk, and with the directory deleted meanwhile."""
    step, last = EVENTS // 4, EVENTS
    for round_ in range(3):
        process = site.start()
        site.send(round_ * step, (round_ + 1) * step)
        under_way(site, round_ * step + step // 2)
        process.kill()
        if disk == "deleted":
            shutil.rmtree(site.state())
    process = site.start()
    site.send(3 * step, last)
    finished(site, last)
    process.stop()
    site.check(last)


def test_a_restart_reads_hardly_anything_again_and_without_a_disk_everything(site: Site) -> None:
    """Warm after a clean end, warm after SIGKILL, cold when the directory is gone or damaged, then warm again."""
    process = site.start()
    site.send(0, 1000)
    finished(site, 1000)
    process.stop()
    process = site.start()
    assert process.live()["restored_records"] == 0
    site.send(1000, 1950)
    finished(site, 1950)
    time.sleep(2 * SETTLE_MS / 1000)  # the disk is written once a second, also when nothing comes any more
    site.send(1950, 2000)
    finished(site, 2000)
    process.kill()
    process = site.start()
    assert process.live()["restored_records"] <= 3 * 50, "at most what came in the last second"
    process.stop()
    shutil.rmtree(site.state())
    process = site.start()
    assert process.live()["restored_records"] >= 4000
    process.stop()
    for manifest in site.state().glob("*/MANIFEST-*"):
        manifest.write_bytes(b"garbage")
    process = site.start()
    assert process.live()["restored_records"] >= 4000
    assert any("thrown away" in entry["message"] and "damaged" in entry["why"] for entry in process.log)
    process.stop()
    process = site.start()
    assert process.live()["restored_records"] == 0
    site.send(2000, 2100)
    finished(site, 2100)
    process.stop()
    site.check(2100)


def test_inputs_that_kafka_forgets_too_soon_are_refused(bootstrap: str) -> None:
    """Retention below the label TTL: the error names topic, retention, TTL and what to do. For ever is long enough."""
    config = configure(bootstrap, {"m": {}}, join={"label_ttl": "3d"})
    admin, days = Admin(config.kafka), 86_400_000
    for layout in plan(config):
        retention = {config.topics.labels: str(days), config.topics.predictions: "-1"}.get(layout.name)
        changed = layout.config if retention is None else {**layout.config, "retention.ms": retention}
        admin.create([TopicPlan(layout.name, layout.partitions, layout.replication, changed)])
    with pytest.raises(TopicError, match=rf"{config.topics.labels} .* 1d .*retention.ms.* 3d.*\n.*{3 * days}"):
        Runner(config, ["join"]).run()
    settings = admin.settings(source_topics(config))
    assert settings[config.topics.predictions]["retention.ms"] == "-1"
    check_retention(config, {**settings, config.topics.labels: {"retention.ms": str(3 * days)}})
    check_retention(config, {config.topics.labels: {"retention.ms": "1", "cleanup.policy": "compact"}})
