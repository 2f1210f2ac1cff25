from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

import pytest
from jgo.maven import Artifact, PythonResolver

from streamproc.errors import MissingExtra, UserError
from streamproc.kafka.embedded.jars import KAFKA_VERSION, Jar, download, pinned_jars, present

JAR = Jar("org.example:thing:1.0", 4, hashlib.sha256(b"good").hexdigest())


def serve(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    def fetch(_: PythonResolver, artifact: Artifact) -> Path:
        path = artifact.cached_path
        assert path is not None
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        return path

    monkeypatch.setattr(PythonResolver, "download", fetch)


def test_the_pins_are_of_this_version_and_complete() -> None:
    """Every pin is well formed, no jar comes twice, and Kafka's own are of KAFKA_VERSION."""
    jars = pinned_jars()
    assert len({jar.filename for jar in jars}) == len(jars) > 40
    assert all(re.fullmatch("[0-9a-f]{64}", jar.sha256) and jar.size > 0 for jar in jars)
    kafka = [jar for jar in jars if jar.coordinate.startswith("org.apache.kafka:")]
    assert kafka
    assert {jar.coordinate.rsplit(":")[-1] for jar in kafka} == {KAFKA_VERSION}


def test_a_jar_is_fetched_and_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A jar with the pinned hash arrives under Maven's name for it."""
    serve(monkeypatch, b"good")
    assert not present((JAR,), tmp_path)
    download((JAR,), tmp_path)
    assert (tmp_path / "thing-1.0.jar").read_bytes() == b"good"
    assert present((JAR,), tmp_path)


def test_a_jar_that_is_not_the_pinned_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Content with another hash never becomes part of the class path."""
    serve(monkeypatch, b"evil")
    with pytest.raises(UserError, match=r"org\.example:thing:1\.0 from Maven Central has SHA-256"):
        download((JAR,), tmp_path)
    assert not present((JAR,), tmp_path)


def test_a_jar_cut_short_counts_as_absent(tmp_path: Path) -> None:
    """A file of the wrong size is as good as none."""
    (tmp_path / "thing-1.0.jar").write_bytes(b"goo")
    assert not present((JAR,), tmp_path)


def test_without_a_network_the_user_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When Maven Central is out of reach the message says so, and names proxy and mirror settings."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(UserError, match=r"cannot fetch thing-1\.0\.jar(?s:.*)HTTPS_PROXY(?s:.*)mirror"):
        download((JAR,), tmp_path)


def test_without_jgo_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package that fetches jars the message says what to install."""
    monkeypatch.setitem(sys.modules, "jgo.maven", None)
    with pytest.raises(MissingExtra, match=r"streamproc\[broker\]"):
        download((JAR,), tmp_path)
