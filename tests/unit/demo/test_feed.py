"""Labels come late, out of order, and each exactly once."""

from __future__ import annotations

import itertools

from streamproc.demo import feed
from streamproc.demo.feed import DELAY, SPREAD, Step, steps


def test_each_row_has_one_prediction_and_later_one_label() -> None:
    """Predictions are in order; no label is lost or comes twice or before its prediction."""
    happened = list(steps(1000, 3000))
    assert [row for kind, row in happened if kind == "prediction"] == list(range(1000, 3000))
    assert sorted(row for kind, row in happened if kind == "label") == list(range(1000, 3000))
    for row in range(1000, 3000):
        assert happened.index(Step("prediction", row)) < happened.index(Step("label", row))


def test_labels_are_about_a_hundred_rows_late_and_overtake_each_other() -> None:
    """Each label comes within its band, and many come before the label of an earlier row."""
    newest, labels = 0, []
    for kind, row in steps(0, 2000):
        if kind == "prediction":
            newest = row
        else:
            labels.append(row)
            assert newest == 1999 or DELAY - SPREAD <= newest - row + 1 <= DELAY + SPREAD + 1
    assert sum(later < earlier for earlier, later in itertools.pairwise(labels)) > 500


def test_enough_ends_the_predictions_but_not_their_labels() -> None:
    """When the time is up, what was answered is still labelled, and nothing else is."""
    left = iter([False] * 250 + [True])
    happened = list(steps(0, 2000, enough=lambda: next(left)))
    assert [row for kind, row in happened if kind == "prediction"] == list(range(250))
    assert sorted(row for kind, row in happened if kind == "label") == list(range(250))


def test_the_feed_is_the_same_every_time() -> None:
    """Two runs see the same order, and the beginning of a run does not depend on its length."""
    assert list(steps(1000, 1500)) == list(steps(1000, 1500))
    assert list(steps(1000, 1500))[:900] == list(steps(1000, 2500))[:900]


def test_the_events_of_a_row_meet_by_their_id() -> None:
    """A prediction and its label carry the same id, which no other row has."""
    made = feed.prediction(7, 1, "v1", (1, 0.75), {"nswprice": 0.5})
    assert made["prediction_id"] == feed.label(7, 2, 0)["prediction_id"] != feed.label(8, 2, 0)["prediction_id"]
    assert (made["prediction"], made["score"]) == (1, 0.75)
