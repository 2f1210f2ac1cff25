"""Buckets of event time are dropped whole, and with them exactly what belongs there; a disk has what was settled."""

from __future__ import annotations

import contextlib
import gc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.errors import StateDamaged
from streamproc.join.store.codec import pack_entry, unpack_entry, unpack_summary
from streamproc.join.store.entries import Early, Entry, Joined, Waiting
from streamproc.join.store.memory import MemoryStore
from streamproc.join.store.overlay import Overlay
from streamproc.join.store.protocol import Dropped, Kept, Store
from tests.unit.join.disks import MemoryDisk

BUCKET = 10
NAMES = "abc"
RULES = "r"

scalars = st.one_of(
    st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False), st.text()
)
times = st.integers(0, 39)
entries = st.one_of(
    st.builds(Waiting, times, st.text(), scalars, st.binary()),
    st.builds(Early, times, st.lists(st.tuples(times, scalars), min_size=1).map(tuple)),
    st.builds(Joined, times, st.text(), scalars, st.binary(), scalars, times),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(NAMES), entries),
        st.tuples(st.just("drop"), times),
        st.tuples(st.just("fetch"), st.lists(st.sampled_from(NAMES))),
        st.tuples(st.just("settle")),
        st.tuples(st.just("restart")),
    ),
    max_size=40,
)  # few names, times and values: so that they meet


