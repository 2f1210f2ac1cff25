"""What an overlay needs of the disk below it. `streamproc.state` has it in RocksDB; a test has it in a dictionary."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol


class Writes(NamedTuple):
    """What goes to the disk at once: all of it, or after a crash nothing of it."""

    summary: bytes
    removed: Sequence[tuple[int, bytes]]
    """(bucket, key), before anything is put."""
    put: Mapping[int, Iterable[tuple[bytes, bytes]]]
    """Bucket -> (key, value) pairs, to be walked once. Keys are put once."""
    dropped: Collection[int]
    """Buckets that `summary` knows no more. They may go later than the rest: `keep` looks for leftovers."""


class Disk(Protocol):
    """Values by bucket and key, and a summary of them. Any call may raise StateDamaged or UserError."""

    def load(self) -> bytes | None:
        """The summary of the last writes; None: there is nothing."""
        ...

    def keep(self, buckets: Collection[int]) -> None:
        """Go on from what is there. Buckets beside these are removed; without one of these it is damaged."""
        ...

    def clear(self, why: str) -> None:
        """Remove what is there, if anything is; `why` is for the log."""
        ...

    def get(self, bucket: int, keys: Sequence[bytes]) -> Sequence[bytes | None]:
        """The values of the keys in one bucket, in their order."""
        ...

    def write(self, writes: Writes) -> None: ...

    def close(self) -> None:
        """Let go of it. Whoever opens it next finds the last writes."""
        ...
