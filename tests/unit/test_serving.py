"""A model server's share: what it takes into service, and what not."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from streamproc.errors import UserError
from streamproc.serving import ModelServer


@pytest.fixture
def server(tmp_path: Path) -> ModelServer[str]:
    for version in ("v1", "v2"):
        (tmp_path / "m" / version).mkdir(parents=True)
        (tmp_path / "m" / version / "model").write_text(f"model of {version}")
    return ModelServer("m", load=Path.read_text, artifacts=tmp_path, first=("v0", "the first"))


def deployed(version: str, **more: Any) -> dict[str, Any]:
    sha256 = hashlib.sha256(f"model of {version}".encode()).hexdigest()
    artifact = {"uri": f"m/{version}/model", "sha256": sha256}
    return {"model_id": "m", "status": "deployed", "model_version": version, "artifact": artifact, **more}


def test_a_deploy_changes_version_and_model_together(server: ModelServer[str]) -> None:
    """A request that has taken the old pair goes on with it."""
    before = server.current
    assert server.deployed(deployed("v1"))
    assert tuple(server.current) == ("v1", "model of v1")
    assert tuple(before) == ("v0", "the first")
    assert server.deployed(deployed("v2"))
    assert server.deployed(deployed("v1", status="rolled_back"))
    assert server.current.version == "v1"


@pytest.mark.parametrize("more", [{"model_id": "other"}, {"status": "rejected"}, {"model_version": "v0"}])
def test_what_is_not_for_it_changes_nothing(server: ModelServer[str], more: dict[str, Any]) -> None:
    """Other models' events, other statuses, and the version that is served already."""
    assert not server.deployed(deployed("v1", **more))
    assert server.current.version == "v0"


@pytest.mark.parametrize(
    ("artifact", "words"),
    [
        ({"uri": "m/v1/model", "sha256": "0" * 64}, "SHA-256 is another one"),
        ({"uri": "m/v9/model"}, "there is no"),
        ({"uri": "../../etc/passwd"}, "lies outside"),
        ({"uri": "m/v1"}, "directory"),
        (None, "names no artifact"),
    ],
)
def test_what_cannot_be_trusted_or_loaded_is_not_served(
    server: ModelServer[str], artifact: dict[str, Any] | None, words: str
) -> None:
    """The version before goes on, and the log says why."""
    with capture_logs() as logs:
        assert not server.deployed(deployed("v1", artifact=artifact))
    assert server.current.version == "v0"
    (entry,) = logs
    assert (entry["event"], entry["version"], entry["serving"]) == ("not served", "v1", "v0")
    assert words in entry["reason"]


def test_to_follow_it_needs_a_cluster(server: ModelServer[str]) -> None:
    """Said at once."""
    with pytest.raises(UserError, match="needs `kafka`"):
        server.start()
