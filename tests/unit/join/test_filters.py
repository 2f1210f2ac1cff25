"""What is there is never left out; what is not there is left out nearly always."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.join.store import filters
from streamproc.join.store.filters import FALSE_SHARE, SPAN, Filters

numbers = st.sampled_from([0, 1, SPAN - 1, SPAN, 3 * SPAN])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), numbers, st.lists(st.text(max_size=3), max_size=9), st.booleans()),
        st.tuples(st.just("drop"), numbers),
    ),
    max_size=30,
)


@given(steps=steps)
def test_what_was_added_is_never_left_out(steps: list[tuple[object, ...]]) -> None:
    """Whatever the order and the span, with buckets of an earlier life, and however often a filter had to grow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filters, "FIRST", 2)
        filter_, there = Filters(), dict[int, list[str]]()
        for step in steps:
            match step:
                case ("add", int(number), list(ids), bool(is_new)):
                    filter_.add(number, ids, is_new=is_new)
                    there[number] = ids if is_new else there.get(number, []) + ids
                case ("drop", int(number)):
                    filter_.drop([number])
                    there.pop(number, None)
            asked = [name for ids in there.values() for name in ids]
            found = dict(filter_.likely(there, asked))
            assert list(found) == [number for number in there if number in found]
            for number, ids in there.items():
                assert set(ids) <= set(found.get(number, ())) <= set(asked)


def test_a_bucket_of_an_earlier_life_may_have_everything() -> None:
    """Nobody has seen what went into it, and a filter of the rest, or of its span, would leave that out."""
    filter_ = Filters()
    filter_.add(7, ["b"], is_new=False)
    filter_.add(6, ["c"], is_new=True)
    found = dict(filter_.likely([7, 6], ["a", "b", "c"]))
    assert {number: set(ids) for number, ids in found.items()} == {7: {"a", "b", "c"}, 6: {"c"}}


def test_what_is_not_there_is_nearly_always_left_out() -> None:
    """Also after a bucket grew far beyond the first one's room, and in the span after that."""
    filter_, count = Filters(), 20 * filters.FIRST
    for number in (1, SPAN + 1):
        for first in range(0, count, 5000):
            ids = [f"{number}-{n}" for n in range(first, min(count, first + 5000))]
            filter_.add(number, ids, is_new=first == 0)
        absent = [f"absent-{n}" for n in range(20_000)]
        for _, likely in filter_.likely([number], absent):
            assert len(likely) < 4 * FALSE_SHARE * len(absent)
    assert len(filter_._buckets[SPAN + 1]._parts) == 1  # it was made with room enough
    assert len(filter_._spans[1]._parts) == 1


def test_what_is_in_no_bucket_of_a_span_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """That is what the filters of spans are for: nearly all new ids are nowhere."""
    filter_, asked = Filters(), list[int]()
    for number in range(SPAN):
        filter_.add(number, [f"{number}"], is_new=True)
    likely = filters.Filter.likely

    def counted(self: filters.Filter, ids: Collection[str]) -> Collection[str]:
        asked.append(len(ids))
        return likely(self, ids)

    monkeypatch.setattr(filters.Filter, "likely", counted)
    assert list(filter_.likely(range(SPAN), ["a", "b"])) == []
    assert sum(asked) == 2
