"""A whole configuration: frozen, and discreet."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from streamproc.config.model import Model
from streamproc.config.pipeline import Config


def test_nothing_changes_after_loading() -> None:
    """Sections are frozen."""
    with pytest.raises(ValidationError, match="frozen"):
        Model().window = 3


def test_a_validation_error_does_not_show_its_input() -> None:
    """Who builds a Config by hand and logs the error still shows no secret."""
    with pytest.raises(ValidationError) as caught:
        Config.model_validate({"pipeline": "p", "kafka": {"sasl.password": ["hunter2"]}, "models": {"m": {}}})
    assert "hunter2" not in str(caught.value)


def test_kafka_settings_do_not_show_in_a_repr() -> None:
    """They hold secrets."""
    config = Config(pipeline="p", kafka={"sasl.password": "hunter2"}, models={"m": Model()})
    assert "hunter2" not in repr(config)


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
