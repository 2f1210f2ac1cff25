from __future__ import annotations

import pytest

from streamproc.config.retrain import Gate
from streamproc.errors import ConditionError
from streamproc.policy.quantity import Quantity
from streamproc.retrain.gate import compile_gate, gate_quantities, judge

METRICS = [
    Quantity("accuracy", "number", 0, 1, "higher"),
    Quantity("log_loss", "number", 0, 35, "lower"),
]


def gate(condition: str = "challenger.accuracy > champion.accuracy") -> Gate:
    return Gate(condition=condition)


@pytest.mark.parametrize(("challenger", "passed"), [(0.8, True), (0.7, False), (0.6, False)])
def test_the_default_gate_asks_for_more_accuracy(challenger: float, passed: bool) -> None:
    """Better passes; equal and worse do not, and the figures are in the reason."""
    verdict = judge(compile_gate(gate(), METRICS), {"accuracy": 0.7}, {"accuracy": challenger}, 100)
    assert verdict.passed is passed
    assert f"challenger.accuracy {challenger}" in verdict.reason
    assert "champion.accuracy 0.7" in verdict.reason
    assert "100 rows" in verdict.reason


def test_what_is_not_known_does_not_pass() -> None:
    """A metric without a value, such as a log loss without scores, keeps the champion in service."""
    condition = compile_gate(gate("challenger.log_loss < champion.log_loss"), METRICS)
    verdict = judge(condition, {"log_loss": 0.5}, {"log_loss": None}, 100)
    assert verdict.passed is False
    assert "could not be decided" in verdict.reason
    assert "unknown" in verdict.reason


def test_a_margin_and_the_number_of_rows_can_be_asked_for() -> None:
    """Arithmetic and `rows` are part of a gate's language."""
    condition = compile_gate(gate("challenger.accuracy > champion.accuracy + 0.05 and rows >= 100"), METRICS)
    assert judge(condition, {"accuracy": 0.7}, {"accuracy": 0.76}, 100).passed
    assert not judge(condition, {"accuracy": 0.7}, {"accuracy": 0.74}, 100).passed
    assert not judge(condition, {"accuracy": 0.7}, {"accuracy": 0.76}, 99).passed


def test_an_unknown_name_is_a_condition_error() -> None:
    """A plain `accuracy` has no side: the message offers the two that there are."""
    with pytest.raises(ConditionError, match=r"challenger\.accuracy"):
        compile_gate(gate("accuracy > 0.8"), METRICS)


def test_better_is_said_of_the_challenger_only() -> None:
    """A high accuracy of the champion is neither good nor bad for a gate."""
    table = gate_quantities(METRICS)
    assert table["challenger.accuracy"].better == "higher"
    assert table["champion.accuracy"].better is None
    assert table["champion.log_loss"].high == 35
    assert table["rows"].kind == "number"
