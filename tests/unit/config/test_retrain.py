"""What a retrain reads."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from streamproc.config.base import MOST
from streamproc.config.retrain import Retrain, Window

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
