"""What lint finds in guards, segments and shared budgets."""

from __future__ import annotations

import pytest

from tests.unit.check.test_lint import TOP, only

MODEL = """\
pipeline: p
models:
  m:
    retrain: {function: 'a:b'}
    policies:
      - name: x
        cooldown: 1h
        condition: accuracy < 0.8
        {guard}
"""


@pytest.mark.parametrize(
    ("guard", "code", "words"),
    [
        ("veto: acuracy < 1", "condition", "did you mean `accuracy`"),
        ("veto: accuracy > 2", "never-true", "can never be true"),
        ("clear: accuracy > 0.7", "clear", "while the condition is"),
        ("armed_for: 2d", "useless-guard", "with `arm` only"),
        ("approval_expires: 2d", "useless-guard", "with `approval` only"),
        ("exclude: [{cron: '61 * * * *', duration: 1h}]", "schedule", "out of range"),
        ("exclude: [{cron: '@daily', duration: 1h, time_zone: Mars}]", "schedule", "Mars"),
        ("per_segment: true", "no-segments", "segment_by: [country]"),
    ],
)
def test_faults_in_guards(guard: str, code: str, words: str) -> None:
    """Each is told on its own line, with what to do."""
    line, _, found, text = only(MODEL.replace("{guard}", guard))
    assert (line, found) == (9, code)
    assert words in text


@pytest.mark.parametrize(
    "guard",
    [
        "clear: accuracy > 0.9",
        "{hold_for: 5m, hold_outcomes: 10}"[1:-1].replace(", ", "\n        "),
        "arm: data_volume_increase > 0.5",
        "veto: data_volume < 10",
        "exclude: [{begins: 2026-12-20T00:00:00Z, ends: 2027-01-06T00:00:00Z}]",
    ],
)
def test_nothing_is_said_of_sound_guards(guard: str) -> None:
    """Hysteresis, hold, arm, veto and exclusions as they are meant."""
    with pytest.raises(ValueError, match="not enough values"):
        only(MODEL.replace("{guard}", guard))


def test_a_schedule_has_no_use_for_what_concerns_conditions() -> None:
    """It passes such guards by."""
    text = MODEL.replace("condition: accuracy < 0.8", "schedule: {cron: '@daily'}").replace("{guard}", "hold_for: 5m")
    assert only(text)[2:] == (
        "useless-guard",
        "models.m.policies.0.hold_for: this concerns a condition, and the policy has none: a schedule passes it by",
    )


def test_segments_that_nobody_looks_at() -> None:
    """They would cost memory for nothing: they are not watched."""
    text = MODEL.replace("{guard}", "").replace("    policies:", "    segment_by: [country]\n    policies:")
    assert only(text)[2] == "unused-segments"


def test_a_budget_that_is_too_small_for_its_partitions() -> None:
    """Four partitions cannot share three triggers, if there are models enough to lie in all of them."""
    models = TOP.replace("models: {m:", "models: {a: &a").replace("}}}", "}}, b: *a, c: *a, d: *a}")
    assert only(models + "budget: {triggers: 3, period: 7d}")[2] == "budget-share"


def test_a_retrain_budget_that_is_too_small_for_its_partitions() -> None:
    """Some models would never be retrained: the worker refuses it, and says what would do."""
    models = TOP.replace("models: {m:", "models: {a: &a").replace("}}}", "}}, b: *a, c: *a, d: *a}")
    line, _, code, text = only(models + "worker: {budget: {retrains: 1, period: 1d}}")
    assert (line, code) == (3, "budget-share")
    assert "1 retrains cannot be divided among" in text


def test_an_incident_of_more_models_than_there_are() -> None:
    """It never comes."""
    assert only(TOP + "incidents: {models: 5}")[2] == "useless-guard"
