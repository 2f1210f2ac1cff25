"""Each slot's partitions have directories of their own, and what nobody comes back for is removed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamproc.disk.directory import StateDirectory
from streamproc.errors import UserError
from streamproc.join.store.disk import Writes

DAY_MS = 86_400_000


class Make:
    """Makes directories of processes, and ends those that are still there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.made: list[StateDirectory] = []

    def __call__(self, slot: str = "0", identity: str = "cluster", pipeline: str = "p") -> StateDirectory:
        self.made.append(StateDirectory(self.root, pipeline, slot, identity))
        return self.made[-1]

    def end(self, directory: StateDirectory) -> None:
        self.made.remove(directory)
        directory.close()


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    maker = Make(tmp_path / "state")
    yield maker
    for directory in list(maker.made):
        maker.end(directory)


def fill(directory: StateDirectory, partition: int, days_ago: float = 0) -> Path:
    disk = directory(partition)
    disk.write(Writes(b"s", [], {1: [(b"a", b"1")]}, []))
    disk.close()
    path = directory._home / str(partition)
    for file in path.iterdir():
        time = file.stat().st_mtime - days_ago * DAY_MS / 1000
        os.utime(file, (time, time))
    return path


def test_directories_of_slots_partitions_and_clusters_are_their_own(make: Make) -> None:
    """The same again has the same; a slot may have any name."""
    homes = {make(slot)._home for slot in ("0", "1", "a/1", "..", "a%2F1")}
    homes |= {make("0", "another cluster")._home, make("0", pipeline="q")._home}
    assert len(homes) == 7
    assert all(home.parent.name in "pq" and home.is_dir() for home in homes)


def test_two_processes_with_one_directory_are_noticed(make: Make) -> None:
    """The second one is told what to do; when the first has gone, it may have it."""
    first = make()
    with pytest.raises(UserError, match="another process"):
        make()
    make.end(first)
    make()


def test_what_went_elsewhere_long_ago_is_removed(make: Make) -> None:
    """Of this slot and of slots that nobody has now; not what is young, and not what another process has."""
    mine, gone, live = make("0"), make("1"), make("2")
    old = [fill(mine, 0, 8), fill(gone, 0, 9)]
    kept = [fill(mine, 1, 6.5), fill(mine, 2), fill(live, 0, 10)]
    make.end(gone)
    mine.tidy(7 * DAY_MS)
    assert [path.exists() for path in old] == [False, False]
    assert all(path.exists() for path in kept)


def test_after_a_long_pause_of_everything_nothing_is_removed(make: Make) -> None:
    """The pipeline was off, not elsewhere: what waits there is needed, and may have left Kafka by now."""
    mine = make()
    paths = [fill(mine, partition, 100 + partition) for partition in range(3)]
    mine.tidy(7 * DAY_MS)
    assert all(path.exists() for path in paths)


def test_what_was_being_removed_when_the_process_died_is_removed(make: Make) -> None:
    """It has another name by then, so nobody takes it for a store."""
    mine = make()
    path = fill(mine, 0)
    path.rename(path.with_name("0.gone"))
    mine.tidy(7 * DAY_MS)
    assert list(mine._home.iterdir()) == [mine._home / "lock"]


def test_a_place_where_nothing_can_be_written_is_said_at_once(tmp_path: Path) -> None:
    """With the path, and what to do."""
    (tmp_path / "state").write_text("")
    with pytest.raises(UserError, match=r"state/p/0-.*\n.*state_directory"):
        StateDirectory(tmp_path / "state", "p", "0", "cluster")
