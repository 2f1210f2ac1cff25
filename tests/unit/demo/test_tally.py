"""The figures of a run are what its rows and events say."""

from __future__ import annotations

from typing import Any

import pytest

from streamproc.demo.feed import DELAY
from streamproc.demo.tally import BUCKETS, RECENT, Tally
from streamproc.policy.lifecycle import State


def tally_of(rows: int, total: int | None = None) -> Tally:
    """One row a millisecond; the loop is always right, the other never."""
    tally = Tally(total or rows)
    for row in range(rows):
        tally.answered(1000 + row, right=True, right_never=False)
    return tally


def trigger(time: int, change: int | None = 40) -> dict[str, Any]:
    point = None if change is None else {"offset": 1, "outcomes": change, "detector": "d"}
    return {"trigger_id": "t", "time": time, "data": {"change_point": point}}


def deploy(status: str, **more: Any) -> dict[str, Any]:
    return {"trigger_id": "t", "status": status, "model_id": "m", "time": 1, **more}


def test_errors_are_counted_on_both_sides() -> None:
    """Rates are of all rows, accuracies of the newest ones."""
    tally = tally_of(RECENT)
    for _ in range(RECENT):
        tally.answered(9000, right=False, right_never=True)
    assert (tally.loop.errors, tally.never.errors, tally.avoided) == (RECENT, RECENT, 0)
    assert tally.loop.error_rate == 0.5
    assert (tally.loop.accuracy, tally.never.accuracy) == (0.0, 1.0)


def test_a_new_run_has_no_accuracy() -> None:
    """Before the first row nothing is known, and nothing divides by zero."""
    tally = Tally(0)
    assert tally.loop.accuracy is None
    assert tally.loop.error_rate == 0.0
    assert tally.seconds_to_deploy is None


@pytest.mark.parametrize("total", [1, 7, BUCKETS, 1000, 44_312])
def test_the_history_covers_the_run_in_bounded_pieces(total: int) -> None:
    """All rows are in it, in at most BUCKETS pieces."""
    history = tally_of(total).history
    assert len(history) <= BUCKETS
    assert sum(rows for rows, _, _ in history) == sum(right for _, right, _ in history) == total


def test_a_deploy_is_timed_from_its_trigger() -> None:
    """In seconds to when it took effect, in rows from the estimated change, the labels' delay included."""
    tally = tally_of(500)
    retrain = tally.trigger(trigger(time=1299))  # row 300 was answered then
    assert (retrain.row, retrain.is_open, tally.waiting) == (300, True, retrain)
    tally.deploy(deploy("started"), now=1400)
    assert tally.waiting is retrain
    tally.deploy(deploy("deployed", model_version="v2"), now=3299)
    assert not retrain.is_open
    assert (retrain.seconds, retrain.version) == (2.0, "v2")
    assert tally.rows_to_deploy == 40 + DELAY + 500 - 300
    assert tally.seconds_to_deploy == 2.0


def test_only_deploys_count_for_the_times() -> None:
    """A rejection is no deploy, and a trigger without an estimate of the change has no rows."""
    tally = tally_of(10)
    tally.trigger(trigger(time=1005, change=None))
    tally.deploy(deploy("rejected", reason="not better"), now=2000)
    assert (tally.count("rejected"), tally.seconds_to_deploy, tally.rows_to_deploy) == (1, None, None)
    assert tally.retrains["t"].outcome == "not better"


def test_events_of_others_and_second_ends_change_nothing() -> None:
    """A deploy without a known trigger is none of ours; a retrain ends once."""
    tally = tally_of(10)
    assert tally.deploy(deploy("deployed"), now=1) is None
    tally.trigger(trigger(time=1005))
    tally.deploy(deploy("failed", reason="broken"), now=2000)
    assert tally.deploy(deploy("deployed", model_version="v2"), now=3000) is None
    assert (tally.count("failed"), tally.count("deployed")) == (1, 0)


def test_the_comparison_is_told_with_its_figures() -> None:
    """Both accuracies and the number of rows that they are of."""
    tally = tally_of(10)
    tally.trigger(trigger(time=1005))
    metrics = {"champion": {"accuracy": 0.61}, "challenger": {"accuracy": 0.78}}
    retrain = tally.deploy(deploy("deployed", model_version="v2", metrics=metrics, rows={"compared": 300}), now=2000)
    assert retrain is not None
    assert retrain.outcome == "78.0% right, champion 61.0%, 300 rows"


def test_decisions_move_the_state() -> None:
    """The state that is shown is that of the lifecycle table."""
    tally = Tally(10)
    seen = []
    for verdict, rule in [
        ("fired", "condition"),
        ("suppressed", "lifecycle"),
        ("lifecycle", "started"),
        ("lifecycle", "deployed"),
        ("lifecycle", "acknowledged"),
        ("lifecycle", "warmed_up"),
    ]:
        tally.decision({"verdict": verdict, "rule": rule})
        seen.append(tally.state)
    assert seen == [
        State.TRIGGERED, State.TRIGGERED, State.RETRAINING, State.DEPLOYED, State.WARMING_UP, State.WATCHING
    ]  # fmt: skip
