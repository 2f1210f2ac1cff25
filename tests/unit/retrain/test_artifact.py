from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from streamproc.errors import RetrainError
from streamproc.retrain.artifact import digest, install
from streamproc.retrain.job import directory_name, version_of
from tests.unit.retrain.support import make_job, make_trigger


def made(root: Path, content: bytes = b"weights") -> Path:
    source = (root / "job" / "artifact").resolve()
    source.mkdir(parents=True)
    (source / "model.bin").write_bytes(content)
    (source / "notes").mkdir()
    (source / "notes" / "read me.txt").write_bytes(b"hello")
    return source


def test_an_artifact_moves_whole_to_its_place(tmp_path: Path) -> None:
    """The whole directory is renamed to <artifacts>/<model>/<version>; uri, checksum and size are the file's."""
    source, job = made(tmp_path), make_job(tmp_path / "artifacts")
    artifact = install(job, source, source / "model.bin")
    assert artifact.uri == f"m/{job.version}/model.bin"
    assert (tmp_path / "artifacts" / artifact.uri).read_bytes() == b"weights"
    assert artifact.sha256 == hashlib.sha256(b"weights").hexdigest()
    assert artifact.bytes == 7
    assert not source.exists()
    assert (tmp_path / "artifacts" / "m" / job.version / "notes" / "read me.txt").exists()


def test_the_place_of_an_earlier_log_is_taken_over(tmp_path: Path) -> None:
    """When topics were made anew, ids come again: the old directory is replaced whole."""
    job = make_job(tmp_path / "artifacts")
    old = tmp_path / "artifacts" / "m" / job.version
    old.mkdir(parents=True)
    (old / "stale").write_text("x")
    source = made(tmp_path)
    install(job, source, source)
    assert sorted(path.name for path in old.iterdir()) == ["model.bin", "notes"]


def test_a_directorys_checksum_can_be_checked_with_sha256sum(tmp_path: Path) -> None:
    """The digest of a directory is that of the sorted lines that sha256sum prints."""
    source = made(tmp_path)
    lines = "".join(
        f"{hashlib.sha256(content).hexdigest()}  {path}\n"
        for path, content in (("model.bin", b"weights"), ("notes/read me.txt", b"hello"))
    )
    assert digest(source) == (hashlib.sha256(lines.encode()).hexdigest(), 12)


def test_links_are_refused(tmp_path: Path) -> None:
    """A link inside of an artifact would point at something that does not come along."""
    source = made(tmp_path)
    (source / "notes" / "link").symlink_to("/etc/hostname")
    with pytest.raises(RetrainError, match="holds a link, link"):
        install(make_job(tmp_path), source, source)
    assert source.exists()


@pytest.mark.parametrize(
    ("model_id", "name"),
    [
        ("credit-risk_v2.1", "credit-risk_v2.1"),
        ("a/b", "a%2Fb"),
        ("..", "%2E."),
        (".jobs", "%2Ejobs"),
        ("größe 1", "gr%C3%B6%C3%9Fe%201"),
        ("%2E.", "%252E."),
    ],
)
def test_model_ids_become_safe_names(model_id: str, name: str) -> None:
    """No separator, no leading dot, one name for one id."""
    assert directory_name(model_id) == name


def test_long_model_ids_stay_short_and_apart() -> None:
    """256 characters of which only the last differs give two names that any file system takes."""
    one, two = directory_name("ü" * 255 + "1"), directory_name("ü" * 255 + "2")
    assert one != two
    assert len(one) < 200


def test_a_version_shows_its_trigger() -> None:
    """The trigger id's first twelve digits; a hash of ids of another form; later attempts get a number."""
    trigger_id = make_trigger().trigger_id
    assert version_of(trigger_id, 1) == f"r-{trigger_id[4:16]}"
    assert version_of(trigger_id, 3) == f"r-{trigger_id[4:16]}-3"
    assert version_of("mine/1", 1) == version_of("mine/1", 1) != version_of("mine/2", 1)
    assert "/" not in version_of("mine/1", 1)
