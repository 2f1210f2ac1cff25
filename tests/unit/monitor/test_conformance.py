"""One set of checks that every detector passes: a type that is added to the configuration must be added here."""

from __future__ import annotations

import math
import pickle
import random
from collections.abc import Iterator
from typing import Any, get_args

import numpy as np
import orjson
import ormsgpack
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamproc.config import detectors as config
from streamproc.config.detectors import (
    BINARY,
    Adwin,
    Custom,
    Cusum,
    Ddm,
    Eddm,
    Ewma,
    Fhddm,
    HddmA,
    HddmW,
    Kswin,
    PageHinkley,
)
from streamproc.errors import BadState
from streamproc.monitor.detectors import BUILDERS, ChangeDetector, build, watched
from tests.unit.monitor.likeness import likeness

_OWN = "tests.unit.monitor.mean_shift:"
CONFIGS: dict[str, Any] = {
    "adwin": Adwin(),
    "adwin, eager": Adwin(clock=1, grace_period=1, delta=0.5),
    "adwin, both": Adwin(direction="both", clock=4),
    "adwin, down": Adwin(direction="down"),
    "page_hinkley": PageHinkley(),
    "page_hinkley, eager": PageHinkley(min_instances=1, threshold=0.5),
    "page_hinkley, both": PageHinkley(direction="both", min_instances=10, threshold=2),
    "page_hinkley, down": PageHinkley(direction="down", min_instances=10, threshold=2),
    "kswin": Kswin(window_size=60, stat_size=20, clock=3),
    "kswin, eager": Kswin(signal="error", window_size=12, stat_size=6, alpha=0.1, clock=1, direction="both"),
    "kswin, down": Kswin(direction="down", window_size=60, stat_size=30, clock=1, alpha=0.01),
    "ddm": Ddm(),
    "ddm, down": Ddm(direction="down", warm_start=2, drift_threshold=1),
    "eddm": Eddm(beta=0.6),
    "eddm, down": Eddm(direction="down", warm_start=3),
    "fhddm": Fhddm(sliding_window_size=30, confidence_level=0.01),
    "fhddm, down": Fhddm(direction="down", sliding_window_size=30, confidence_level=0.01),
    "hddm_a": HddmA(),
    "hddm_a, both": HddmA(direction="both", drift_confidence=0.1),
    "hddm_a, down": HddmA(direction="down"),
    "hddm_w": HddmW(),
    "hddm_w, both": HddmW(direction="both", drift_confidence=0.1),
    "hddm_w, down": HddmW(direction="down"),
    "cusum": Cusum(reference=50, threshold=5),
    "cusum, both": Cusum(reference=5, threshold=2, direction="both"),
    "cusum, down": Cusum(reference=50, threshold=5, direction="down"),
    "ewma": Ewma(min_instances=50, threshold=3, weight=0.05),
    "ewma, both": Ewma(min_instances=2, threshold=1, weight=0.5, direction="both"),
    "ewma, down": Ewma(min_instances=50, threshold=3, weight=0.05, direction="down"),
    "custom": Custom.model_validate({"class": _OWN + "MeanShift", "settings": {"limit": 0.4}}),
    "custom, no evidence": Custom.model_validate({"class": _OWN + "Plain", "settings": {"size": 5, "limit": 0.3}}),
}
each = pytest.mark.parametrize("configured", CONFIGS.values(), ids=CONFIGS)

levels = st.lists(st.tuples(st.floats(0, 1), st.integers(1, 150)), min_size=1, max_size=4)
"""A stream as a list of (share of ones, values)."""
GARBAGE: list[Any] = [math.nan, math.inf, -math.inf, 1e308, -1e308, 1.1e100, 10**400, "text", "", "1", None, [], {}]


def errors(*parts: tuple[float, int], seed: int = 7) -> list[float]:
    """Seeded 0/1 errors: for each (rate, count) so many values at that rate."""
    rng = random.Random(seed)
    return [float(rng.random() < rate) for rate, count in parts for _ in range(count)]


def trace(detector: ChangeDetector, values: list[Any]) -> list[Any]:
    """All that can be seen of a detector while it takes values."""
    return [(detector.update(x), detector.flag, detector.detections, detector.evidence()) for x in values]


