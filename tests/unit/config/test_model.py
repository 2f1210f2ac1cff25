"""One model's section."""

from __future__ import annotations

from typing import Any

import pytest

from streamproc.config.model import REGRESSION_GATE, Model
from streamproc.config.retrain import Gate, Retrain

RETRAIN = {"function": "a:b"}


def model(**settings: Any) -> Model:
    """A model as it is read from a file."""
    return Model.model_validate(settings)


@pytest.mark.parametrize(
    ("task", "gate", "condition"),
    [
        ("binary", {}, "challenger.accuracy > champion.accuracy"),
        ("multiclass", {}, "challenger.accuracy > champion.accuracy"),
        ("regression", {}, REGRESSION_GATE),
        ("regression", {"gate": {"min_rows": 5}}, REGRESSION_GATE),
        ("regression", {"gate": {"condition": "rows > 3"}}, "rows > 3"),
    ],
)
def test_the_default_gate_suits_the_task(task: str, gate: dict[str, Any], condition: str) -> None:
    """A regression has no accuracy, so its default gate compares mean absolute errors."""
    retrain = model(task=task, retrain={"function": "a:b", **gate}).retrain
    assert retrain is not None
    assert retrain.gate is not None
    assert retrain.gate.condition == condition


def test_the_default_gate_suits_the_task_of_models_made_in_python() -> None:
    """Sections given as objects are not changed themselves."""
    retrain = Retrain(function="a:b")
    made = Model(task="regression", retrain=retrain)
    assert made.retrain is not None
    assert made.retrain.gate == Gate(condition=REGRESSION_GATE)
    assert retrain.gate == Gate()
    assert made == model(task="regression", retrain={"function": "a:b"})


def test_no_gate_stays_no_gate() -> None:
    """`gate: null` deploys every challenger, of a regression too."""
    retrain = model(task="regression", retrain={"function": "a:b", "gate": None}).retrain
    assert retrain is not None
    assert retrain.gate is None


def test_the_hash_changes_with_what_decides_about_triggers() -> None:
    """A changed policy is another hash; a changed retrain function is not."""
    policy = {"name": "x", "condition": "accuracy < 0.9"}
    base = model(policies=[policy], retrain={"function": "a:b"}).config_hash
    assert base == model(policies=[policy], retrain={"function": "c:d", "gate": None, "time_limit": "3h"}).config_hash
    assert base == model(policies=[policy], retrain={"function": "a:b", "retries": {"attempts": 9}}).config_hash
    assert base != model(policies=[{**policy, "cooldown": "1h"}], retrain={"function": "a:b"}).config_hash
    assert base != model(policies=[policy], retrain={"function": "a:b", "window": {"outcomes": 7}}).config_hash
    assert len(base) == 16


def test_label_free_signals_are_told_once_in_order() -> None:
    """Detectors first, then drift; error and loss need labels."""
    watched = model(
        detectors={"a": {"type": "adwin"}, "b": {"type": "adwin", "signal": "score"}},
        drift={"signals": ["feature.x", "loss", "score"]},
    )
    assert watched.label_free_signals == ("score", "feature.x")
    assert watched.watches_predictions
    assert not model(detectors={"a": {"type": "adwin"}}).watches_predictions


def test_a_window_decides_about_triggers_and_what_is_mixed_in_does_not() -> None:
    """The range is in the trigger: its configuration is another one; reference rows are the worker's affair."""

    def config_hash(**retrain: Any) -> str:
        return Model.model_validate({"retrain": {**RETRAIN, **retrain}}).config_hash

    assert config_hash(window={"since": "last_deploy"}) != config_hash()
    assert config_hash(reference="rows.jsonl") == config_hash(gate={"wait": "1h"}) == config_hash()
