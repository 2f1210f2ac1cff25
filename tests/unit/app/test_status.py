"""What `streamproc status` reads from decisions."""

from __future__ import annotations

from typing import Any

import pytest

from streamproc.app.status import ModelStatus, _decision


def decision(verdict: str, number: int = 1, **more: Any) -> dict[str, Any]:
    return {"decision_id": f"dec_{number}", "verdict": verdict, "policy": "p", "rule": "approval", **more}


@pytest.mark.parametrize("end", ["fired", "denied", "expired"])
def test_a_request_awaits_approval_until_it_has_an_end(end: str) -> None:
    """Released, refused or too late; the requests of other policies and segments still wait."""
    model = ModelStatus("m")
    asked = [decision("awaiting_approval"), decision("awaiting_approval", 2, segment="country=DE")]
    for event in (*asked, decision("awaiting_approval", 3, policy="q")):
        _decision(model, event)
    _decision(model, decision("suppressed", 4, rule="awaiting"))
    _decision(model, decision("fired", 5, rule="condition"))
    assert model.awaiting.keys() == {"dec_1", "dec_2", "dec_3"}
    _decision(model, decision(end, 6))
    assert model.awaiting.keys() == {"dec_2", "dec_3"}
    _decision(model, decision(end, 7, segment="country=DE"))
    assert model.awaiting.keys() == {"dec_3"}