def saved(detector: ChangeDetector) -> Any:
    """Its state, through MessagePack."""
    return ormsgpack.unpackb(ormsgpack.packb(detector.state()))


def test_every_detector_is_checked() -> None:
    """A detector type added to the configuration has a builder, and stands in the table here."""
    types = set(get_args(config.AnyDetector))
    assert {type(c) for c in CONFIGS.values()} == types == set(BUILDERS)
    assert {t.model_fields["type"].default for t in types} == {name.split(",")[0] for name in CONFIGS}


@each
@given(before=levels, after=levels)
@example(before=[(0.0, 60), (1.0, 3)], after=[(0.1, 150)])  # on the way to a detection, not there yet
@settings(max_examples=8, deadline=None)
def test_reset_equals_fresh(configured: Any, before: Any, after: Any) -> None:
    """A detector that was reset cannot be told from a new one."""
    used, fresh = build(configured), build(configured)
    trace(used, errors(*before))
    used.reset()
    assert (used.flag, used.detections, used.evidence()) == (fresh.flag, fresh.detections, fresh.evidence())
    assert saved(used) == saved(fresh)
    assert trace(used, errors(*after, seed=8)) == trace(fresh, errors(*after, seed=8))


@each
@given(stream=levels, places=st.lists(st.tuples(st.integers(0, 600), st.sampled_from(GARBAGE)), min_size=1, max_size=8))
@settings(max_examples=8, deadline=None)
def test_garbage_never_gets_in(configured: Any, stream: Any, places: Any) -> None:
    """What is not a finite number within the limit leaves no mark: the trace of the others is the same without it."""
    clean, dirty = build(configured), build(configured)
    values = errors(*stream)
    expected = trace(clean, values)
    seen = []
    for n, x in enumerate(values):
        for _, garbage in (p for p in places if p[0] % len(values) == n):
            assert dirty.update(garbage) is False
        seen += trace(dirty, [x])
    assert seen == expected


@each
@given(stream=levels)
@settings(max_examples=8, deadline=None)
def test_flag_is_latched_and_detections_counted(configured: Any, stream: Any) -> None:
    """The flag is up from the first detection on, and the count is that of the updates that said True."""
    detector, said = build(configured), 0
    for found, flag, detections, _ in trace(detector, errors(*stream)):
        said += found
        assert detections == said
        assert flag is (said > 0)


@each
@given(st.lists(st.floats(-1e100, 1e100), max_size=300))
@example(([0.0] * 9 + [1.0]) * 40 + [1.0] * 200)
@example(([1.0] * 9 + [0.0]) * 40 + [0.0] * 200)
@example([0.0] * 50 + [1e100] + [0.0] * 50 + [-1e100] * 5 + [1.0] * 100)
@settings(max_examples=10, deadline=None)
def test_evidence_is_json_and_adds_up(configured: Any, values: list[float]) -> None:
    """Evidence is plain finite JSON, and its counts agree with one another, for any numbers within the limit."""
    detector = build(configured)
    n = 0
    for x, (found, flag, detections, evidence) in zip(values, trace(detector, values), strict=True):
        n += not isinstance(configured, BINARY) or x in (0, 1)
        assert orjson.loads(orjson.dumps(evidence)) == evidence
        assert set(evidence) == {"n", "detections", "mean_before", "mean_after", "width", "change_age"}
        assert (evidence["n"], evidence["detections"]) == (n, detections)
        if not flag:
            assert [evidence[k] for k in ("mean_before", "mean_after", "width", "change_age")] == [None] * 4
            continue
        assert all(math.isfinite(v) for v in evidence.values() if v is not None)
        width, age = evidence["width"], evidence["change_age"]
        if configured is CONFIGS["custom, no evidence"]:
            assert width is age is None
            continue
        assert type(width) is type(age) is int
        assert 0 < width <= age <= n
        assert (width == age) or not found


