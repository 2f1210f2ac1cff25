"""RocksDB as a disk: what was written is there, all of it or nothing, and what is damaged is thrown away."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import streamproc
from streamproc.disk.memory import SharedMemory
from streamproc.disk.rocks import RocksDisk
from streamproc.errors import StateDamaged, UserError
from streamproc.join.store.disk import Writes

ROOT = Path(streamproc.__file__).parents[1]
MEMORY = SharedMemory(8 << 20, 4 << 20)


def write(disk: RocksDisk, summary: bytes, put: dict[int, dict[bytes, bytes]], **more: object) -> None:
    pairs = {bucket: list(values.items()) for bucket, values in put.items()}
    disk.write(Writes(summary, **{"removed": [], "put": pairs, "dropped": [], **more}))  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "7"


@pytest.fixture
def disk(path: Path) -> Iterator[RocksDisk]:
    made = RocksDisk(path, MEMORY)
    yield made
    made.close()


def test_what_was_written_is_there_at_once_and_when_it_is_opened_again(disk: RocksDisk, path: Path) -> None:
    """In its bucket, in the order that was asked for; closed and opened within one process, as often as one likes."""
    assert disk.load() is None
    write(disk, b"one", {3: {b"a": b"1", b"b": b"2"}, 4: {b"a": b"3"}})
    write(disk, b"two", {3: {b"a": b"4"}}, removed=[(3, b"b"), (4, b"none"), (3, b"a")])
    for _ in range(3):
        assert disk.load() == b"two"
        disk.keep({3: [], 4: []})
        assert list(disk.get(3, [b"b", b"a"])) == [None, b"4"]
        assert list(disk.get(4, [b"a"])) == [b"3"]
        disk.close()
        disk = RocksDisk(path, MEMORY)


def test_a_dropped_bucket_is_gone_and_may_come_again(disk: RocksDisk) -> None:
    """Whole, and only it; its space is given back."""
    write(disk, b"s", {1: {b"a": os.urandom(500_000)}, 2: {b"a": b"2"}})
    write(disk, b"s", {}, dropped=[1])
    assert disk.load() == b"s"
    disk.keep([2])
    with pytest.raises(StateDamaged):
        disk.get(1, [b"a"])
    write(disk, b"s", {1: {b"b": b"3"}})
    assert list(disk.get(1, [b"a", b"b"])) == [None, b"3"]


def test_buckets_that_the_summary_does_not_know_are_removed(disk: RocksDisk, path: Path) -> None:
    """A crash between the summary and the drop leaves one; a bucket that is missing is damage."""
    write(disk, b"s", {1: {b"a": b"1"}, 2: {b"a": b"2"}})
    disk.close()
    again = RocksDisk(path, MEMORY)
    again.load()
    again.keep([2])
    with pytest.raises(StateDamaged, match="bucket 1"):
        again.keep([1, 2])
    again.close()


def test_clear_removes_everything_and_it_can_be_used_at_once(disk: RocksDisk, path: Path) -> None:
    """Also what has never been opened; of nothing there is nothing to remove."""
    disk.clear("why")
    write(disk, b"s", {1: {b"a": b"1"}})
    disk.clear("why")
    assert not path.exists()
    assert disk.load() is None
    write(disk, b"t", {1: {b"b": b"1"}})
    disk.close()
    RocksDisk(path, MEMORY).clear("why")
    assert not path.exists()


def test_an_error_in_the_midst_keeps_no_lock(disk: RocksDisk, path: Path) -> None:
    """While it is being handled, and its frames live, the next one opens the store."""
    write(disk, b"s", {1: {b"a": b"1"}})
    try:
        disk.get(1, ["no bytes"])  # type: ignore[list-item]
    except StateDamaged:
        disk.close()
        again = RocksDisk(path, MEMORY)
        assert again.load() == b"s"
        again.close()
    else:
        pytest.fail("RocksDB takes bytes only")


def test_who_has_it_open_is_not_damage(disk: RocksDisk, path: Path) -> None:
    """Somebody must do something, and the files stay."""
    write(disk, b"s", {1: {b"a": b"1"}})
    with pytest.raises(UserError, match="another process"):
        RocksDisk(path, MEMORY).load()
    assert disk.load() == b"s"


def filled(path: Path) -> None:
    """A store with several table files and a log."""
    disk = RocksDisk(path, SharedMemory(1 << 20, 64 << 10))
    for n in range(40):
        write(disk, b"%d" % n, {n // 10: {b"%d" % k: os.urandom(600) for k in range(n, n + 40)}})
    disk.close()
    assert len(list(path.glob("*.sst"))) >= 2, "all is in the log: nothing of table files is tested"


def use(path: Path) -> bytes | None:
    """Open it and read all of it."""
    disk = RocksDisk(path, MEMORY)
    try:
        summary = disk.load()
        if summary is not None:
            disk.keep(range(int(summary) // 10 + 1))
            for n in range(int(summary) + 1):
                values = disk.get(n // 10, [b"%d" % k for k in range(n, n + 40)])
                if any(value is None or len(value) != 600 for value in values):
                    raise AssertionError(f"a summary of {summary!r}, and what it counts is not there")
    finally:
        disk.close()
    return summary


FILES = ("CURRENT", "MANIFEST-*", "*.sst", "*.log", "OPTIONS-*", "IDENTITY", "LOCK", "LOG", "rocksdict-*")
DAMAGES = ("delete", "empty", "halve", "garbage", "flip")


def damage(file: Path, how: str, rng: random.Random) -> None:
    content = bytearray(file.read_bytes())
    match how:
        case "delete":
            file.unlink()
            return
        case "empty":
            content.clear()
        case "halve":
            del content[len(content) // 2 :]
        case "garbage":
            content[:] = rng.randbytes(len(content))
        case "flip" if content:
            content[rng.randrange(len(content))] ^= 0xFF
    file.write_bytes(content)


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("pattern", FILES)
def test_damage_is_seen_or_takes_it_back_to_an_older_state(path: Path, pattern: str, how: str) -> None:
    """Never a crash, never a summary that goes with other entries. What is damaged can be cleared and used again."""
    filled(path)
    rng = random.Random(pattern + how)
    damage(rng.choice(sorted(path.glob(pattern))), how, rng)
    try:
        summary = use(path)
    except StateDamaged:
        summary = None
    assert summary is None or int(summary) < 40
    fresh = RocksDisk(path, MEMORY)
    fresh.clear("damaged")
    write(fresh, b"s", {1: {b"a": b"1"}})
    assert fresh.load() == b"s"
    fresh.close()


def test_a_directory_that_is_a_file_is_somebodys_to_mend(tmp_path: Path) -> None:
    """The message names the path and what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file/7.*\n.*state_directory"):
        write(RocksDisk(tmp_path / "file" / "7", MEMORY), b"s", {})


