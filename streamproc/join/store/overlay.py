"""A store on a disk: what is not committed yet waits above it, in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NoReturn

from streamproc.errors import StateDamaged
from streamproc.join.store.buckets import Buckets
from streamproc.join.store.codec import NUMBERS, Summary, pack_entry, pack_summary, unpack_entry, unpack_summary
from streamproc.join.store.disk import Disk, Writes
from streamproc.join.store.entries import Entry
from streamproc.join.store.filters import Filters
from streamproc.join.store.protocol import NOTHING, Dropped, Kept

RECENT = 10_000
"""Settled entries that stay in memory too, about; labels often follow their predictions soon."""


class Overlay:
    """Puts and drops take effect here at once, and on the disk, all or nothing, when they are settled.

    Every entry is in one bucket of the disk only: one that moves is removed from where it was. So a key is looked up
    in one bucket after the other, the newest first, and the first find is the only one.
    """

    def __init__(self, disk: Disk, bucket_ms: int, rules: str, recent: int = RECENT) -> None:
        """`rules` stands for all of the configuration that decides what entries the records give."""
        self._disk, self._bucket_ms, self._rules, self._recent = disk, bucket_ms, rules, recent
        self._found: Summary | None = None
        self._is_open = False
        self._buckets = Buckets(bucket_ms, {})
        self._on_disk: list[int] = []
        """Buckets, the newest first."""
        self._filters = Filters()
        self._moved: list[tuple[int, str]] = []
        self._dropped: list[int] = []
        self._floor = 0
        """Entries from before this time (epoch ms) are gone, wherever one is still to be found."""
        self._near: dict[str, Entry | None] = {}
        """What was put or read lately; None: it is nowhere. Whatever was changed is here too."""
        self._old: dict[str, Entry | None] = {}
        """What was near before that."""

    def get(self, prediction_id: str) -> Entry | None:
        try:
            entry = self._near[prediction_id]
        except KeyError:
            self.prefetch([prediction_id])
            entry = self._near[prediction_id]
        return None if entry is None or entry.time < self._floor else entry

    def put(self, prediction_id: str, entry: Entry, before: Entry | None) -> None:
        number = entry.time // self._bucket_ms
        bucket = self._buckets.find(number)
        if bucket is None:
            bucket = self._buckets.begin(number)
        if before is not None and prediction_id not in bucket.changed:
            self._leave(before.time // self._bucket_ms, prediction_id, before, number)
        self._near[prediction_id] = bucket.changed[prediction_id] = entry

    def _leave(self, left: int, prediction_id: str, before: Entry, number: int) -> None:
        """What is to be replaced is on the disk, or in another bucket than the new entry's, or both."""
        bucket = self._buckets[left]
        if bucket.changed.pop(prediction_id, None) is None:
            bucket.settled[NUMBERS[type(before)]] -= 1
        if left != number:
            self._moved.append((left, prediction_id))

    def drop_before(self, time: int) -> Dropped:
        gone, dropped = self._buckets.drop_before(time)
        if not gone:
            return NOTHING
        self._floor = (max(gone) + 1) * self._bucket_ms
        self._dropped += [number for number in self._on_disk if number in gone]
        self._on_disk = [number for number in self._on_disk if number not in gone]
        return dropped

    def __len__(self) -> int:
        return len(self._buckets)

    def prefetch(self, prediction_ids: Iterable[str]) -> None:
        # One set operation for each dictionary, which walks the smaller side.
        wanted = set(prediction_ids).difference(self._near)
        far = wanted.difference(self._old)
        for name in wanted - far:
            self._near[name] = self._old[name]
        self._near.update(dict.fromkeys(far))
        if far and self._on_disk:
            self._fetch(far)

    def _fetch(self, names: Collection[str]) -> None:
        found: dict[str, Entry] = {}
        try:
            for number, likely in self._filters.likely(self._on_disk, names):
                # In the order of the keys: neighbours on the disk are read together.
                asked = sorted([name for name in likely if name not in found])
                values = self._disk.get(number, [name.encode() for name in asked]) if asked else ()
                found |= {n: unpack_entry(value) for n, value in zip(asked, values, strict=True) if value is not None}
        except StateDamaged as exc:
            self._throw_away(exc)
        self._near |= found

    def kept(self) -> Kept | None:
        try:
            stored = self._disk.load()
            self._found = None if stored is None else unpack_summary(stored)
        except StateDamaged as exc:
            self.begin_anew(str(exc))
        if self._found is None or self._found.rules != self._rules:
            return None
        return self._found.kept

    def go_on(self) -> None:
        if self._found is not None:
            counts = self._found.buckets
            self._disk.keep(counts)
            self._buckets = Buckets(self._bucket_ms, counts)
            self._on_disk = sorted(counts, reverse=True)
            self._is_open = True

    def begin_anew(self, why: str) -> None:
        self._disk.clear(why)
        self._is_open = True

    @property
    def unsettled(self) -> int:
        return self._buckets.changed

    def settle(self, kept: Kept) -> None:
        if not self._is_open:
            self.begin_anew("nothing has been committed of these inputs")
        on_disk = set(self._on_disk)
        changed = {bucket.number: bucket for bucket in self._buckets if bucket.changed}
        put = {
            number: zip(map(str.encode, bucket.changed), map(pack_entry, bucket.changed.values()), strict=True)
            for number, bucket in changed.items()
        }
        removed = [(number, name.encode()) for number, name in self._moved if number in on_disk]
        on_disk |= changed.keys()
        counts = {bucket.number: bucket.counts() for bucket in self._buckets if bucket.number in on_disk}
        try:
            self._disk.write(Writes(pack_summary(Summary(self._rules, kept, counts)), removed, put, self._dropped))
        except StateDamaged as exc:
            self._throw_away(exc)
        for number, bucket in changed.items():
            self._filters.add(number, bucket.changed, is_new=number not in self._on_disk)
            bucket.settled, bucket.changed = counts[number], {}
        self._filters.drop(self._dropped)
        self._on_disk = sorted(on_disk, reverse=True)
        self._moved, self._dropped = [], []
        if len(self._near) >= self._recent:
            self._old, self._near = self._near, {}

    def _throw_away(self, exc: StateDamaged) -> NoReturn:
        self._disk.clear(str(exc))
        raise exc

    def close(self) -> None:
        self._disk.close()
