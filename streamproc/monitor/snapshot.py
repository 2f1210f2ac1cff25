"""A model's state as records of the snapshots topic, and back. Pure; when to write and read is the stage's affair.

Write, with `mark` the place in the journal up to which everything, and nothing more, has been taken:

    records = [encode_task(mark, origin), *encode(monitor, mark, origin), ...]      # (key, value) each

All records of one call belong into one transaction. `origin` names the journal and its partition: offsets of another
one mean nothing here.

Read, where a monitor is new or reset, and of the same configuration as it will go on with:

    saved = Saved(origin)
    saved.add(key, value)                 # each record of the partition, in order
    saved.task()                          # Mark: where the task was; Refusal: why not; None: nothing was saved
    saved.restore(monitor)                # the same; after a Mark the monitor goes on from `mark.upto`

After a Refusal, and after None, the monitor is as new: it is rebuilt from the journal. Models may have different marks.
"""

from __future__ import annotations

import zlib
from functools import cache

import ormsgpack

from streamproc.errors import BadState
from streamproc.monitor.envelope import TASK_KEY, About, Mark, Refusal, digest, model_key, seal, unseal
from streamproc.monitor.model import ModelMonitor

__all__ = ["Mark", "Refusal", "Saved", "encode", "encode_task"]

LARGEST_VALUE = 512 * 1024
"""Bytes of a record's value: well below what brokers take (1 MiB)."""
LARGEST_STATE = 1 << 30
"""Bytes. A larger state is not written, but rebuilt from the journal every time."""
_ENVELOPE = 2048
"""Bytes that are left for it: topic names have 200 characters at most."""
_WORTH_DEFLATING = 4096
_SAMPLE = 16 * 1024
_PAYS = 0.8

Keyed = tuple[bytes, bytes]


def encode(monitor: ModelMonitor, mark: Mark, origin: str) -> list[Keyed]:
    """The records of a model's state as of `mark`; none where it is beyond LARGEST_STATE."""
    payload = ormsgpack.packb(monitor.state())
    if len(payload) > LARGEST_STATE:
        return []
    deflates = _deflates(payload)
    if deflates:
        payload = zlib.compress(payload, 1)
    size = LARGEST_VALUE - _ENVELOPE
    pieces = [payload[start : start + size] for start in range(0, len(payload), size)]
    about = About(origin, _river(), monitor.config_hash, mark, len(pieces), digest(payload), deflates, 0)
    keys = [model_key(monitor.model_id, part) for part in range(len(pieces))]
    return [(key, seal(key, about._replace(part=n), pieces[n])) for n, key in enumerate(keys)]


def encode_task(mark: Mark, origin: str) -> Keyed:
    """The task's own record: where it was, whatever its models are."""
    return TASK_KEY, seal(TASK_KEY, About(origin, "", "", mark, 1, b"", is_deflated=False, part=0), b"")


class Saved:
    """The newest record of each key, until it is asked for."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._records: dict[bytes, bytes] = {}

    def add(self, key: bytes, value: bytes) -> None:
        """Take a record; it replaces the one before it, and an empty one takes that away."""
        if value:
            self._records[key] = value
        else:
            self._records.pop(key, None)

    def task(self) -> Mark | Refusal | None:
        """Where the task was."""
        value = self._records.get(TASK_KEY)
        if value is None:
            return None
        found = unseal(TASK_KEY, value)
        if isinstance(found, Refusal):
            return found
        about, _ = found
        return about.mark if about.origin == self._origin else Refusal.OTHER_JOURNAL

    def restore(self, monitor: ModelMonitor) -> Mark | Refusal | None:
        """Put the model's state into a monitor that is as new, and forget it here."""
        found = self._unseal(monitor, 0)
        if found is None or isinstance(found, Refusal):
            return found
        about, payload = found
        refusal = self._refusal(about, monitor)
        if refusal is not None:
            return refusal
        for part in range(1, about.parts):
            found = self._unseal(monitor, part)
            if found is None or isinstance(found, Refusal) or found[0] != about._replace(part=part):
                return Refusal.DAMAGED  # incomplete
            payload += found[1]
        try:
            monitor.restore(_state(about, payload))
        except BadState:
            monitor.reset()
            return Refusal.DAMAGED
        return about.mark

    def _unseal(self, monitor: ModelMonitor, part: int) -> tuple[About, bytes] | Refusal | None:
        key = model_key(monitor.model_id, part)
        value = self._records.pop(key, None)
        return None if value is None else unseal(key, value)

    def _refusal(self, about: About, monitor: ModelMonitor) -> Refusal | None:
        if about.origin != self._origin:
            return Refusal.OTHER_JOURNAL
        if about.river != _river():
            return Refusal.OTHER_RIVER
        if about.config_hash != monitor.config_hash:
            return Refusal.OTHER_CONFIGURATION
        return None if about.part == 0 else Refusal.DAMAGED


def _state(about: About, payload: bytes) -> object:
    """Raises BadState."""
    if digest(payload) != about.whole:
        raise BadState("not the parts of one state")
    try:
        return ormsgpack.unpackb(_inflated(payload) if about.is_deflated else payload)
    except (ValueError, zlib.error) as exc:
        raise BadState(f"not a state: {exc}") from exc


def _inflated(payload: bytes) -> bytes:
    """Raises zlib.error, and BadState for what would fill the memory."""
    inflate = zlib.decompressobj()
    whole = inflate.decompress(payload, LARGEST_STATE)
    if not inflate.eof or inflate.unused_data:
        raise BadState("too large a state, or half of one")
    return whole


def _deflates(payload: bytes) -> bool:
    """Judged by a sample from its middle: windows of floats hardly shrink, and take long."""
    if len(payload) < _WORTH_DEFLATING:
        return False
    middle = len(payload) // 2
    sample = payload[max(0, middle - _SAMPLE // 2) : middle + _SAMPLE // 2]
    return len(zlib.compress(sample, 1)) < _PAYS * len(sample)


@cache
def _river() -> str:
    from river.__version__ import __version__

    return __version__