FULL = """
import resource, sys
from pathlib import Path
from streamproc.disk.memory import SharedMemory
from streamproc.disk.rocks import RocksDisk
from streamproc.errors import UserError
from streamproc.join.store.disk import Writes
disk = RocksDisk(Path(sys.argv[1]), SharedMemory(8 << 20, 4 << 20))
disk.write(Writes(b"s", [], {1: [(b"a", b"1")]}, []))
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
for n in range(100):
    try:
        disk.write(Writes(b"%d" % n, [], {1: [(b"%d" % n, b"x" * 100_000)]}, []))
    except UserError as error:
        print(n, error)
        sys.exit(0)
sys.exit("a full disk was not noticed")
"""


def test_a_full_disk_is_somebodys_to_mend_and_what_was_written_before_stays(path: Path) -> None:
    """No more is written, the message says so, and after the next start all is there up to the last good write."""
    run = subprocess.run([sys.executable, "-c", FULL, str(path)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert str(path) in run.stdout
    assert "Make room" in run.stdout
    disk = RocksDisk(path, MEMORY)
    assert disk.load() == b"%d" % (int(run.stdout.split()[0]) - 1)
    disk.close()


WRITER = """
import random, sys
from pathlib import Path
from streamproc.disk.memory import SharedMemory
from streamproc.disk.rocks import RocksDisk
from streamproc.join.store.disk import Writes
from tests.unit.disk.test_rocks import batch, check
disk = RocksDisk(Path(sys.argv[1]), SharedMemory(1 << 20, 128 << 10))
place = check(disk)
print(place, flush=True)
while True:
    place += 1
    disk.write(batch(place))
    print(place, flush=True)
"""
SPAN, KEYS = 40, 100
"""Writes that a bucket gets, and keys in each."""
LIVE = 3


def batch(place: int) -> Writes:
    """The n-th write: a new key set in the newest bucket, the same keys of the one before again, an old one removed."""
    newest = place // SPAN
    put = {newest: [(b"%d-%d" % (place, k), b"%d " % place * 60) for k in range(KEYS)]}
    removed = []
    if newest:
        put[newest - 1] = [(b"again-%d" % k, b"%d" % place) for k in range(KEYS)]
        removed = [(newest - 1, b"%d-%d" % (place - SPAN, 0))]
    dropped = [newest - LIVE] if place % SPAN == 0 and newest >= LIVE else []
    return Writes(b"%d" % place, removed, put, dropped)


def check(disk: RocksDisk) -> int:
    """The place in the summary; what is inside is exactly what all writes up to there leave."""
    summary = disk.load()
    if summary is None:
        return -1
    place = int(summary)
    newest = place // SPAN
    live = range(max(0, newest - LIVE + 1), newest + 1)
    disk.keep(live)
    expected: dict[int, dict[bytes, bytes]] = {bucket: {} for bucket in live}
    for n in range(live[0] * SPAN, place + 1):
        writes = batch(n)
        for bucket, key in writes.removed:
            expected.get(bucket, {}).pop(key, None)
        for bucket, pairs in writes.put.items():
            expected.get(bucket, {}).update(pairs)
    beyond = [b"%d-%d" % (n, k) for n in range(place + 1, place + 2 * SPAN) for k in range(KEYS)]
    for bucket, entries in expected.items():
        every = [b"%d-%d" % (n, k) for n in range(bucket * SPAN, (bucket + 1) * SPAN) for k in range(KEYS)]
        every = [*dict.fromkeys([*every, *entries, *beyond])]
        found = {key: value for key, value in zip(every, disk.get(bucket, every), strict=True) if value is not None}
        assert found == entries, f"bucket {bucket} at {place}: {len(found)} keys, not {len(entries)}"
    return place


def test_killed_again_and_again_in_the_midst_of_writing(path: Path) -> None:
    """It opens after each SIGKILL, and what is inside is exactly the state that its summary stands for."""
    rng = random.Random(1)
    for _ in range(12):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            said = [int(process.stdout.readline()) for _ in range(rng.randrange(1, 60))]
            time.sleep(rng.uniform(0, 0.01))  # not always in the same part of a write
            process.send_signal(signal.SIGKILL)
            said += [int(line) for line in process.stdout if line.endswith("\n")]
        disk = RocksDisk(path, MEMORY)
        found = check(disk)
        disk.close()
        assert found >= said[-1], "what a write call has returned for is there"
