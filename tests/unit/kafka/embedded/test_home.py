from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from streamproc.errors import UserError
from streamproc.kafka.embedded import home
from streamproc.kafka.embedded.home import Home, cache_root, open_home
from streamproc.kafka.embedded.jars import Jar
from streamproc.kafka.embedded.java import Java

JAVA = Java(Path("java"), "25.0.2")
JARS = (Jar("g:first:1", 1, ""), Jar("g:second:2", 1, ""))


class Maven:
    """Stands in for the download: counts how often it is asked, and fails `failures` times first."""

    def __init__(self, failures: int = 0) -> None:
        self.failures, self.asked, self.seconds = failures, 0, 0.0

    def download(self, jars: tuple[Jar, ...], directory: Path) -> None:
        self.asked += 1
        threading.Event().wait(self.seconds)
        for jar in jars:
            (directory / jar.filename).write_text("x")
            if self.failures:
                self.failures -= 1
                raise KeyboardInterrupt


@pytest.fixture
def maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Maven:
    """An empty cache, two small jars, and a Kafka that formats without Java."""
    maven = Maven()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(home, "pinned_jars", lambda: JARS)
    monkeypatch.setattr(home, "download", maven.download)
    monkeypatch.setattr(home, "_make_bootstrap_checkpoint", lambda filled, *_: filled.bootstrap_checkpoint.touch())
    return maven


def test_the_cache_is_filled_once(maven: Maven) -> None:
    """The first use fetches and says so; the second finds everything and is silent."""
    said: list[str] = []
    first, second = open_home(JAVA, said.append), open_home(JAVA, said.append)
    assert first == second
    assert maven.asked == len(said) == 1
    assert first.class_path.split(os.pathsep) == [str(first.directory / "jars" / jar.filename) for jar in JARS]


def test_an_interrupted_first_use_leaves_nothing(maven: Maven) -> None:
    """Ctrl-C in the middle of the download leaves no half-filled cache, and the next use starts afresh."""
    maven.failures = 1
    with pytest.raises(KeyboardInterrupt):
        open_home(JAVA, lambda _: None)
    assert [path.suffix for path in cache_root().iterdir()] == [".lock"]
    assert open_home(JAVA, lambda _: None).bootstrap_checkpoint.exists()


def test_what_a_killed_first_use_left_behind_is_removed(maven: Maven) -> None:
    """SIGKILL in the midst of the download: the next use takes the rest away, and leaves alone what is not its own."""
    filled = open_home(JAVA, lambda _: None)
    abandoned = cache_root() / f"incomplete-{filled.directory.name}-x1"
    others = cache_root() / "incomplete-9.9.9-0123456789ab-x1"
    for directory in (abandoned, others):
        (directory / "home" / "jars").mkdir(parents=True)
    (filled.directory / "jars" / JARS[0].filename).unlink()
    open_home(JAVA, lambda _: None)
    assert not abandoned.exists()
    assert others.exists(), "another version is being fetched, under a lock of its own"


def test_a_damaged_cache_is_filled_again(maven: Maven) -> None:
    """A jar that was deleted or cut short is noticed at the next start."""
    filled = open_home(JAVA, lambda _: None)
    (filled.directory / "jars" / JARS[0].filename).unlink()
    open_home(JAVA, lambda _: None)
    assert maven.asked == 2


def test_many_first_users_at_once_fetch_once(maven: Maven) -> None:
    """Processes that start together on an empty cache wait for one of them; none sees it half filled."""
    maven.seconds = 0.05
    found: list[Home] = []
    together = threading.Barrier(8)

    def use() -> None:
        together.wait()
        found.append(open_home(JAVA, lambda _: None))

    users = [threading.Thread(target=use) for _ in range(8)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert len(found) == 8
    assert maven.asked == 1


def test_a_cache_that_cannot_be_written_says_what_to_set(
    maven: Maven, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the cache directory cannot be made, the message names XDG_CACHE_HOME."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(UserError, match="XDG_CACHE_HOME"):
        open_home(JAVA, lambda _: None)
    assert maven.asked == 0


def test_the_cache_is_under_the_users_home_by_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without XDG_CACHE_HOME the cache is in ~/.cache."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_root() == tmp_path / ".cache" / "streamproc" / "kafka"
