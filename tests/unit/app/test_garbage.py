"""The collector's settings while stages run."""

from __future__ import annotations

import gc

import pytest

from streamproc.app.garbage import THRESHOLDS, seldom_collected


def test_the_collector_is_as_before_when_the_stages_have_ended() -> None:
    """Also when they end with an error; in between it works seldom, and leaves alone what was there."""
    before = gc.get_threshold()
    with pytest.raises(ValueError, match="any"), seldom_collected():
        assert gc.get_threshold() == THRESHOLDS
        assert gc.isenabled()
        assert gc.get_freeze_count() > 1000
        raise ValueError("any")
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
