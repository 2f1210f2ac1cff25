from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from streamproc.retrain.rows import ContentHash, content_hash, stream, survey
from streamproc.retrain.window import Row, read_window
from tests.unit.retrain.support import NOW, outcome, values_of


def streamed(records: list[dict[str, Any]], newest: int = 1000) -> list[Row]:
    values = values_of(records)
    return list(stream(lambda: values, "m", survey(lambda: values, "m", newest)))


SOME = st.lists(
    st.builds(
        lambda n, label, revises, model: outcome(n, label=label, model_id=model, revises=revises),
        st.integers(0, 4),
        st.integers(0, 99),
        st.sampled_from((None, None, 0)),
        st.sampled_from(("m", "m", "m", "other")),
    ),
    max_size=20,
)


@given(SOME, st.integers(1, 8))
def test_the_stream_gives_what_a_retrain_reads(records: list[dict[str, Any]], newest: int) -> None:
    """Whatever ids repeat and whichever are revised: the same rows, in the same order, with the same labels."""
    assert streamed(records, newest) == read_window(values_of(records), "m", newest, 0).rows


def test_the_shape_holds_every_name_and_type() -> None:
    """Names that few rows have are known before the first row is written."""
    records = [outcome(n, features={f"f{n % 1500}": n if n % 2 else 0.5}, segments={"s": "a"}) for n in range(3000)]
    records.append(outcome(1, label="late", revises=1))
    shape = survey(lambda: values_of(records), "m", 10).shape
    assert len(shape.types["features"]) == 1500
    assert shape.types["features"]["f1"] == {int}
    assert shape.types["features"]["f2"] == {float}
    assert shape.types["label"]["label"] == {int, str}


def test_the_hash_is_of_the_content() -> None:
    """The same rows give the same hash, whatever the order of their fields; another label gives another one."""
    rows = read_window(values_of([outcome(1), outcome(2)]), "m", 10, 2).rows
    turned = [dict(reversed(row.items())) for row in rows]
    passing = ContentHash()
    assert list(passing.passing(rows)) == rows
    assert content_hash(rows) == content_hash(turned) == passing.hexdigest()
    assert content_hash(rows) != content_hash([rows[0], rows[1] | {"label": 7}])
    assert content_hash(rows) != content_hash(rows[::-1])


def test_memory_does_not_grow_with_the_rows() -> None:
    """Ten times the rows, the same peak: nothing but revisions is kept."""

    def peak(count: int) -> int:
        def values() -> Iterator[bytes]:
            return (orjson.dumps(outcome(n, time=NOW)) for n in range(count))

        tracemalloc.start()
        for _ in stream(values, "m", survey(values, "m", count)):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak(10)
    assert peak(10_000) < peak(1_000) + 50_000