def expired(entry: Entry, floor: int) -> bool:
    return (entry.time // BUCKET + 1) * BUCKET <= floor


class Checked:
    """A store and a plain dictionary, which must agree."""

    def __init__(self, store: Store) -> None:
        self.store, self.plain, self.floor = store, dict[str, Entry](), 0

    def put(self, name: str, entry: Entry) -> None:
        if not expired(entry, self.floor):
            self.store.put(name, entry, self.store.get(name))
            self.plain[name] = entry

    def drop(self, time: int) -> None:
        self.floor = max(self.floor, time)
        gone = [entry for entry in self.plain.values() if expired(entry, self.floor)]
        self.plain = {name: entry for name, entry in self.plain.items() if not expired(entry, self.floor)}
        kinds = [sum(isinstance(entry, kind) for entry in gone) for kind in (Waiting, Early)]
        assert self.store.drop_before(self.floor) == Dropped(*kinds)

    def fetch(self, names: list[str]) -> None:
        self.store.prefetch(names)

    def agree(self) -> None:
        found = {name: entry for name in NAMES if (entry := self.store.get(name)) is not None}
        # As bytes too: Python's 1, 1.0 and True are equal, but they are not the same label.
        assert found == self.plain
        assert {n: pack_entry(e) for n, e in found.items()} == {n: pack_entry(e) for n, e in self.plain.items()}
        assert len(self.store) == len(self.plain)


@given(steps)
def test_in_memory_it_is_a_plain_dictionary(steps: list[Any]) -> None:
    """Entries that moved to another bucket are dropped with that one, each is counted once, nothing stays behind."""
    checked = Checked(MemoryStore(BUCKET))
    for what, *with_these in steps:
        if what not in ("settle", "restart"):
            getattr(checked, what)(*with_these)
    checked.agree()
    checked.drop(10**6)
    checked.agree()


@given(steps)
def test_over_a_disk_it_is_one_too_and_a_restart_takes_it_back_to_what_was_settled(steps: list[Any]) -> None:
    """Nothing of what was not settled is on the disk, everything that was is; in memory there is hardly anything."""
    disk, settled, place = MemoryDisk(), (dict[str, Entry](), 0), 0
    checked = Checked(Overlay(disk, BUCKET, RULES, recent=1))
    for what, *with_these in steps:
        if what == "settle":
            place += 1
            checked.store.settle(Kept({"t": place}, (0, 0, place)))
            settled = dict(checked.plain), checked.floor
        elif what == "restart":
            checked = Checked(Overlay(disk, BUCKET, RULES, recent=1))
            checked.plain, checked.floor = dict(settled[0]), settled[1]
            kept = checked.store.kept()
            assert kept == (Kept({"t": place}, (0, 0, place)) if place else None)
            if place:
                checked.store.go_on()
        else:
            getattr(checked, what)(*with_these)
        checked.agree()
    assert disk.cleared == []
    checked.drop(10**6)
    checked.store.settle(Kept({"t": 0}, (0, 0, 0)))
    assert not any(disk.buckets.values())


@given(entries)
def test_an_entry_comes_back_as_it_was(entry: Entry) -> None:
    """Kind, types of the answers and all bytes."""
    again = unpack_entry(pack_entry(entry))
    assert (again, type(again), pack_entry(again)) == (entry, type(entry), pack_entry(entry))


@pytest.mark.parametrize("value", [b"", b"\xc1", b"\x00", b"\x90", b"\x91\x07", b"\x92\x00\x01", b"\x93\x01\x01\x01"])
def test_bytes_that_are_no_entry_are_damage(value: bytes) -> None:
    """Whatever they are, the answer is one that the engine knows."""
    with pytest.raises(StateDamaged):
        unpack_entry(value)


@given(st.binary(max_size=40))
def test_any_bytes_are_an_entry_a_summary_or_damage(value: bytes) -> None:
    """No other error comes out."""
    for unpack in (unpack_entry, unpack_summary):
        with contextlib.suppress(StateDamaged):
            unpack(value)


def test_what_was_kept_under_other_rules_is_not_used() -> None:
    """A label TTL that was changed makes other entries of the same records."""
    disk = MemoryDisk()
    Overlay(disk, BUCKET, RULES).settle(Kept({"t": 1}, (0, 0, 0)))
    assert Overlay(disk, BUCKET, "other").kept() is None
    assert Overlay(disk, BUCKET, RULES).kept() is not None


def test_a_summary_that_cannot_be_read_is_thrown_away() -> None:
    """With all that it stood for."""
    disk = MemoryDisk()
    disk.summary = b"\xc1"
    assert Overlay(disk, BUCKET, RULES).kept() is None
    assert disk.load() is None
    assert "summary" in disk.cleared[0]


def test_an_entry_that_cannot_be_read_throws_the_disk_away() -> None:
    """It is seen when it is looked for; then nobody can say what else is wrong."""
    disk = MemoryDisk()
    store = Overlay(disk, BUCKET, RULES)
    store.put("a", Waiting(5, "m", 1, b""), None)
    store.settle(Kept({"t": 1}, (0, 0, 0)))
    disk.buckets[0][b"a"] = b"\xc1"
    again = Overlay(disk, BUCKET, RULES)
    again.kept()
    again.go_on()
    assert again.get("b") is None
    with pytest.raises(StateDamaged):
        again.get("a")
    assert disk.load() is None


def test_who_has_not_asked_what_was_kept_begins_anew() -> None:
    """Inputs without committed offsets: what is on the disk is of another life of them."""
    disk = MemoryDisk()
    store = Overlay(disk, BUCKET, RULES)
    store.put("a", Waiting(5, "m", 1, b""), None)
    store.settle(Kept({"t": 1}, (0, 0, 0)))
    again = Overlay(disk, BUCKET, RULES)
    assert again.get("a") is None
    again.put("b", Waiting(25, "m", 1, b""), None)
    again.settle(Kept({"t": 1}, (0, 0, 0)))
    assert disk.buckets.keys() == {2}
    assert len(disk.cleared) == 1


@pytest.mark.parametrize("then", [5, 25])
def test_an_entry_that_moves_is_in_one_bucket_only(then: int) -> None:
    """An early label may be older or younger than its prediction; the old place must not be found again."""
    disk = MemoryDisk()
    store = Overlay(disk, BUCKET, RULES)
    early = Early(15, ((15, 1),))
    store.put("a", early, None)
    store.settle(Kept({"t": 1}, (0, 0, 0)))
    store.put("a", Waiting(then, "m", 1, b""), early)
    store.settle(Kept({"t": 2}, (0, 0, 0)))
    assert sum(b"a" in bucket for bucket in disk.buckets.values()) == 1
    again = Overlay(disk, BUCKET, RULES)
    again.kept()
    again.go_on()
    assert again.get("a") == Waiting(then, "m", 1, b"")


@pytest.mark.parametrize("then", [5, 25])
def test_what_replaces_entries_of_the_disk_is_counted_once(then: int) -> None:
    """Beside others that have changed, in the same bucket or in another, once or twice, before and after a settle."""
    disk = MemoryDisk()
    store = Overlay(disk, BUCKET, RULES)
    for name in "abc":
        store.put(name, Early(5, ((5, 1),)), None)
    store.settle(Kept({"t": 1}, (0, 0, 0)))
    for time in (then, 5, then):
        for name in "abc":
            store.put(name, Waiting(time, "m", 1, b""), store.get(name))
            assert len(store) == 3
    assert store.unsettled == 3
    store.settle(Kept({"t": 2}, (0, 0, 0)))
    assert len(store) == sum(map(len, disk.buckets.values())) == 3
    assert store.drop_before(100) == Dropped(3, 0)


def test_what_was_absent_and_was_put_is_found_again() -> None:
    """Also when it has left the memory."""
    disk = MemoryDisk()
    store = Overlay(disk, BUCKET, RULES, recent=1)
    for n, name in enumerate("abcd"):
        assert store.get(name) is None
        assert store.get("d" if name != "d" else "x") is None
        store.put(name, Waiting(n, "m", 1, b""), None)
        store.settle(Kept({"t": n}, (0, 0, 0)))
    assert all(store.get(name) for name in "abcd")


def test_what_stays_in_memory_is_bounded() -> None:
    """A store of millions must not have them all twice."""
    store = Overlay(MemoryDisk(), BUCKET, RULES, recent=10)
    for n in range(100):
        store.put(f"{n}", Waiting(5, "m", 1, b"x" * 1000), None)
        store.settle(Kept({"t": n}, (0, 0, 0)))
    gc.collect()
    held = [each for each in gc.get_objects() if type(each) is Waiting and len(each.body) == 1000]
    assert len(held) <= 20


def test_many_ids_are_read_at_once_and_only_those_that_are_not_near() -> None:
    """One read of each bucket for a whole batch; none for what was put or asked for just now."""
    disk = MemoryDisk()
    store = Overlay(disk, BUCKET, RULES, recent=1)
    for n in range(40):
        store.put(f"{n}", Waiting(n, "m", 1, b""), None)
    store.settle(Kept({"t": 1}, (0, 0, 0)))
    store.put("z", Waiting(0, "m", 1, b""), None)
    store.settle(Kept({"t": 1}, (0, 0, 0)))
    store.put("y", Waiting(0, "m", 1, b""), None)
    store.settle(Kept({"t": 1}, (0, 0, 0)))  # the first ones are now on the disk alone
    assert disk.reads == 0
    store.prefetch(f"{n}" for n in range(50))
    assert disk.reads == 4
    assert all(store.get(f"{n}") for n in range(40))
    assert store.get("45") is None
    store.prefetch(["y", "0", "45"])
    assert disk.reads == 4
