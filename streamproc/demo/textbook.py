"""The textbook case: what is sent to which policy, and what must follow."""

from __future__ import annotations

from typing import NamedTuple

MODELS = """\
models:
  drift_10:
    external_metrics: [drift]
    policies:
      - name: drift
        condition: drift > threshold
        parameters: {threshold: 0.10}
  drift_01:
    external_metrics: [drift]
    policies:
      - name: drift
        condition: drift > threshold
        parameters: {threshold: 0.01}
  accuracy:
    external_metrics: [model_accuracy]
    policies:
      - {name: low, condition: model_accuracy < 0.85}
  either:
    external_metrics: [accuracy, data_volume_increase]
    policies:
      - {name: worse_or_more, condition: accuracy < 0.85 or data_volume_increase > 0.20}
  backwards:
    external_metrics: [accuracy]
    policies:
      - {name: wrong_way_round, condition: accuracy > 0.90}
  nightly:
    policies:
      - name: midnight
        schedule: {cron: 0 0 * * *, time_zone: Europe/Berlin}
"""

CRON, TIME_ZONE = "0 0 * * *", "Europe/Berlin"
CHANGES = {"clocks go forward": "2026-03-27T12:00Z", "clocks go back": "2026-10-23T12:00Z"}
"""Shortly before a change of clocks, from when on the next firing times are shown."""


class Step(NamedTuple):
    """A metric event, and whether it must lead to a retrain."""

    metrics: dict[str, float]
    retrains: bool


class Case(NamedTuple):
    """What is sent to one model, one after the other."""

    model: str
    condition: str
    """In words for the table: parameters filled in."""
    steps: tuple[Step, ...]


_DRIFT = (0.02, 0.05, 0.12, 0.03, 0.15)


def _drift(threshold: float) -> tuple[Step, ...]:
    return tuple(Step({"drift": value}, value > threshold) for value in _DRIFT)


CASES = (
    Case("drift_10", "drift > 0.10", _drift(0.10)),
    Case("drift_01", "drift > 0.01", _drift(0.01)),
    Case("accuracy", "model_accuracy < 0.85", (Step({"model_accuracy": 0.80}, retrains=True),)),
    Case(
        "either",
        "accuracy < 0.85 or data_volume_increase > 0.20",
        (
            Step({"accuracy": 0.90, "data_volume_increase": 0.10}, retrains=False),
            Step({"accuracy": 0.80, "data_volume_increase": 0.10}, retrains=True),
            Step({"accuracy": 0.90, "data_volume_increase": 0.30}, retrains=True),
        ),
    ),
    Case("backwards", "accuracy > 0.90", (Step({"accuracy": 0.80}, retrains=False),)),
)
