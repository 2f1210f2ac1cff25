"""The retrain stage under any interleaving of reads, aborts, rebalances and crashes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.retrain.fold import RetrainState
from streamproc.retrain.job import Result
from tests.unit.retrain.support import DEPLOYS, TRIGGERS, FakeHandle, configure, deployed_result, make_trigger
from tests.unit.retrain.world import World

MODELS = ("a", "b", "c")
ENDS = ("deployed", "rejected", "failed")
FINALS = (*ENDS, "superseded")
RETRIES = {"attempts": 2, "backoff": "10s", "cut_offs": 3}


@dataclass(frozen=True)
class Turn:
    """One turn of the engine's loop, and what happens before and after it."""

    fires: list[str]
    """Models whose trigger comes."""
    repeats: bool
    """The last trigger comes once more."""
    by_hand: str | None
    """A model that a person deploys."""
    ends: list[str]
    """How the running jobs end, the first ones first."""
    milliseconds: int
    count: int
    """Records read of each topic."""
    wakes: int
    commits: bool
    then: str | None


turns = st.builds(
    Turn,
    fires=st.lists(st.sampled_from(MODELS), max_size=2),
    repeats=st.booleans(),
    by_hand=st.none() | st.sampled_from(MODELS),
    ends=st.lists(st.sampled_from(ENDS), max_size=2),
    milliseconds=st.sampled_from((0, 1_000, 29_999, 60_000)),
    count=st.sampled_from((1000, 1000, 1, 0)),
    wakes=st.integers(0, 3),
    commits=st.sampled_from((True, True, True, False)),
    then=st.sampled_from((None, None, None, None, "abort", "crash", "move", "stop")),
)


