"""What the worker has a registry say follows the log: until it is right, and no longer than it is ours."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

import pytest

from streamproc.errors import RegistryUnavailable
from streamproc.retrain.registry import NoRegistry
from streamproc.retrain.registry.follower import PointerFollower
from tests.unit.retrain.support import DEPLOYS, configure
from tests.unit.retrain.world import World


class FakeRegistry:
    """Takes pointers, unless it is told to fail or to wait."""

    def __init__(self) -> None:
        self.said: dict[str, str | None] = {}
        self.calls, self.failures = 0, 0
        self.asked, self.may_answer = threading.Event(), threading.Event()
        self.may_answer.set()

    def point(self, model_id: str, uri: str | None) -> None:
        self.calls += 1
        self.asked.set()
        assert self.may_answer.wait(10)
        if self.failures:
            self.failures -= 1
            raise RegistryUnavailable("away")
        self.said[model_id] = uri


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


@pytest.fixture
def follower(registry: FakeRegistry) -> Iterator[PointerFollower]:
    follower = PointerFollower(registry, first_pause=0.01)
    yield follower
    registry.may_answer.set()
    follower.close(10)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_it_does_once_what_is_not_done(registry: FakeRegistry, follower: PointerFollower) -> None:
    """The same again asks nobody; a change asks for what has changed alone."""
    for _ in range(3):
        follower.follow({"a": "models:/a/1", "b": None})
        until(lambda: follower.behind == 0)
    assert registry.calls == 2
    follower.follow({"a": "models:/a/2", "b": None})
    until(lambda: follower.behind == 0)
    assert registry.said == {"a": "models:/a/2", "b": None}
    assert registry.calls == 3


def test_what_fails_is_done_again(registry: FakeRegistry, follower: PointerFollower) -> None:
    """Meanwhile it counts as behind; one model's failure keeps no other waiting."""
    registry.failures = 3
    follower.follow({"a": "models:/a/1", "b": "models:/b/1"})
    until(lambda: registry.said == {"a": "models:/a/1", "b": "models:/b/1"})
    until(lambda: follower.behind == 0)
    assert registry.calls == 5


def test_nothing_waits_for_a_slow_registry_and_the_newest_counts(
    registry: FakeRegistry, follower: PointerFollower
) -> None:
    """What comes while it is asked is said after it."""
    registry.may_answer.clear()
    follower.follow({"a": "models:/a/1"})
    assert registry.asked.wait(10)
    follower.follow({"a": "models:/a/2"})
    follower.follow({"a": "models:/a/3"})
    assert follower.behind == 1
    registry.may_answer.set()
    until(lambda: follower.behind == 0)
    assert (registry.said, registry.calls) == ({"a": "models:/a/3"}, 2)


def test_a_model_that_went_to_another_worker_is_left_alone(registry: FakeRegistry, follower: PointerFollower) -> None:
    """Also what was to be tried again; when it is back, it is asked anew."""
    registry.failures = 1_000_000
    follower.follow({"a": "models:/a/1"})
    until(lambda: registry.calls > 1)
    follower.forget(["a", "never-heard-of"])
    assert follower.behind == 0
    registry.failures = 0
    follower.follow({"b": "models:/b/1"})
    until(lambda: "b" in registry.said)
    assert "a" not in registry.said
    follower.follow({"a": "models:/a/1"})
    until(lambda: "a" in registry.said)


class ToldRegistry(NoRegistry):
    """Keeps what it was told, each time."""

    def __init__(self) -> None:
        self.told: list[dict[str, str | None]] = []
        self.forgotten: list[str] = []

    def follow(self, in_service: Mapping[str, str | None]) -> None:
        self.told.append(dict(in_service))

    def forget(self, model_ids: Iterable[str]) -> None:
        self.forgotten += model_ids


def test_a_registry_is_told_what_is_in_service_whoever_has_said_so() -> None:
    """After each news once; a task that begins anew tells what is, never what was; one that goes lets go."""
    world = World(configure())
    world.stage.registry = registry = ToldRegistry()

    def put_in_service(version: str, status: str = "deployed") -> None:
        artifact = {"uri": f"models:/m/{version}"}
        world.append(DEPLOYS, {"model_id": "m", "status": status, "model_version": version, "artifact": artifact})

    put_in_service("1")
    world.settle()
    put_in_service("2")
    world.settle()
    put_in_service("1", "rolled_back")
    world.settle()
    assert registry.told == [{"m": "models:/m/1"}, {"m": "models:/m/2"}, {"m": "models:/m/1"}]
    world.abort()
    assert registry.forgotten == ["m"]
    world.settle()
    assert registry.told[3:] == [{"m": "models:/m/1"}]
