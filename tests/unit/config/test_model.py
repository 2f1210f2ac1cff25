"""The models of a configuration."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from streamproc.config.base import MOST
from streamproc.config.model import REGRESSION_GATE, Config, Gate, Model, Retrain, Window


def model(**settings: Any) -> Model:
    """A model as it is read from a file."""
    return Model.model_validate(settings)


def test_nothing_changes_after_loading() -> None:
    """Sections are frozen."""
    with pytest.raises(ValidationError, match="frozen"):
        model().window = 3


def test_a_validation_error_does_not_show_its_input() -> None:
    """Who builds a Config by hand and logs the error still shows no secret."""
    with pytest.raises(ValidationError) as caught:
        Config.model_validate({"pipeline": "p", "kafka": {"sasl.password": ["hunter2"]}, "models": {"m": {}}})
    assert "hunter2" not in str(caught.value)


def test_kafka_settings_do_not_show_in_a_repr() -> None:
    """They hold secrets."""
    config = Config(pipeline="p", kafka={"sasl.password": "hunter2"}, models={"m": Model()})
    assert "hunter2" not in repr(config)


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


@pytest.mark.parametrize("address", ["", "127.0.0.1:9464", ":9464", "metrics.internal:80", "[::1]:9464"])
def test_addresses(address: str) -> None:
    """A host and a port, either kind of IP address, or nothing."""
    assert (
        Config.model_validate({"pipeline": "p", "engine": {"http": address}, "models": {"m": {}}}).engine.http
        == address
    )


@pytest.mark.parametrize("address", ["9464", "http://x:80", "a b:80", "::1:9464", "x:", "x:123456"])
def test_what_is_no_address(address: str) -> None:
    """URLs and bare ports are refused."""
    with pytest.raises(ValidationError):
        Config.model_validate({"pipeline": "p", "engine": {"http": address}, "models": {"m": {}}})


def test_a_registrys_password_has_no_place_in_its_url() -> None:
    """It would be in every message about that server."""
    config = {"pipeline": "p", "models": {"m": {}}}
    with pytest.raises(ValidationError, match="tracking_uri"):
        Config.model_validate({**config, "registry": {"mlflow": {"tracking_uri": "https://me:secret@mlflow"}}})


RETRAIN = {"function": "a:b"}


@pytest.mark.parametrize(
    ("written", "words", "most"),
    [
        ({}, "the newest 5000", 5000),
        ({"outcomes": "all"}, "everything", MOST),
        ({"since": "last_deploy"}, "since the last deploy", MOST),
        ({"since": "last_deploy", "outcomes": 9}, "since the last deploy", 9),
        ({"since": "change_point"}, "since the change point", 5000),
        ({"period": "30d"}, "the last 30d", MOST),
    ],
    ids=str,
)
def test_a_window_has_one_name_and_one_size(written: dict[str, Any], words: str, most: int) -> None:
    """Without a number of outcomes, only a deploy and a period set none of their own."""
    window = Window.model_validate(written)
    assert (window.words, window.most) == (words, most)


@pytest.mark.parametrize(
    ("retrain", "words"),
    [
        ({"window": {"since": "last_deploy", "period": "1d"}}, "write `since` or `period`, not both"),
        ({"window": {"outcomes": 9}, "side_by_side": [{}, {"outcomes": "all"}]}, "`window` or `side_by_side`"),
        ({"side_by_side": [{}, {"outcomes": 5000}]}, "several windows, each another one"),
        ({"side_by_side": [{}]}, "several windows"),
        ({"side_by_side": [{}, {"outcomes": "all"}], "gate": None}, "side_by_side needs a gate"),
    ],
    ids=str,
)
def test_windows_that_make_no_sense_are_refused(retrain: dict[str, Any], words: str) -> None:
    """With what to write instead."""
    with pytest.raises(ValidationError, match=words):
        Retrain.model_validate({**RETRAIN, **retrain})


def test_a_window_decides_about_triggers_and_what_is_mixed_in_does_not() -> None:
    """The range is in the trigger: its configuration is another one; reference rows are the worker's affair."""

    def config_hash(**retrain: Any) -> str:
        return Model.model_validate({"retrain": {**RETRAIN, **retrain}}).config_hash

    assert config_hash(window={"since": "last_deploy"}) != config_hash()
    assert config_hash(reference="rows.jsonl") == config_hash(gate={"wait": "1h"}) == config_hash()
