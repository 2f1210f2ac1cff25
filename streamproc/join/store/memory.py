"""A store in memory: lost with the process, rebuilt from the input topics."""

from __future__ import annotations

from collections.abc import Iterable

from streamproc.join.store.entries import Early, Entry, Waiting
from streamproc.join.store.protocol import NOTHING, Dropped, Kept


class MemoryStore:
    """A dictionary, and for each bucket the ids that were put into it."""

    unsettled = 0

    def __init__(self, bucket_ms: int) -> None:
        self._bucket_ms = bucket_ms
        self._entries: dict[str, Entry] = {}
        self._buckets: dict[int, list[str]] = {}
        self._end_of_first = 0  # no bucket ends before this: most calls of drop_before return at once
        self.get = self._entries.get

    def put(self, prediction_id: str, entry: Entry, before: Entry | None) -> None:
        self._entries[prediction_id] = entry
        number = entry.time // self._bucket_ms
        if before is None or before.time // self._bucket_ms != number:
            bucket = self._buckets.get(number)
            if bucket is None:
                bucket = self._buckets[number] = []
                self._end_of_first = (min(self._buckets) + 1) * self._bucket_ms
            bucket.append(prediction_id)

    def drop_before(self, time: int) -> Dropped:
        if time < self._end_of_first:
            return NOTHING
        waiting = early = 0
        for number in sorted(self._buckets):
            if (number + 1) * self._bucket_ms > time:
                break
            for prediction_id in self._buckets.pop(number):
                entry = self._entries.get(prediction_id)
                # An early label may have moved to its prediction's bucket since it was noted here.
                if entry is not None and entry.time // self._bucket_ms == number:
                    del self._entries[prediction_id]
                    waiting += isinstance(entry, Waiting)
                    early += isinstance(entry, Early)
        self._end_of_first = (min(self._buckets) + 1) * self._bucket_ms if self._buckets else 0
        return Dropped(waiting, early)

    def __len__(self) -> int:
        return len(self._entries)

    def prefetch(self, prediction_ids: Iterable[str]) -> None:
        """Everything is here."""

    def kept(self) -> Kept | None:
        return None

    def go_on(self) -> None:
        """There is nothing to go on from."""

    def begin_anew(self, why: str) -> None:
        """It is empty."""

    def settle(self, kept: Kept) -> None:
        """It is the only copy."""

    def close(self) -> None:
        """Memory frees itself."""
