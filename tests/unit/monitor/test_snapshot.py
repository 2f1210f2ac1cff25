"""A restored monitor goes on as one that was never interrupted; what is damaged or foreign is refused."""

from __future__ import annotations

from random import Random
from typing import Any

import ormsgpack
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from streamproc.config.detectors import Adwin, PageHinkley
from streamproc.config.model import Drift, Model
from streamproc.monitor import envelope, snapshot
from streamproc.monitor.detectors import build
from streamproc.monitor.drift import DriftGauge
from streamproc.monitor.envelope import About, model_key, seal, unseal
from streamproc.monitor.model import ModelMonitor
from streamproc.monitor.snapshot import LARGEST_VALUE, Refusal, Saved, encode_task
from streamproc.policy.lifecycle import State
from tests.unit.monitor.journals import ORIGIN, SHARED, TASKS, T, journal, model, play
from tests.unit.monitor.likeness import likeness
from tests.unit.monitor.records import MARK, again, dump, lived, load, new

each_task = pytest.mark.parametrize("task", TASKS)


# -- going on --


@each_task
@settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # a seed says it all
@given(seed=st.integers(0, 2**32), places=st.lists(st.integers(0, 1500), min_size=1, max_size=4))
def test_a_restored_monitor_goes_on_as_if_nothing_had_happened(task: str, seed: int, places: list[int]) -> None:
    """Interrupted anywhere, and again and again: the same notes, evidence, state and bytes as without."""
    uninterrupted, restored = new(task), new(task)
    events = journal(Random(seed), task, restored.config_hash, 1500)
    for start, end in zip([0, *sorted(places)], [*sorted(places), 1500], strict=True):
        restored = again(restored)
        said, expected = play(restored, events[start:end], start), play(uninterrupted, events[start:end], start)
        # Not `==` within assert: pytest would take a minute to word the difference.
        same = said == expected, dump(restored) == dump(uninterrupted), likeness(restored) == likeness(uninterrupted)
        assert same == (True, True, True)


def policies_of(monitor: ModelMonitor) -> dict[str, Any]:
    return {name: watch for scope in monitor.scopes for name, watch in scope.policies.items()}


def test_the_journals_are_worth_something() -> None:
    """Among a few of them everything happens that a state must remember."""
    happened: set[object] = set()
    for task in TASKS:
        for seed in range(5):
            monitor = new(task)
            events = journal(Random(seed), task, monitor.config_hash, 1500)
            for n, event in enumerate(events):
                happened |= {(note[1], note[2]) for note in play(monitor, [event], n)}
                at, gauges = monitor.situation, monitor.gauges
                flags = {name for name, detector in gauges.detectors.items() if detector.flag}
                happened |= {at.state, *flags}
                happened |= {name for name, policy in policies_of(monitor).items() if policy.memory.last_fired}
                happened |= {"paused"} if at.paused else set()
                happened |= {"asked"} if monitor.state()[10] else set()
                happened |= set(gauges.external) | set(monitor.version.others)
                drift = monitor.getters["drift"]() if n % 50 == 0 else None
                happened |= {"drift"} if drift is not None else set()
    rules = {("suppressed", rule) for rule in ("paused", "snoozed", "lifecycle", "cooldown", "min_outcomes")}
    fired = {("fired", cause) for cause in ("condition", "schedule", "manual")}
    lifecycle = {("lifecycle", "timed_out"), ("lifecycle", "warmed_up"), ("ignored", "version")}
    assert happened >= rules | fired | lifecycle | set(State)
    policies = {"worse", "changed", "outside", "scheduled", "asking", "dry", "apart"}
    rules |= {("suppressed", rule) for rule in ("arm", "hold", "awaiting", "budget", "shared")}
    rules |= {("armed", "arm"), ("disarmed", "arm"), ("awaiting_approval", "approval"), ("fired", "approval")}
    rules |= {("denied", "approval"), ("expired", "approval"), ("would_fire", "dry_run"), ("incident", "storm")}
    assert happened >= policies | {"paused", "asked", "quality", "other", "drift", "v2"}
    assert happened >= {"adwin_error", "adwin_loss", "adwin_feature_x", "sum_0_up", "sum_0_down"}


