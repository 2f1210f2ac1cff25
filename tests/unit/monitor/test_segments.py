"""Segments: each measured for itself, the heaviest only, in bounded memory."""

from __future__ import annotations

import random
from typing import Any

import pytest

from streamproc.config.model import Model
from streamproc.errors import BadState
from streamproc.monitor.evidence import evidence
from streamproc.monitor.model import ModelMonitor
from streamproc.monitor.notes import Note
from streamproc.monitor.segments import PLACES, Segments

T = 1_780_000_000_000


def model(**settings: Any) -> Model:
    policies = [
        {"name": "all", "condition": "accuracy < 0.5"},
        {"name": "each", "condition": "accuracy < 0.5", "per_segment": True},
    ]
    made = {"min_samples": 10, "window": 50, "segment_by": ["country"], "max_segments": 2, "policies": policies}
    return Model.model_validate(made | settings)


def monitor(**settings: Any) -> ModelMonitor:
    made = ModelMonitor("m", model(**settings))
    made.configured(made.config_hash, T)
    return made


def outcome(country: str | None, *, right: bool = True, version: str = "v1") -> dict[str, Any]:
    record = {"prediction_id": "p", "time": T, "label_time": T, "model_version": version, "prediction": 1}
    return {**record, "label": int(right), **({"segments": {"country": country}} if country is not None else {})}


def sketch(most: int = 2) -> Segments:
    made = model(max_segments=most)
    return Segments(made, [policy for policy in made.policies if policy.per_segment], None)


def test_a_bad_segment_fires_though_the_whole_is_good() -> None:
    """Ten wrong answers in one country, ninety right ones elsewhere: the trigger names the segment, with its values."""
    watched, notes = monitor(), list[Note]()
    for n in range(100):
        record = outcome("NO", right=False) if n % 10 == 0 else outcome("DE")
        notes += watched.outcome(record, n, T)
    (fired,) = [note for note in notes if note.fires]
    assert (fired.policy, fired.segment) == ("each", "country=NO")
    assert evidence(watched, fired.policy, fired.segment).values == {"accuracy": 0.0}
    assert watched.values(["accuracy"])["accuracy"] == 0.9


def test_a_policy_without_per_segment_looks_at_the_whole() -> None:
    """It says nothing of single segments."""
    watched = monitor()
    assert set(watched.whole.policies) == {"all"}
    watched.outcome(outcome("DE"), 0, T)
    assert watched.segments is not None
    assert [set(scope.policies) for scope in watched.segments] == [{"each"}]


def test_the_outcomes_of_another_version_count_in_no_segment() -> None:
    """A canary pollutes neither the champion nor its segments; nor do old ones in flight after the deploy."""
    watched = monitor()
    watched.outcome(outcome("DE"), 0, T)
    for n in range(50):
        watched.outcome(outcome("DE", right=False, version="v2"), n, T)
    assert watched.scope("country=DE").gauges.outcomes == 1
    watched.deploy({"status": "deployed", "model_version": "v2", "time": T}, T)
    for n in range(5):
        watched.outcome(outcome("DE", version="v1"), n, T)
    assert watched.scope("country=DE").gauges.outcomes == 0
    assert watched.version.others == {"v1": 5}


def test_memory_is_bounded_whatever_comes() -> None:
    """Ten thousand segments: two are watched, eight are counted."""
    segments = sketch()
    for n in range(10_000):
        segments.find(outcome(f"c{n}"))
    assert (len(segments.scopes), len(segments._counts)) == (2, 2 * PLACES)


def test_the_heaviest_are_watched_though_light_ones_came_first() -> None:
    """Two that carry most of the traffic push out two that were first, among hundreds that come once."""
    segments, rng = sketch(), random.Random(4)
    segments.find(outcome("first"))
    segments.find(outcome("second"))
    for n in range(5000):
        segments.find(outcome(rng.choice(["DE", "DE", "FR", f"rare{n}"])))
    assert set(segments.scopes) == {"country=DE", "country=FR"}


def test_equal_segments_do_not_take_turns() -> None:
    """A segment that is watched keeps its place until another has twice its records: measures begin anew each time."""
    segments = sketch()
    for n in range(30_000):
        segments.find(outcome(f"c{n % 3}"))
    assert set(segments.scopes) == {"country=c0", "country=c1"}


@pytest.mark.parametrize("record", [outcome(None), outcome("x" * 65)])
def test_what_has_no_value_or_too_long_a_one_is_in_no_segment(record: dict[str, Any]) -> None:
    """It counts in the whole."""
    assert sketch().find(record) is None


def test_names_of_segments_are_never_ambiguous() -> None:
    """Values that hold signs of the name are quoted; numbers and features will do as well."""
    made = model(segment_by=["a", "b"])
    segments = Segments(made, [p for p in made.policies if p.per_segment], None)
    names = [
        segments._name({"segments": {"a": "1,b=2", "b": "3"}}),
        segments._name({"segments": {"a": "1"}, "features": {"b": 2}}),
    ]
    assert names == ['a="1,b=2",b=3', "a=1,b=2"]


def test_segments_go_on_from_their_state() -> None:
    """The same scopes, counts and decisions as if nothing had been."""
    whole, rng = monitor(), random.Random(2)
    records = [outcome(rng.choice("abcdefghij"), right=rng.random() < 0.6) for _ in range(600)]
    for n, record in enumerate(records[:300]):
        whole.outcome(record, n, T)
    heir = monitor()
    heir.restore(whole.state())
    said = [[m.outcome(record, n, T) for n, record in enumerate(records[300:])] for m in (whole, heir)]
    assert said[0] == said[1]
    assert heir.state() == whole.state()


def test_a_state_with_more_segments_than_are_watched_is_refused() -> None:
    """As is one that names a segment twice."""
    segments = sketch(3)
    for country in "abc":
        segments.find(outcome(country))
    state = segments.state()
    with pytest.raises(BadState, match="more segments"):
        sketch(2).restore(state)
    with pytest.raises(BadState, match="two equal"):
        sketch(3).restore([state[0], [state[1][0], state[1][0]]])
