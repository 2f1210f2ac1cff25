"""The very commands of docker-compose.yml, as plain processes on the embedded Kafka."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import orjson
from prometheus_client.parser import text_string_to_metric_families

from streamproc.kafka.broker import EmbeddedBroker
from streamproc.kafka.embedded.ports import free_ports
from streamproc.kafka.plain import Follower
from tests.compose.files import ROOT, STAGES, dockerfile, kafka_settings, service, yaml

PATIENCE = 60.0
STOP_SECONDS = 10.0
PROGRAMS = {"streamproc": [sys.executable, "-m", "streamproc.cli"], "python": [sys.executable]}
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Machine:
    """What a container engine would provide: names that lead to addresses, volumes, a temporary directory for each."""

    def __init__(self, directory: Path, bootstrap: str) -> None:
        self.directory = directory
        self.ports = dict(zip(STAGES, free_ports("127.0.0.1", len(STAGES)), strict=True))
        self._bootstrap = bootstrap
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, **variables: str) -> subprocess.Popen[bytes]:
        """The service's command, in its environment and working directory."""
        wanted = service(name, **variables)
        places = {str(inside): str(self._place(source)) for inside, source in wanted.mounts.items()}
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TMPDIR": str(self._make(f"tmp-{name}"))}
        for key, value in wanted.environment.items():
            environment.setdefault(key, places.get(value) or self._address(name, value))
        command = [*PROGRAMS[wanted.command[0]], *wanted.command[1:]]
        with self.log(name).open("wb") as log:
            self.running[name] = subprocess.Popen(
                command, env=environment, cwd=places[str(wanted.directory)], stdout=log, stderr=subprocess.STDOUT
            )
        return self.running[name]

    def healthy(self, name: str) -> bool:
        """What the image's health check says of a service; it is run as it stands, with the service's port."""
        program, *rest = (part.replace(":9464/", f":{self.ports[name]}/") for part in dockerfile().healthcheck)
        return subprocess.run([*PROGRAMS[program], *rest], check=False, capture_output=True).returncode == 0

    def metrics(self, target: str) -> dict[str, float]:
        """Sums of all series of a scrape target (`join:9464`), by name."""
        found: dict[str, float] = {}
        port = self.ports[target.partition(":")[0]]
        with _DIRECT.open(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
            for family in text_string_to_metric_families(page.read().decode()):
                for sample in family.samples:
                    found[sample.name] = found.get(sample.name, 0) + sample.value
        return found

    def log(self, name: str) -> Path:
        """What a service says."""
        return self.directory / f"{name}.log"

    def until(self, done: Callable[[], Any], what: str) -> Any:
        """What `done` gives, once that is something. Fails when patience or a service ends."""
        deadline = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError):
                if found := done():
                    return found
            dead = [name for name, process in self.running.items() if process.poll()]
            if dead or time.monotonic() > deadline:
                logs = "".join(f"\n--- {name}\n{self.log(name).read_text()[-2000:]}" for name in dead or self.running)
                raise AssertionError(f"waited for {what}; ended: {dead or 'none'}{logs}")
            time.sleep(0.1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.running.values():
            process.kill()
            process.wait()

    def _address(self, name: str, value: str) -> str:
        return value.replace("kafka:19092", self._bootstrap).replace(
            "0.0.0.0:9464", f"127.0.0.1:{self.ports.get(name, 0)}"
        )

    def _place(self, source: str) -> Path:
        return ROOT / source if source.startswith(".") else self._make(f"volume-{source}")

    def _make(self, name: str) -> Path:
        (self.directory / name).mkdir(exist_ok=True)
        return self.directory / name


@contextlib.contextmanager
def machine(directory: Path) -> Iterator[tuple[Machine, EmbeddedBroker]]:
    """A machine, and a broker with all settings of the kafka service but its directory."""
    ports = free_ports("127.0.0.1", 3)
    settings = {name: value for name, value in kafka_settings().items() if name != "log.dirs"}
    for inside, outside in zip(("19092", "9092", "29093"), ports, strict=True):
        for name, value in settings.items():
            settings[name] = re.sub(rf"(?:kafka|localhost)?:{inside}\b", f"127.0.0.1:{outside}", value)
    with (
        EmbeddedBroker(port=ports[0], settings=settings) as broker,
        Machine(directory, broker.bootstrap_servers) as made,
    ):
        yield made, broker


def test_the_services_make_the_loop_and_end_in_order(tmp_path: Path) -> None:
    """Topics made, stages healthy, outcomes, a trigger, a retrain, the new version in service; SIGTERM: exit code 0."""
    with machine(tmp_path) as (here, broker):
        assert here.start("topics").wait(PATIENCE) == 0, here.log("topics").read_text()
        del here.running["topics"]
        for name in STAGES:
            here.start(name)
        for name in STAGES:
            here.until(functools.partial(here.healthy, name), f"{name} to be healthy")
        here.start("producer", ROWS="1500")
        targets = yaml(ROOT / "deploy/prometheus.yml")["scrape_configs"][0]["static_configs"][0]["targets"]
        here.until(lambda: _sum(here, targets, "streamproc_monitor_outcomes_total") > 100, "outcomes on the page")
        assert _second_version_serves(here, broker.bootstrap_servers)
        assert _sum(here, targets, "streamproc_engine_live") == len(STAGES)
        assert _sum(here, targets, "streamproc_engine_dead_letters_total") == 0
        assert _sum(here, targets, "streamproc_retrain_finished_triggers_total") >= 1
        for name, process in here.running.items():
            began = time.monotonic()
            process.terminate()
            assert process.wait(PATIENCE) == 0, f"{name}: {here.log(name).read_text()[-2000:]}"
            assert time.monotonic() - began < STOP_SECONDS, name


def _sum(here: Machine, targets: list[str], name: str) -> float:
    return sum(here.metrics(target).get(name, 0) for target in targets)


def _second_version_serves(here: Machine, bootstrap: str) -> bool:
    """Wait for an outcome of a version that a retrain has put in service."""
    versions: set[str] = set()
    with Follower({"bootstrap.servers": bootstrap}, {"journal": 2}) as journal:

        def look() -> bool:
            for record in journal.read(10_000, 0.1):
                event = orjson.loads(record.value() or b"{}")
                if event["kind"] == "outcome":
                    versions.add(event["model_version"])
            return len(versions) > 1

        return bool(here.until(look, f"outcomes of a second version, beside {versions}"))
