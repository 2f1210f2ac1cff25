from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streamproc.config.pipeline import Config
from streamproc.config.retrain import Gate
from streamproc.errors import RetrainError
from streamproc.events.trigger import ChangePoint, DataWindow, Trigger
from streamproc.retrain.division import Division, divide
from streamproc.retrain.job import Job, Span
from streamproc.retrain.spans import spans, widest
from streamproc.retrain.window import Row, Window, read_window
from tests.unit.retrain.support import NOW, make_job, make_trigger, outcome, values_of

EVERYTHING = 1_000_000_000


def job(*of: Span, gate: Gate | None = Gate(min_rows=10)) -> Job:  # noqa: B008 - frozen
    more: dict[str, Any] = {"spans": of} if of else {}
    return make_job(Path("nowhere"), gate=gate, **more)


def window(count: int, **fields: Any) -> Window:
    return read_window(values_of([outcome(n, **fields) for n in range(count)]), "m", 10**9, count)


def numbers(rows: list[Row]) -> list[int]:
    return [row["features"]["x"] for row in rows]


def lessons(division: Division) -> dict[str, list[int]]:
    return {words: numbers(rows) for words, rows in division.lessons}


@pytest.mark.parametrize(
    ("count", "share", "kept"), [(100, 0.25, 25), (100, 0.29, 29), (3, 0.25, 1), (1, 0.25, 0), (10, None, 0)]
)
def test_of_one_window_the_newest_share_is_kept_back(count: int, share: float | None, kept: int) -> None:
    """The oldest rows train, the newest share judges, none does both, and nothing has to choose."""
    division = divide(job(gate=Gate(holdout=share) if share else None), window(count))
    assert lessons(division) == {"the newest": list(range(count - kept))}
    assert numbers(division.compared) == list(range(count - kept, count))
    assert division.choosing == []


def test_windows_side_by_side_have_one_holdout_in_two_parts() -> None:
    """Nobody trains on any of it; the older part chooses, the newer one is the gate's alone."""
    three = (Span(words="40", newest=40), Span(words="all", newest=EVERYTHING), Span(words="10", newest=10))
    division = divide(job(*three, gate=Gate(min_rows=8)), window(100))
    held = 16  # twice min_rows: a quarter of the shortest is less
    assert lessons(division) == {"40": list(range(60, 100 - held)), "all": list(range(100 - held))}
    assert numbers(division.choosing) == list(range(84, 92))
    assert numbers(division.compared) == list(range(92, 100))
    assert division.left_out == ("10: no rows before the holdout",)
    assert division.counts(24) == {"training": 24, "holdout": 16, "compared": 8, "choosing": 8}


def test_the_holdout_grows_with_the_shortest_window() -> None:
    """A share of it, as for a window alone."""
    two = (Span(words="80", newest=80), Span(words="all", newest=EVERYTHING))
    division = divide(job(*two, gate=Gate(min_rows=5)), window(100))
    assert (division.holdout, len(division.choosing), len(division.compared)) == (20, 10, 10)


def test_a_single_window_that_is_left_needs_no_choice() -> None:
    """All of the holdout is for the gate."""
    two = (Span(words="10", newest=10), Span(words="all", newest=EVERYTHING))
    division = divide(job(*two, gate=Gate(min_rows=8)), window(100))
    assert (list(lessons(division)), len(division.choosing), len(division.compared)) == (["all"], 0, 16)


def test_a_period_leaves_out_what_is_older() -> None:
    """By the label's time."""
    recent = Span(words="recent", newest=EVERYTHING, since=NOW + 10 + 90)
    division = divide(job(recent, Span(words="all", newest=EVERYTHING), gate=Gate(min_rows=1)), window(100))
    assert lessons(division) == {"recent": list(range(90, 98)), "all": list(range(98))}


def test_nothing_to_train_on_is_an_error_for_several_windows_too() -> None:
    """With what is known of why."""
    with pytest.raises(RetrainError, match="no labelled rows yet"):
        divide(job(Span(words="a", newest=1), Span(words="b", newest=2)), window(0))


# -- what the configuration says --


def trigger(**data: Any) -> Trigger:
    whole = {"topic": "journal", "partition": 0, "from_offset": 0, "to_offset": 1000, "outcomes": 900, **data}
    return make_trigger(data=DataWindow(**whole))


def found(window: dict[str, Any], of: Trigger) -> Span:
    retrain = {"function": "a:b", "window": window}
    (span,) = spans(of, Config.model_validate({"pipeline": "p", "models": {"m": {"retrain": retrain}}}))
    return span


CHANGED = ChangePoint(offset=700, outcomes=300, detector="errors")


@pytest.mark.parametrize(
    ("written", "data", "newest", "since"),
    [
        ({}, {}, 5000, 0),
        ({"outcomes": "all"}, {}, EVERYTHING, 0),
        ({"since": "change_point"}, {"change_point": CHANGED}, 300, 0),
        ({"since": "change_point", "outcomes": 200}, {"change_point": CHANGED}, 200, 0),
        ({"since": "change_point", "outcomes": 200}, {}, 200, 0),
        ({"since": "last_deploy"}, {"since_deploy": 450}, 450, 0),
        ({"since": "last_deploy", "outcomes": 100}, {"since_deploy": 450}, 100, 0),
        ({"period": "1d"}, {}, EVERYTHING, NOW - 86_400_000),
        ({"period": "1d", "outcomes": 70}, {}, 70, NOW - 86_400_000),
    ],
    ids=str,
)
def test_what_a_window_means_for_a_trigger(written: dict[str, Any], data: Any, newest: int, since: int) -> None:
    """Numbers that follow from the trigger and the configuration alone."""
    span = found(written, trigger(**data))
    assert (span.newest, span.since) == (newest, since)


def test_a_change_point_that_is_not_known_is_said() -> None:
    """So that nobody takes the rows for those since the change."""
    assert found({"since": "change_point"}, trigger()).words == "the newest 5000, no change point is known"


def test_the_widest_window_is_what_is_read() -> None:
    """It holds all the others."""
    assert widest((Span(words="a", newest=5, since=9), Span(words="b", newest=7, since=3))) == Span(
        words="", newest=7, since=3
    )
