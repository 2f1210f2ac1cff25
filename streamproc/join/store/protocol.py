"""What the join needs of a store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from streamproc.join.store.entries import Entry


class Dropped(NamedTuple):
    """How many entries expired without a partner."""

    waiting: int
    early: int


NOTHING = Dropped(0, 0)


class Kept(NamedTuple):
    """What a store has kept besides its entries: where in the inputs they come from."""

    positions: Mapping[str, int]
    """Topic -> next offset: the entries are what follows from all records before it."""
    watermark: tuple[int, int, int]
    """`Watermark.place` after these records."""


class Store(Protocol):
    """Entries by prediction id, in buckets of event time that are dropped whole."""

    def get(self, prediction_id: str) -> Entry | None: ...

    def put(self, prediction_id: str, entry: Entry, before: Entry | None) -> None:
        """Set the entry; its bucket follows from `entry.time`, which is not in a bucket that was dropped.

        `before` is what `get` gives for this id.
        """
        ...

    def drop_before(self, time: int) -> Dropped:
        """Remove the buckets that end at or before `time` (epoch ms)."""
        ...

    def __len__(self) -> int: ...

    def prefetch(self, prediction_ids: Iterable[str]) -> None:
        """These will be asked for: all at once is cheaper."""
        ...

    def kept(self) -> Kept | None:
        """What is there from an earlier life; None: nothing. Then `go_on` or `begin_anew`, before all else."""
        ...

    def go_on(self) -> None:
        """Go on from what is there. Raises StateDamaged, then `begin_anew`."""
        ...

    def begin_anew(self, why: str) -> None:
        """Remove what is there; also what happens when nobody has asked for it."""
        ...

    def settle(self, kept: Kept) -> None:
        """All puts so far have come to stay, and lead to here. Raises UserError, StateDamaged."""
        ...

    @property
    def unsettled(self) -> int:
        """Entries that wait in memory for `settle`."""
        ...

    def close(self) -> None:
        """Give back what is held outside of memory."""
        ...
