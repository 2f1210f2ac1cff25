"""Events in a line each say what a person wants to know."""

from __future__ import annotations

from streamproc.demo.tally import Retrain
from streamproc.demo.words import clock, count, outcome, thousands, why


def test_a_trigger_says_its_reason_with_the_values_in_place() -> None:
    """Numbers stand behind their names, detectors with the change they saw."""
    event = {
        "reason": "errors_rise and accuracy < 0.72",
        "evidence": {
            "values": {"errors_rise": True, "accuracy": 0.7166},
            "detectors": {"errors_rise": {"mean_before": 0.14, "mean_after": 0.36}},
        },
    }
    assert why(event) == "errors_rise (14% -> 36%) and accuracy 0.717 < 0.72"


def test_a_trigger_without_evidence_says_its_reason() -> None:
    """A manual trigger, or a name that is not known, is told as it is."""
    assert why({"reason": "asked for by hand"}) == "asked for by hand"
    assert why({"reason": "a < 1 or b < 1", "evidence": {"values": {"a": None, "b": 0}}}) == "a < 1 or b 0 < 1"


def test_outcomes_name_the_version_only_if_it_is_in_service() -> None:
    """A rejected challenger's name is of no use."""
    retrain = Retrain("t", 1, 1, None, "deployed", "r-1", 5, 1.25, "78.0% right")
    assert outcome(retrain) == "r-1 in 1.2 s: 78.0% right"
    retrain.status = "rejected"
    assert outcome(retrain) == "in 1.2 s: 78.0% right"


def test_numbers_are_readable() -> None:
    """Thousands apart, minutes and seconds, one or many."""
    assert (thousands(44312), clock(83.9), clock(600)) == ("44,312", "1:23", "10:00")
    assert (count(1, "version"), count(2, "version"), count(0, "version")) == ("1 version", "2 versions", "0 versions")