@pytest.mark.parametrize("configured", [Adwin(), Adwin(clock=1), PageHinkley(), PageHinkley(direction="both")])
def test_a_detector_of_a_long_stream(configured: Adwin | PageHinkley) -> None:
    """After many values, detections and huge numbers a detector gives its state, and a new one goes on from there."""
    rng = Random(3)
    detector: Any = build(configured)
    for n in range(30_000):
        detector.update((n // 4000) % 2 * 0.4 + rng.random() * (1e100 if n > 29_000 else 1))
        if n % 997 == 0 or detector.flag != (detector.detections > 0):
            restored: Any = build(configured)
            restored.restore(ormsgpack.unpackb(ormsgpack.packb(detector.state())))
            assert likeness(restored) == likeness(detector)
            detector = restored
    assert detector.detections > 0


def test_a_state_at_the_very_value_of_a_detection() -> None:
    """A detector of river restarts at the value after a detection; a state from in between must know that."""
    for configured in (Adwin(clock=1), PageHinkley(min_instances=5, threshold=1)):
        detector: Any = build(configured)
        while not detector.update(float(detector.evidence()["n"] > 300)):
            pass
        restored: Any = build(configured)
        restored.restore(detector.state())
        for x in (1.0, 0.0, 1.0):
            assert restored.update(x) == detector.update(x)
        assert likeness(restored) == likeness(detector)


def test_the_order_of_detectors_in_the_file_means_nothing() -> None:
    """A configuration with its detectors in another order has the same hash, so it must read the same states."""
    monitor, other = lived(), model("binary")
    turned = other.model_copy(update={"detectors": dict(reversed(other.detectors.items()))})
    restored = ModelMonitor("model", turned, SHARED)
    assert load(dump(monitor), restored) == MARK
    assert dump(restored) == dump(monitor)


# -- parts --


def large() -> ModelMonitor:
    """Three windows of 200,000 random numbers: a state that is cut into parts."""
    settings = {"window": 200_000, "policies": [{"name": "p", "condition": "mae > 1 or rmse > 1"}]}
    monitor = ModelMonitor("large", Model.model_validate({"task": "regression", **settings}))
    rng = Random(1)
    for n in range(200_010):
        monitor.outcome({"time": T, "label_time": T, "prediction": 0, "label": rng.random()}, n, T)
    return monitor


def test_a_large_state_is_cut_and_must_be_complete() -> None:
    """Parts of at most 512 KiB, usable together only, in any order, and not with a part of another state."""
    monitor = large()
    records = dump(monitor)
    assert len(records) > 3
    assert max(len(value) for _, value in records) <= LARGEST_VALUE
    restored = ModelMonitor("large", monitor.model)
    assert load(records[::-1], restored) == MARK
    assert likeness(restored) == likeness(monitor)
    monitor.outcome({"time": T, "label_time": T, "prediction": 0, "label": 3}, 200_010, T)
    newer = dump(monitor)
    fresh = likeness(ModelMonitor("large", monitor.model))
    for part in range(len(records)):
        missing, mixed = records[:part] + records[part + 1 :], [*newer[:part], records[part], *newer[part + 1 :]]
        assert load(missing, restored) == (Refusal.DAMAGED if part else None)
        restored.reset()
        assert load(mixed, restored) == Refusal.DAMAGED
        assert likeness(restored) == fresh


def test_what_shrinks_leaves_nothing_that_could_be_mistaken() -> None:
    """A smaller state after a larger one: parts that were left over are passed over."""
    monitor = large()
    older = dump(monitor)
    monitor.reset()
    restored = ModelMonitor("large", monitor.model)
    assert load([*older, *dump(monitor)], restored) == MARK
    assert likeness(restored) == likeness(monitor)


def test_windows_that_shrink_are_deflated() -> None:
    """A million right answers take some kilobytes."""
    settings = {"window": 1_000_000, "policies": [{"name": "p", "condition": "accuracy < 0.5"}]}
    monitor = ModelMonitor("m", Model.model_validate(settings))
    _, _, *rest, _ = monitor.gauges.metrics.state()
    monitor.gauges.metrics.restore([1_000_000, 0, *rest, [[bytes(1_000_000)]]])
    ((_, value),) = dump(monitor)
    assert len(value) < 10_000
    assert monitor.getters["accuracy"]() == 1.0
    assert load(dump(monitor), again(monitor)) == MARK


# -- what is refused, and why --


def test_every_flipped_byte_and_every_truncation_is_damage() -> None:
    """No matter which byte of a value or its key is wrong, or where it ends."""
    ((key, value),) = dump(lived())
    rng = Random(9)
    for place in range(len(value)):
        flipped = bytearray(value)
        flipped[place] ^= 1 + int(rng.random() * 255)
        assert unseal(key, bytes(flipped)) is Refusal.DAMAGED
        assert unseal(key, value[:place]) is Refusal.DAMAGED
    for place in range(len(key)):
        assert unseal(key[:place] + b"x" + key[place + 1 :], value) is Refusal.DAMAGED
    assert unseal(key, value + b"\x00") is Refusal.DAMAGED


@pytest.mark.parametrize("value", [b"{}", b"spst", b"spst" + bytes(18), bytes(100), b"\xff" * 600_000])
def test_foreign_bytes_are_damage(value: bytes) -> None:
    """Whatever else may lie in the topic."""
    monitor = new()
    fresh = likeness(monitor)
    assert load([(model_key("model", 0), value)], monitor) is Refusal.DAMAGED
    assert likeness(monitor) == fresh
    saved = Saved(ORIGIN)
    saved.add(envelope.TASK_KEY, value)
    assert saved.task() is Refusal.DAMAGED


def test_each_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """An undamaged state of another format, journal, river or configuration is refused with that reason."""
    monitor, fresh = lived(), new()
    records = dump(monitor)
    assert load(records, fresh, "journal/1") is Refusal.OTHER_JOURNAL
    other = ModelMonitor("model", monitor.model.model_copy(update={"window": 61}))
    assert load(records, other) is Refusal.OTHER_CONFIGURATION
    monkeypatch.setattr(snapshot, "_river", lambda: "0.27.0")
    assert load(records, fresh) is Refusal.OTHER_RIVER
    monkeypatch.undo()
    monkeypatch.setattr(envelope, "FORMAT", envelope.FORMAT + 1)
    assert load(records, fresh) is Refusal.OTHER_FORMAT
    monkeypatch.undo()
    assert likeness(fresh) == likeness(new())
    assert load([], fresh) is None
    assert load(records, fresh) == MARK


def test_the_tasks_own_record() -> None:
    """Where the task was, under a key that no model can have; nothing where it was taken away."""
    saved = Saved(ORIGIN)
    assert saved.task() is None
    saved.add(*encode_task(MARK, ORIGIN))
    assert saved.task() == MARK
    saved.add(*encode_task(MARK._replace(upto=200), ORIGIN))
    assert saved.task() == MARK._replace(upto=200)
    assert Saved("journal/1").task() is None
    saved.add(*encode_task(MARK, "other/0"))
    assert saved.task() is Refusal.OTHER_JOURNAL
    saved.add(envelope.TASK_KEY, b"")
    assert saved.task() is None


@settings(deadline=None)
@given(st.sets(st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=256), min_size=2, max_size=5))
def test_no_two_models_have_one_key(model_ids: set[str]) -> None:
    """Also where one id is another with digits after it."""
    ids = {*model_ids, *(f"{model_id}{digit}" for model_id in model_ids for digit in ("0", "1", "10"))}
    keys = [model_key(model_id, part) for model_id in ids for part in (0, 1, 10, 101)]
    assert len(set(keys)) == len(keys)
    assert envelope.TASK_KEY not in keys


def test_a_state_under_another_models_key_is_damage() -> None:
    """Copied by somebody, with the same configuration."""
    ((_, value),) = dump(lived())
    assert load([(model_key("other", 0), value)], new(model_id="other")) is Refusal.DAMAGED


def test_seal_and_unseal() -> None:
    """What is sealed comes out as it was."""
    about = About("o", "r", "c", MARK, 3, b"x" * 16, is_deflated=True, part=2)
    assert unseal(b"k", seal(b"k", about, b"piece")) == (about, b"piece")


def test_drift_is_read_the_same_after_a_restore() -> None:
    """The value follows from the counts, whether and when it was asked for before."""
    config = Drift(signals=("score",), reference=50, window=50)
    gauge, rng = DriftGauge(config), Random(4)
    for n in range(300):
        gauge.update("score", rng.random() * (1 + n // 100))
        restored = DriftGauge(config)
        restored.restore(gauge.state())
        assert restored.value() == (gauge.value() if n % 7 == 0 else restored.value())
        assert restored.state() == gauge.state()
    assert gauge.value() == restored.value() is not None
