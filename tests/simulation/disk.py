"""A host's disk: writes are all or nothing, and a process may be killed before and after each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamproc.join.store.disk import Writes
from tests.unit.join.disks import MemoryDisk

if TYPE_CHECKING:
    from tests.simulation.world import Process


class SimDisk:
    """What one process sees of what survives it."""

    def __init__(self, process: Process, kept: MemoryDisk) -> None:
        self._process, self._kept = process, kept
        self.load, self.keep, self.clear, self.get, self.close = kept.load, kept.keep, kept.clear, kept.get, kept.close

    def write(self, writes: Writes) -> None:
        self._process.reach("settle")
        self._kept.write(writes)
        self._process.reach("settled")
