"""What a challenger must show before it may replace the champion. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from streamproc.config.retrain import Gate
from streamproc.policy.condition import Condition, compile_condition
from streamproc.policy.quantity import Quantity
from streamproc.retrain.paired import Harm, Paired

CHALLENGER, CHAMPION = "challenger", "champion"
ROWS = Quantity("rows", "number", 0, unit="rows", summary="holdout rows that both have answered")

Metrics = Mapping[str, float | None]
"""Metric name -> value; None: not known, such as a log loss without scores."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether the challenger may go into service, and why (not), with the figures."""

    passed: bool
    reason: str


def gate_quantities(metrics: Iterable[Quantity]) -> dict[str, Quantity]:
    """The names that may stand in a gate's condition: `challenger.<metric>`, `champion.<metric>` and `rows`."""
    table = {ROWS.name: ROWS}
    for metric in metrics:
        for side in (CHALLENGER, CHAMPION):
            # Neither way is better for the champion: what counts is the difference.
            better = metric.better if side == CHALLENGER else None
            name = f"{side}.{metric.name}"
            table[name] = replace(metric, name=name, better=better, summary=f"of the {side}: {metric.summary}")
    return table


def compile_gate(gate: Gate, metrics: Iterable[Quantity]) -> Condition:
    """The gate's condition. Raises ConditionError."""
    return compile_condition(gate.condition, gate_quantities(metrics))


def unproven(judgement: Judgement, gate: Gate, test: Paired, harms: Sequence[Harm]) -> Judgement:
    """A challenger that meets the condition must also not do so by luck, and not at the cost of a segment."""
    if not judgement.passed:
        return judgement
    if gate.confidence is not None and test.p_value > 1 - gate.confidence:
        asked = f"gate.confidence asks for at most {1 - gate.confidence:.3g}"
        return Judgement(
            passed=False, reason=f"did not pass the gate: it may be luck ({test}; {asked}); {judgement.reason}"
        )
    if harms:
        worst = harms[0]
        told = (
            f"{worst.segment}: error {worst.champion:.4g} -> {worst.challenger:.4g} on {worst.rows} rows, "
            f"p = {worst.p_value:.3g}"
        )
        more = f" and {len(harms) - 1} more segments" if harms[1:] else ""
        bound = f"gate.max_segment_loss is {gate.max_segment_loss:g}"
        return Judgement(passed=False, reason=f"did not pass the gate: {told}{more} ({bound}); {judgement.reason}")
    return Judgement(passed=True, reason=f"{judgement.reason}; {test}")


def judge(condition: Condition, champion: Metrics, challenger: Metrics, rows: int) -> Judgement:
    """Compare two sets of metrics that were measured on the same rows. What is not known does not pass."""
    values: dict[str, float | None] = {ROWS.name: rows}
    values.update((f"{CHAMPION}.{name}", value) for name, value in champion.items())
    values.update((f"{CHALLENGER}.{name}", value) for name, value in challenger.items())
    terms = "; ".join(str(term) for term in condition.evidence(values.get))
    holds = condition.evaluate(values.get)
    verdict = {True: "passed the gate", False: "did not pass the gate", None: "the gate could not be decided"}[holds]
    return Judgement(holds is True, f"{verdict} on {rows} rows: {terms or condition.text}")
