"""What is there is never left out; what is not there is left out nearly always."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.join.store import filters
from streamproc.join.store.filters import FALSE_SHARE, Filters

steps = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), st.integers(0, 2)),
        st.tuples(st.just("add"), st.integers(0, 2), st.lists(st.text(max_size=3), max_size=9)),
        st.tuples(st.just("drop"), st.integers(0, 2)),
    ),
    max_size=30,
)


@given(steps=steps)
def test_what_was_added_is_never_left_out(steps: list[tuple[object, ...]]) -> None:
    """Whatever the order, however often a filter had to be followed by a larger one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filters, "FIRST", 2)
        filter_, there = Filters(), dict[int, list[str]]()
        for step in steps:
            match step:
                case ("begin", int(number)):
                    filter_.begin(number)
                    there[number] = []
                case ("add", int(number), list(ids)):
                    filter_.add(number, ids)
                    there.setdefault(number, []).extend(ids)
                case ("drop", int(number)):
                    filter_.drop([number])
                    there.pop(number, None)
            for number, ids in there.items():
                assert list(filter_.may_have(number, ids)) == ids


def test_a_bucket_of_an_earlier_life_may_have_everything() -> None:
    """Nobody has seen what went into it, and a filter of the rest would leave that out."""
    filter_ = Filters()
    filter_.add(7, ["b"])
    assert list(filter_.may_have(7, ["a", "b"])) == ["a", "b"]


def test_what_is_not_there_is_nearly_always_left_out() -> None:
    """Also after a bucket grew far beyond the first one's room, and in the bucket after that."""
    filter_, count = Filters(), 20 * filters.FIRST
    for number in (1, 2):
        filter_.begin(number)
        for first in range(0, count, 5000):
            filter_.add(number, [f"{number}-{n}" for n in range(first, min(count, first + 5000))])
        absent = [f"absent-{n}" for n in range(20_000)]
        assert len(filter_.may_have(number, absent)) < 4 * FALSE_SHARE * len(absent)
    assert len(filter_._buckets[2].filters) == 1  # it was made with room enough
