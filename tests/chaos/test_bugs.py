"""The chaos suite is tested: each bug that it is there for is put into a real process, and must be seen.

Nothing is left to chance: the process stops itself at the one place where the bug matters (`launcher.py`), and goes on,
or is killed, when the rest of the world has come to where it must be.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.chaos.brokers import Brokers
from tests.chaos.checks import breaches, read_all
from tests.chaos.run import come_to_rest
from tests.chaos.site import Site
from tests.chaos.witness import Witness
from tests.chaos.workers import Worker

PATIENCE = 90.0
AT_A_TIME = 1
SECONDS, RATE = 4.0, 250.0
KAFKA = {
    "session.timeout.ms": 6_000,
    "heartbeat.interval.ms": 500,
    "transaction.timeout.ms": 300_000,  # the stalled transaction must not be ended by Kafka
}


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    directory = tmp_path_factory.mktemp("bugs")
    with Brokers(1, directory, directory) as running:
        yield running


class Scene:
    """A pipeline with traffic to read, and a join process that will stop itself."""

    def __init__(self, site: Site, bug: str) -> None:
        self.site, self.bug = site, bug
        self._stalled = site.work / "stalled"
        self.variables = {
            "CHAOS_BUG": "none",
            "CHAOS_STALLED": str(self._stalled),
            "CHAOS_SERVERS": site.brokers.bootstrap_servers,
        }

    def stalled(self, place: str) -> Worker:
        """Start join 0 and wait until it stands still there."""
        worker = self.join("0", CHAOS_STALL=place)
        worker.frozen = True
        _until(self._stalled.exists, "the stop")
        time.sleep(0.2)  # between the file and the stop
        return worker

    def join(self, slot: str, **variables: str) -> Worker:
        """A join process with the bug; only slot 0 has it."""
        bug = self.bug if slot == "0" else "none"
        return self.site.workers.start("join", slot, **{**self.variables, "CHAOS_BUG": bug, **variables})

    def taken_over(self) -> Worker:
        """Join 1 has all partitions, and has committed everything there is."""
        worker = self.join("1")
        _until(lambda: len(worker.lives[-1].partitions) == 4, "the takeover")
        _until(lambda: not self.site.unread("join"), "everything to be read")
        return worker


Schedule = Callable[[Scene], None]


def late(scene: Scene) -> None:
    """It stands still at its commit, another one does all the work and leaves, the group is empty: then it goes on."""
    worker = scene.stalled("commit")
    other = scene.taken_over()
    scene.site.workers.stop(other)
    _until(lambda: not scene.site.members("join"), "the group to be empty")
    scene.site.workers.thaw(worker)


SEVERAL = {"batch": 200, "commit_interval": "1ms"}
"""The traffic makes several transactions: what one has written to the disk, the next one may find there."""
SMALL = {"batch": 1, "commit_interval": "10m"}
"""A transaction then stays open over many rounds of the loop, and with it the chance to lose partitions meanwhile."""


def lost(scene: Scene) -> None:
    """It stands still in mid-transaction, another one does all the work and stays: then it goes on."""
    worker = scene.stalled("send")
    scene.taken_over()
    scene.site.workers.thaw(worker)
    _until(lambda: len(scene.site.members("join")) == 2, "it to join again")
    _until(lambda: len(worker.lives[-1].partitions) == 2, "it to have its share")


def killed(place: str) -> Schedule:
    """It is killed as late as can be before its commit, and starts again."""

    def schedule(scene: Scene) -> None:
        worker = scene.stalled(place)
        scene.site.workers.lose(worker)
        scene.join("0")

    return schedule


SCENES: dict[str, tuple[str, Schedule, str]] = {
    "metadata": ("metadata at the commit", late, "its transaction was begun by"),
    "on_lost": ("on_lost ignored", lost, "joins its group anew while its transaction is open"),
    "textbook": ("textbook", lost, "times in the journal"),
    "dead_letters": ("dead letters outside", killed("reject"), "times among the dead letters"),
    "state": ("state before the commit", killed("commit"), "is lost"),
}
"""The bug, what provokes it, and a part of the breach that must be found."""
CONTROLS: dict[str, tuple[str, Schedule, str]] = {
    "late": ("none", late, ""),
    "lost": ("none", lost, ""),
    "killed": ("none", killed("commit"), ""),
}
"""The same without a bug."""


@pytest.fixture(scope="module")
def played(
    brokers: Brokers, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Mapping[str, Future[list[str]]]]:
    """The scenes of the tests that are run, one at a time: what else runs would be in their way."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    names = [str(item.callspec.params["scene"]) for item in items if item.path == request.path]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        yield {
            name: pool.submit(play, brokers, tmp_path_factory.mktemp(name), *{**SCENES, **CONTROLS}[name][:2])
            for name in names
        }
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("scene", SCENES)
def test_the_bug_is_seen(played: Mapping[str, Future[list[str]]], scene: str) -> None:
    """A process with this bug does not get through."""
    found = played[scene].result()
    assert any(SCENES[scene][2] in breach for breach in found), "\n".join(found) or "no breach was found"


@pytest.mark.parametrize("scene", CONTROLS)
def test_the_same_without_a_bug(played: Mapping[str, Future[list[str]]], scene: str) -> None:
    """What provokes the bugs breaks no promise of the real thing."""
    assert played[scene].result() == []


def play(brokers: Brokers, directory: Path, bug: str, schedule: Schedule) -> list[str]:
    """The breaches that there are in the end."""
    name = f"p{uuid.uuid4().hex[:8]}"
    work, logs, witness = directory / "work", directory / "logs", Witness(name)
    work.mkdir()
    logs.mkdir()
    sections = {"kafka": KAFKA, "engine": SMALL if schedule is lost else SEVERAL}
    with Site(name, brokers, work, logs, launcher=("-m", "tests.chaos.launcher"), **sections) as site:
        brokers.proxies.observers.append(witness)
        feed = site.feed(1, SECONDS, RATE)
        feed.finish()
        scene = Scene(site, bug)
        schedule(scene)
        for stage in ("monitor", "retrain"):
            site.workers.start(stage, "0", **scene.variables)
        try:
            come_to_rest(site)
        except TimeoutError as error:
            return [str(error), *site.workers.surprises]
        finally:
            brokers.proxies.observers.remove(witness)
        assert witness.offsets, "no commit was seen"
        return [*breaches(site, *read_all(site), feed.delivered), *witness.breaches]


def _until(so: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not so():
        assert time.monotonic() < deadline, f"waited {PATIENCE:.0f} s for {what}"
        time.sleep(0.1)
