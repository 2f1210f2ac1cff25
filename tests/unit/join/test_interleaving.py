"""The order in which two topics are read changes nothing of what comes out."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streamproc.errors import BadRecord
from tests.unit.join.events import joiner, journal, label, predict, prediction, tell

NAMES = ("x", "y", "z")
MODELS = {"x": ("clicks", (0, 1, True)), "y": ("prices", (1, 2.5)), "z": ("words", ("a", "b"))}
TRUTHS = (0, 1, True, 2.5, "a", "b")

predictions = st.lists(
    st.sampled_from(NAMES).flatmap(
        lambda name: st.builds(
            prediction, st.just(name), st.sampled_from(MODELS[name][1]), st.integers(0, 9), st.just(MODELS[name][0])
        )
    ),
    max_size=5,
)
labels = st.lists(st.builds(label, st.sampled_from(NAMES), st.sampled_from(TRUTHS), st.integers(0, 5)), max_size=8)
Event = dict[str, Any]


def read(events: Sequence[Event]) -> tuple[dict[str, tuple[Any, Any]], list[Event]]:
    """(prediction id -> (what was predicted, its last label), all that was written)."""
    join, written = joiner(), []
    for event in events:
        try:
            if "prediction" in event:
                written += journal(predict(join, event))
            else:
                answer = tell(join, event)
                written += journal([answer[1]]) if answer is not None else []
        except BadRecord:
            assert "label" in event
    # Python's 1, 1.0 and True are one label in three spellings; text is never one of them.
    final = {o["prediction_id"]: (o["prediction"], o["label"]) for o in written}
    return final, written


@given(predictions, labels, st.randoms(use_true_random=False))
def test_any_interleaving_ends_with_the_same_labels(left: list[Event], right: list[Event], order: Any) -> None:
    """Each topic keeps its own order; between the two, every order gives each prediction the same final label."""
    wanted, _ = read([*left, *right])
    assert read([*right, *left])[0] == wanted
    for _ in range(5):
        turns = [0] * len(left) + [1] * len(right)
        order.shuffle(turns)
        sides = iter(left), iter(right)
        assert read([next(sides[turn]) for turn in turns])[0] == wanted


@given(predictions, labels, st.randoms(use_true_random=False))
def test_any_interleaving_is_one_story(left: list[Event], right: list[Event], order: Any) -> None:
    """A prediction has one outcome at most; each revision follows from what stands before it and changes the label."""
    turns = [0] * len(left) + [1] * len(right)
    order.shuffle(turns)
    sides = iter(left), iter(right)
    _, written = read([next(sides[turn]) for turn in turns])
    for name in NAMES:
        story = [o for o in written if o["prediction_id"] == name]
        assert all(("revises" in o) == bool(place) for place, o in enumerate(story))
        for before, after in itertools.pairwise(story):
            assert after["revises"] == before["label"] != after["label"]
            assert after["label_time"] >= before["label_time"]


@given(predictions, labels, st.integers(0, 13), st.randoms(use_true_random=False))
def test_a_join_that_was_read_again_goes_on_as_if_it_had_not(
    left: list[Event], right: list[Event], cut: int, order: Any
) -> None:
    """State is a fold: read again in another order, it answers what comes next in the same way."""
    turns = [0] * len(left) + [1] * len(right)
    order.shuffle(turns)
    sides = iter(left), iter(right)
    events = [next(sides[turn]) for turn in turns]
    past, future = events[:cut], events[cut:]
    again = [*(e for e in past if "label" in e), *(e for e in past if "prediction" in e)]
    _, first = read(past)
    assert read([*past, *future])[1][len(first) :] == read([*again, *future])[1][len(read(again)[1]) :]