@each
def test_evidence_means(configured: Any) -> None:
    """The means of the first detection are those of the values on either side of the change it estimates."""
    if isinstance(configured, Custom):
        pytest.skip("its class tells them")
    falling = watched(configured) == "down"
    values = errors((0.9, 500), (0.1, 500)) if falling else errors((0.1, 500), (0.9, 500))
    detector: Any = build(configured)
    n = next(n for n, x in enumerate(values, start=1) if detector.update(x))
    evidence, start = detector.evidence(), n - detector.evidence()["width"]
    assert evidence["mean_after"] == pytest.approx(np.mean(values[start:n]))
    assert evidence["mean_before"] == pytest.approx(np.mean(values[:start]))


@each
def test_memory_is_bounded(configured: Any) -> None:
    """100,000 values take no more memory and no larger state than a few thousand do, but for ADWIN's logarithm."""
    detector = build(configured)
    for x in errors((0.1, 2_000)):
        detector.update(x)
    early, state = len(pickle.dumps(detector)), len(ormsgpack.packb(detector.state()))
    for x in errors((0.1, 100_000)):
        detector.update(x)
    assert len(pickle.dumps(detector)) < early + 1_500
    assert len(ormsgpack.packb(detector.state())) < state + 1_500


@each
@given(stream=levels)
@settings(max_examples=10, deadline=None)
def test_the_same_input_gives_the_same_output(configured: Any, stream: Any) -> None:
    """Two detectors that take the same values cannot be told from one another, draws included."""
    one, other = build(configured), build(configured)
    assert trace(one, errors(*stream)) == trace(other, errors(*stream))
    assert saved(one) == saved(other)


@each
@given(stream=levels, data=st.data())
@settings(max_examples=12, deadline=None)
def test_a_saved_detector_goes_on_as_it_would_have(configured: Any, stream: Any, data: st.DataObject) -> None:
    """At any moment: what is restored is alike, gives the same state, and does the same from there on."""
    values = errors(*stream)
    place = data.draw(st.integers(0, len(values)))
    lived, restored = build(configured), build(configured)
    trace(lived, values[:place])
    restored.restore(saved(lived))
    assert likeness(restored) == likeness(lived)
    assert saved(restored) == saved(lived)
    assert trace(restored, values[place:]) == trace(lived, values[place:])


@each
def test_a_state_from_the_very_value_of_a_detection(configured: Any) -> None:
    """Detectors of river restart at the value after a detection; a state from in between must know that."""
    falling = watched(configured) == "down"
    detector = build(configured)
    values = iter(errors((0.9, 300), (0.05, 5_000)) if falling else errors((0.05, 300), (0.9, 5_000)))
    while not detector.update(next(values)):
        pass
    restored = build(configured)
    restored.restore(saved(detector))
    after = list(values)[:200]
    assert trace(restored, after) == trace(detector, after)


NASTY: list[Any] = [None, True, -1, 0, 1, 2**53 + 1, 0.0, 0.5, -1.0, 1e308, math.nan, math.inf, -math.inf, "x", b"",
                    b"\x01" * 9, b"\xff" * 60, [], [[]], [0.5] * 9]  # fmt: skip


def variants(state: Any) -> Iterator[Any]:
    """The state with one thing at a time replaced, left out or doubled, at every depth."""
    if isinstance(state, list):
        for place in range(len(state)) if len(state) < 25 else (0, 7, len(state) - 1):
            item = state[place]
            for variant in (*variants(item), *NASTY):
                yield [*state[:place], variant, *state[place + 1 :]]
            yield state[:place] + state[place + 1 :]
            yield [*state[:place], item, *state[place:]]
    elif isinstance(state, bytes) and state:
        yield from (state[:-1], state + state[:1], bytes(len(state)), state * 2)


@each
@pytest.mark.parametrize("count", [3, 450])
def test_a_forged_state_is_refused_or_harmless(configured: Any, count: int) -> None:
    """Whatever one value is replaced by: BadState, or the detector goes on and tells nothing that is not finite."""
    detector = build(configured)
    for x in errors((0.1, 300), (0.6, 150))[:count]:
        detector.update(x)
    refused, future = 0, errors((0.7, 40), (0.1, 20))
    for variant in variants(saved(detector)):
        forged = build(configured)
        try:
            forged.restore(variant)
        except BadState:
            refused += 1
            continue
        for x in future:
            forged.update(x)
        assert all(v is None or math.isfinite(v) for v in forged.evidence().values()), variant
        build(configured).restore(saved(forged))
    assert refused > 50