class Life:
    """One partition, two processes that it wanders between, and people who deploy by hand."""

    def __init__(self, max_jobs: int) -> None:
        self.world = World(configure(MODELS, retries=RETRIES), max_jobs)
        self.other: World | None = None
        self.fired: list[str] = []
        self.by_hand = 0

    def live(self, turn: Turn) -> None:
        self._outside(turn)
        world = self.world
        world.now += turn.milliseconds
        world.read(TRIGGERS, turn.count)
        world.read(DEPLOYS, turn.count)
        for _ in range(turn.wakes):
            world.wake()
        if turn.commits:
            world.commit()
        if turn.then is not None:
            {"abort": world.abort, "crash": self._crash, "move": self._move, "stop": self._stop}[turn.then]()

    def _outside(self, turn: Turn) -> None:
        for model_id in turn.fires:
            trigger = make_trigger(len(self.fired), model_id)
            self.fired.append(trigger.trigger_id)
            self.world.add_trigger(trigger)
        if turn.repeats and self.fired:
            self.world.append(TRIGGERS, self.world.logs[TRIGGERS][-1].value() or b"")
        if turn.by_hand is not None:
            self.by_hand += 1
            event = {"status": "deployed", "model_version": f"hand-{self.by_hand}", "time": self.world.now}
            self.world.append(DEPLOYS, {"model_id": turn.by_hand, **event})
        for handle, status in zip(self.running(), turn.ends, strict=False):
            end(handle, status)

    def _crash(self) -> None:
        for handle in self.world.executor.running:
            handle.result = Result(status="failed", reason="its worker is gone")
        self.world.task.close()
        self.world.boot()

    def _stop(self) -> None:
        """SIGTERM: a clean stop; the jobs that it ends die at once."""
        world = self.world
        while not world.stage.may_stop(world.now):
            for handle in world.executor.running:
                if handle.told_to_end:
                    handle.result = Result(status="failed", reason="told to end")
            world.now += 500
            world.step()
        world.commit()
        self._crash()

    def _move(self) -> None:
        """The partition goes to the other process; this one lives on, with its jobs."""
        here = self.world
        here.task.close()
        there = self.other or World(here.config, here.max_jobs)
        there.task.close()
        there.logs, there.committed, there.now = here.logs, here.committed, max(here.now, there.now)
        there.dead_letters = here.dead_letters
        there.restore()
        self.world, self.other = there, here

    def check(self) -> None:
        """What must hold at any moment."""
        finals = Counter(event["trigger_id"] for event in self.ours() if event["status"] in FINALS)
        assert all(count == 1 for count in finals.values())
        assert len({event["deploy_id"] for event in self.ours()}) == len(self.ours())
        started = [(e["trigger_id"], e["attempt"]) for e in self.ours() if e["status"] == "started"]
        for trigger_id in self.fired:
            attempts = [attempt for each, attempt in started if each == trigger_id]
            assert attempts == list(range(1, len(attempts) + 1))
        self._check_waits()
        self._check_superseded(finals)
        failures = [event for event in self.ours() if event["status"] == "failed"]
        assert len(self.world.dead_letters) == len(failures)
        runs = [(handle.job.trigger.trigger_id, handle.job.attempt) for handle in self.handles()]
        assert len(set(runs)) == len(runs)
        assert set(runs) <= set(started)
        for world in self.worlds():
            running = [handle.job.model_id for handle in world.executor.running]
            assert len(running) <= world.max_jobs
            assert len(set(running)) == len(running)

    def _check_superseded(self, finals: Counter[str]) -> None:
        """Only triggers that no run had begun for; each names the newer one, whose events name it."""
        named: dict[str, set[str]] = {}
        for event in self.ours():
            named.setdefault(event["trigger_id"], set()).update(event.get("supersedes", ()))
        gone = {event["trigger_id"]: event["superseded_by"] for event in self.ours() if event["status"] == "superseded"}
        started = {event["trigger_id"] for event in self.ours() if event["status"] == "started"}
        assert gone.keys().isdisjoint(started)
        for older, newer in gone.items():
            assert self.fired.index(older) < self.fired.index(newer)
            assert older in named.get(newer, ()) or newer not in {*started, *finals}
        assert all(gone.get(older) == newer for newer, olders in named.items() for older in olders)

    def _check_waits(self) -> None:
        """No attempt starts before the log allows it."""
        earliest: dict[str, int] = {}
        for event in self.ours():
            if event["status"] == "started":
                assert event["time"] >= earliest.get(event["trigger_id"], 0)
            earliest[event["trigger_id"]] = event.get("retry_at", 0)

    def come_to_rest(self) -> None:
        """In the end every trigger has its one final event, and a fresh fold agrees with the task's."""
        self.world.abort()
        for _ in range(6 * len(self.fired) + 6):
            for handle in self.running():
                end(handle, "deployed")
            self.world.now += 10_000
            self.world.step()
        finals = [event["trigger_id"] for event in self.ours() if event["status"] in FINALS]
        assert sorted(finals) == sorted(self.fired)
        assert self.world.task.state == fresh_fold(self.world)
        assert not self.world.directories.held

    def worlds(self) -> list[World]:
        return [self.world] if self.other is None else [self.world, self.other]

    def ours(self) -> list[dict[str, Any]]:
        return [event for event in self.world.said if "trigger_id" in event]

    def handles(self) -> list[FakeHandle]:
        return [handle for world in self.worlds() for executor in world.executors for handle in executor.handles]

    def running(self) -> list[FakeHandle]:
        return [handle for handle in self.handles() if handle.running]


def end(handle: FakeHandle, status: Any) -> None:
    done = status == "deployed"
    handle.result = deployed_result(handle.job.version) if done else Result(status=status, reason="it is so")


def fresh_fold(world: World) -> RetrainState:
    """The state that follows from the whole log, deploys first."""
    again = World(world.config)
    again.logs = world.logs
    again.read(DEPLOYS, 10_000)
    again.read(TRIGGERS, 10_000)
    return again.task.state


@settings(max_examples=120, deadline=None)
@given(lived=st.lists(turns, min_size=10, max_size=20), max_jobs=st.integers(1, 3))
def test_one_final_event_each_whatever_happens(lived: list[Turn], max_jobs: int) -> None:
    """Through aborts, rebalances and crashes: one final event a trigger, one run an attempt, one retrain a model."""
    life = Life(max_jobs)
    for turn in lived:
        life.live(turn)
        life.check()
    life.come_to_rest()
