"""What is in service, and what a rollback goes back to."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from streamproc.app.service import Service, folded, rollback, shown, tried
from streamproc.errors import UserError

NOW = 1_780_000_000_000


def event(status: str, version: str | None = None, **more: Any) -> dict[str, Any]:
    artifact = {"uri": f"m/{version}/model"} if status == "deployed" else None
    return {"model_id": "m", "status": status, "model_version": version, "time": NOW, "artifact": artifact, **more}


def service(*events: dict[str, Any]) -> Service:
    (found,) = folded(["m"], events)
    return found


def versions(found: Service) -> list[str]:
    return [str(each["model_version"]) for each in found.versions]


def test_the_newest_version_is_in_service_and_the_one_before_it_is_known() -> None:
    """Attempts, rejections and other models put nothing in service."""
    found = service(
        event("deployed", "v1"), event("started"), event("rejected", "v2"), event("deployed", "v3"),
        event("deployed", "x", model_id="other"),
    )  # fmt: skip
    assert versions(found) == ["v1", "v3"]
    assert found.current is not None
    assert found.current["model_version"] == "v3"


def test_a_rollback_takes_away_what_it_went_back_over() -> None:
    """Rolled back twice, it goes further back, and not to the version that was left; with the artifact of then."""
    found = service(
        *(event("deployed", f"v{n}") for n in (1, 2, 3)), event("rolled_back", "v2", reason="worse"),
    )  # fmt: skip
    assert versions(found) == ["v1", "v2"]
    assert found.current is not None
    assert (found.current["reason"], found.current["artifact"]) == ("worse", {"uri": "m/v2/model"})
    assert found.previous is not None
    assert found.previous["model_version"] == "v1"


def test_a_rollback_to_a_version_that_nobody_knows_is_a_version_like_others() -> None:
    """The user's own pipeline may know more than the log."""
    assert versions(service(event("deployed", "v2"), event("rolled_back", "v0"))) == ["v2", "v0"]


def test_the_event_names_both_versions_and_the_artifact() -> None:
    """So that a model server can load it; with CloudEvents headers like all deploy events."""
    found = service(event("deployed", "v1"), event("deployed", "v2"))
    key, value, headers = rollback(found, to=None, reason=None, now=NOW, pipeline="p")
    said = orjson.loads(value)
    assert key == b"m"
    assert (said["status"], said["model_version"], said["previous_version"]) == ("rolled_back", "v1", "v2")
    assert said["artifact"]["uri"] == "m/v1/model"
    assert dict(headers)["ce_type"] == b"dev.streamproc.deploy"


@pytest.mark.parametrize(
    ("events", "to", "words"),
    [
        ([], None, "nothing to leave"),
        ([event("deployed", "v1")], None, "no version was in service before this one; the deploys topic knows: v1"),
        ([event("deployed", "v1")], "v0", "no version 'v0' was in service; the deploys topic knows: v1"),
        ([event("deployed", "v1")], "v1", "version v1 is in service already"),
    ],
)
def test_where_there_is_no_way_back_that_is_said(events: list[dict[str, Any]], to: str | None, words: str) -> None:
    """Nothing is written."""
    with pytest.raises(UserError, match=words):
        rollback(service(*events), to=to, reason=None, now=NOW, pipeline="p")


def test_asked_for_twice_before_the_first_is_read_a_rollback_has_one_id() -> None:
    """And another one when it leads elsewhere, or from another deploy of the same versions."""
    found = service(event("deployed", "v1"), event("deployed", "v2"), event("deployed", "v3"))

    def id_of(found: Service, to: str | None = None, now: int = NOW) -> str:
        _, value, _ = rollback(found, to=to, reason=None, now=now, pipeline="p")
        return str(orjson.loads(value)["deploy_id"])

    assert id_of(found) == id_of(found, now=NOW + 5000)
    assert id_of(found) != id_of(found, to="v1")
    again = service(event("deployed", "v1"), event("deployed", "v2"), event("deployed", "v3", time=NOW + 1))
    assert id_of(found) != id_of(again)


def decision(verdict: str, time: int = NOW, **more: Any) -> dict[str, Any]:
    return {
        "model_id": "m",
        "verdict": verdict,
        "rule": "probation",
        "reason": f"it is {verdict}",
        "time": time,
        **more,
    }


@pytest.mark.parametrize(
    ("decisions", "line"),
    [
        ([], None),
        ([decision("probation"), decision("fired", NOW + 1)], "probation, 2026-05-28T20:26:40.000Z: it is probation"),
        ([decision("probation", NOW - 1)], None),
        ([decision("probation"), decision("confirmed")], "passed its probation, 2026-05-28T20:26:40.000Z"),
        ([decision("probation", model_id="other")], None),
    ],
)
def test_the_newest_decision_about_the_version_in_service_says_how_it_proves_itself(
    decisions: list[dict[str, Any]], line: str | None
) -> None:
    """Not what was said of versions before it."""
    found = service(event("deployed", "v1"), event("deployed", "v2"))
    tried([found], decisions)
    assert (shown(found) or "").startswith(line or "")
    assert (shown(found) is None) is (line is None)


def test_that_a_version_was_worse_is_not_said_of_the_one_that_was_gone_back_to() -> None:
    """Both are of one moment."""
    found = service(event("deployed", "v1"), event("deployed", "v2"), event("rolled_back", "v1"))
    tried([found], [decision("worse")])
    assert shown(found) is None
