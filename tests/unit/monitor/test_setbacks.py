"""A retrain that came to nothing spends what it was raised on; a decline that lasts is never forgotten."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.config.detectors import Adwin, Cusum, HddmA, PageHinkley
from streamproc.config.model import Model
from streamproc.monitor.detectors import ChangeDetector, build
from streamproc.monitor.detectors.latch import LEAST
from streamproc.monitor.model import ModelMonitor
from streamproc.monitor.notes import Note
from streamproc.policy.lifecycle import State

T = 1_780_000_000_000
MINUTE = 60_000
KINDS: list[Any] = [Adwin(), PageHinkley(), Cusum(reference=300), HddmA()]
each = pytest.mark.parametrize("configured", KINDS, ids=[type(c).__name__ for c in KINDS])


def errors(rate: float, count: int, seed: int = 7) -> Iterator[float]:
    rng = random.Random(f"{rate}/{seed}")
    return (float(rng.random() < rate) for _ in range(count))


def changed(configured: Any, before: float = 0.1, after: float = 0.4) -> ChangeDetector:
    """A detector that has just seen the error rate rise."""
    detector = build(configured)
    for x in (*errors(before, 1000), *errors(after, 2000)):
        if detector.update(x) and detector.flag:
            return detector
    raise AssertionError("no change was seen")


def ups(detector: ChangeDetector, values: Iterator[float]) -> list[int]:
    """How many values had come when the flag was up; each time the retrain comes to nothing."""
    found = []
    for n, x in enumerate(values, start=1):
        detector.update(x)
        if detector.flag:
            found.append(n)
            detector.spend()
    return found


@each
def test_a_change_that_stands_comes_up_again_and_later_each_time(configured: Any) -> None:
    """Never at once, never not at all: at least 100 values later, then twice as many, and so on."""
    detector = changed(configured)
    detector.spend()
    assert not detector.flag
    found = ups(detector, errors(0.4, 20_000))
    waits = [b - a for a, b in zip([0, *found], found, strict=False)]
    assert waits[0] >= LEAST
    assert len(waits) >= 3
    assert all(b >= 2 * a for a, b in itertools.pairwise(waits) if not isinstance(configured, PageHinkley))


@each
def test_a_change_that_is_over_does_not_come_up_again(configured: Any) -> None:
    """The level is what it was before: a false alarm is forgotten."""
    detector = changed(configured)
    detector.spend()
    quiet = [n for n in ups(detector, errors(0.1, 3_000, seed=9)) if n <= 500]
    assert quiet == []


@each
def test_what_gets_still_worse_is_seen_at_once(configured: Any) -> None:
    """A further detection needs no confirmation; and the oldest level is still the good one."""
    detector = changed(configured, after=0.3)
    detector.spend()
    for x in errors(0.3, 600):
        detector.update(x)
    detector.spend()
    again = ups(detector, errors(0.8, 1000))
    assert again
    detector.spend()
    assert ups(detector, errors(0.3, 50_000)), "0.3 is still worse than the 0.1 of the beginning"


@given(rate=st.floats(0.3, 0.9), seed=st.integers(0, 1000), pause=st.integers(0, 400))
@settings(max_examples=25, deadline=None)
def test_a_spent_flag_is_up_within_twice_what_it_asks(rate: float, seed: int, pause: int) -> None:
    """Whenever the retrain ends, if the level stays bad: the flag is not lost."""
    detector = changed(Adwin(), after=0.5)
    for x in errors(rate, pause, seed):
        detector.update(x)
    detector.spend()
    assert ups(detector, errors(max(rate, 0.4), 20_000, seed))


# -- the monitor: `errors and accuracy < x` --


class Bench:
    """A model whose every trigger is answered by the same end, an outcome a second."""

    def __init__(self, end: str, retrain_timeout: str = "1d", **policy: Any) -> None:
        made = {"name": "p", "condition": "errors and accuracy < 0.8", **policy}
        detectors = {"errors": {"type": "adwin"}}
        about = {"window": 200, "min_samples": 50, "retrain_timeout": retrain_timeout}
        self.model = ModelMonitor("m", Model.model_validate({**about, "detectors": detectors, "policies": [made]}))
        self.model.configured(self.model.config_hash, T)
        self.end, self.n, self.fired = end, 0, list[int]()

    def run(self, rate: float, count: int, seed: int = 7) -> list[int]:
        """Outcomes at which it fired."""
        first = len(self.fired)
        for wrong in errors(rate, count, seed):
            self.n += 1
            now = T + self.n * 1000
            common = {"prediction_id": str(self.n), "time": now, "label_time": now, "model_version": "v1"}
            notes = list(self.model.outcome({**common, "prediction": 1, "label": 1 - int(wrong)}, self.n, now))
            if self.n % 60 == 0:
                notes += self.model.tick(now, now)
            for note in notes:
                if note.fires:
                    self._answered(note, now)
        return self.fired[first:]

    def _answered(self, note: Note, now: int) -> None:
        self.fired.append(self.n)
        trigger_id = f"t{self.n}"
        self.model.raised(note, trigger_id)
        if self.end != "timed_out":
            answer = {"model_id": "m", "status": self.end, "time": now, "trigger_id": trigger_id}
            self.model.deploy(answer, now)


@pytest.mark.parametrize("end", ["rejected", "failed", "timed_out"])
def test_a_policy_fires_again_while_it_stays_bad(end: str) -> None:
    """The detector has seen the rise once, and sees none any more; accuracy stays below: the triggers go on."""
    bench = Bench(end, retrain_timeout="2m")
    assert bench.run(0.1, 1000) == []
    fired = bench.run(0.4, 20_000)
    assert 4 <= len(fired) <= 10
    waits = [b - a for a, b in itertools.pairwise(fired)]
    assert all(b >= 1.5 * a for a, b in itertools.pairwise(waits[1:]))


def test_no_policy_of_the_model_is_silenced_by_the_retrain_of_another() -> None:
    """A schedule's retrain is rejected just when the detector is up; the condition's own trigger still comes."""
    bench = Bench("rejected", min_outcomes=2500, schedule={"cron": "*/5 * * * *"})
    bench.run(0.1, 1000)
    fired = bench.run(0.4, 3000)
    assert [n for n in fired if n % 60], "at the minute it is the schedule's"


def test_a_false_alarm_is_forgotten() -> None:
    """One bad spell, one trigger, rejected in the midst of it; good again: mostly nothing more, at most once."""
    again = []
    for seed in range(12):
        bench = Bench("rejected", condition="errors")
        bench.run(0.1, 1000, seed)
        assert bench.run(0.5, 60, seed)
        again.append(len(bench.run(0.1, 10_000, seed + 100)))
    assert max(again) <= 1
    assert sum(again) <= 4


def test_the_cooldown_grows_with_each_setback() -> None:
    """A condition on a metric alone: an hour, an hour, two, four; and a deploy begins it anew."""
    bench = Bench("rejected", condition="accuracy < 0.8", cooldown="1h", max_cooldown="4h")
    bench.run(0.1, 1000)
    fired = bench.run(0.4, 60_000)
    hours = [(b - a) // 3600 for a, b in itertools.pairwise(fired)]
    assert hours == [1, 2, 4, 4, 4]
    now = T + bench.n * 1000
    bench.model.deploy({"model_id": "m", "status": "deployed", "model_version": "v1", "time": now}, now)
    fired = bench.run(0.4, 10_000)
    assert (fired[1] - fired[0]) // 3600 == 1


def test_the_state_of_a_setback_comes_back() -> None:
    """A snapshot in the midst of a wait: the same triggers from there on."""
    lived, restored = (Bench("rejected", cooldown="10m") for _ in range(2))
    lived.run(0.1, 1000)
    lived.run(0.4, 400)
    assert lived.model.situation.state is State.WATCHING
    restored.model.restore(lived.model.state())
    restored.n = lived.n
    assert restored.run(0.45, 8000) == lived.run(0.45, 8000) != []
