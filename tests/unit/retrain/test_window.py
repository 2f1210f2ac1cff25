from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from streamproc.retrain.window import ROW_FIELDS, Row, answered_by, read_window
from tests.unit.retrain.support import NOW, outcome, values_of


def numbers(rows: list[Row]) -> list[int]:
    return [int(row["prediction_id"][1:]) for row in rows]


def test_only_this_models_outcomes_are_rows() -> None:
    """Predictions, ticks, deploys, other models' outcomes and empty records are passed over."""
    records = [
        outcome(1),
        {**outcome(2), "kind": "prediction"},
        outcome(3, model_id="other"),
        {"kind": "tick", "time": NOW},
        {"kind": "deploy", "model_id": "m", "status": "deployed", "time": NOW},
        outcome(4),
    ]
    window = read_window([*values_of(records), None], "m", 10, 2)
    assert numbers(window.rows) == [1, 4]
    assert (window.found, window.missing) == (2, 0)


def test_a_row_is_flat_and_whole() -> None:
    """A row has every field; what the outcome did not have is None, and features and segments are empty."""
    bare = {k: v for k, v in outcome(1).items() if k not in ("features", "model_version")}
    (row,) = read_window(values_of([bare]), "m", 10, 1).rows
    assert tuple(row) == ROW_FIELDS
    assert row["features"] == row["segments"] == {}
    assert row["model_version"] is row["score"] is row["weight"] is None
    assert "kind" not in row


def test_a_revision_replaces_the_label_in_place() -> None:
    """The later label counts; the row keeps its place, and is not counted twice."""
    records = [outcome(1), outcome(2), outcome(1, label=0, label_time=NOW + 99, revises=1), outcome(3)]
    window = read_window(values_of(records), "m", 10, 3)
    assert numbers(window.rows) == [1, 2, 3]
    assert (window.rows[0]["label"], window.rows[0]["label_time"]) == (0, NOW + 99)
    assert window.found == 3


def test_a_revision_of_a_row_that_is_not_in_the_window_is_passed_over() -> None:
    """Neither one from before the range nor one that the window has left behind comes back."""
    records = [outcome(1), outcome(2), outcome(3), outcome(1, label=0, revises=1), outcome(9, revises=0)]
    assert numbers(read_window(values_of(records), "m", 2, 3).rows) == [2, 3]


def test_the_newest_rows_are_kept() -> None:
    """The range may start early: only the newest `newest` rows stay."""
    window = read_window(values_of([outcome(n) for n in range(100)]), "m", 10, 100)
    assert numbers(window.rows) == list(range(90, 100))
    assert window.found == 100


def test_missing_outcomes_are_counted() -> None:
    """Fewer outcomes than the trigger counted: the journal has lost the beginning."""
    assert read_window(values_of([outcome(1)]), "m", 10, 5).missing == 4


@given(
    events=st.lists(st.tuples(st.integers(0, 8), st.booleans(), st.integers(0, 9)), max_size=40),
    newest=st.integers(1, 10),
)
def test_the_window_is_what_a_plain_list_gives(events: list[tuple[int, bool, int]], newest: int) -> None:
    """Outcomes and revisions in any order give the rows that a straightforward reading gives."""
    records: list[dict[str, Any]] = []
    expected: list[list[int]] = []
    for number, revises, label in events:
        if revises:
            records.append(outcome(number, label=label, revises=0))
            for place in [p for p in expected[-newest:] if p[0] == number][-1:]:
                place[1] = label
        else:
            records.append(outcome(number, label=label))
            expected.append([number, label])
    window = read_window(values_of(records), "m", newest, 0)
    assert [[int(r["prediction_id"][1:]), r["label"]] for r in window.rows] == expected[-newest:]


def test_a_window_may_begin_at_a_time() -> None:
    """Rows whose first label came before it are left out, and counted as found; a revision does not bring one in."""
    records = [*[outcome(n) for n in range(10)], outcome(2, revises=0, label=1, label_time=NOW + 900)]
    window = read_window(values_of(records), "m", 100, 10, NOW + 10 + 6)
    assert numbers(window.rows) == [6, 7, 8, 9]
    assert (window.found, window.missing) == (10, 0)


def test_only_the_champions_rows_are_compared() -> None:
    """Rows of another version are left out; rows without a version count from the champion's deploy on."""
    rows = read_window(
        values_of(
            [
                outcome(1, model_version="v1"),
                outcome(2, model_version="v0"),
                outcome(3, model_version=None),
                outcome(4, model_version=None),
            ]
        ),
        "m",
        10,
        4,
    ).rows
    assert numbers(answered_by(rows, "v1", NOW + 4)) == [1, 4]
    assert numbers(answered_by(rows, None, 0)) == [3, 4]


def test_records_with_unknown_fields_do_no_harm() -> None:
    """A journal of a newer release may hold more."""
    value = orjson.dumps({**outcome(1), "novelty": {"a": 1}})
    assert "novelty" not in read_window([value], "m", 10, 1).rows[0]
