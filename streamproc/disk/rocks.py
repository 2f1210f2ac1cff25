"""One partition's state in RocksDB: each bucket a column family, so that it can be dropped whole.

The write-ahead log is on, without `fsync`: a killed process has lost nothing, a machine without power some of the
last writes, all of a write or none of it. What is then missing is read again from Kafka.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import structlog
from rocksdict import ColumnFamily, Rdict, WriteBatch

from streamproc.disk.errors import cannot_write, of_rocks
from streamproc.disk.memory import SharedMemory
from streamproc.errors import StateDamaged, StreamprocError
from streamproc.join.store.disk import Writes

SUMMARY = b"summary"
DEFAULT = "default"
GONE = ".gone"
"""Added to the name of a directory that is being removed."""


class RocksDisk:
    """A Disk in a directory of its own. No other object may hold on to what RocksDB gives: it keeps the lock."""

    def __init__(self, path: Path, memory: SharedMemory) -> None:
        self._path, self._memory = path, memory
        self._db: Rdict | None = None
        self._families: dict[int, Rdict] = {}
        self._handles: dict[int, ColumnFamily] = {}
        self._log: Any = structlog.get_logger()

    def load(self) -> bytes | None:
        if not (self._path / "CURRENT").exists():
            return None
        with self._translating():
            return self._opened().get(SUMMARY)

    def keep(self, buckets: Collection[int]) -> None:
        with self._translating():
            for number in self._families.keys() - set(buckets):  # a crash came between the writes and these
                self._drop(number)
        missing = set(buckets) - self._families.keys()
        if missing:
            raise StateDamaged(f"{self._path} is damaged: bucket {min(missing)} is missing")

    def clear(self, why: str) -> None:
        self.close()
        if self._path.exists():
            self._log.warning("the kept state is thrown away, and read again from Kafka", path=str(self._path), why=why)
            remove(self._path)

    def get(self, bucket: int, keys: Sequence[bytes]) -> Sequence[bytes | None]:
        try:
            return self._families[bucket].get(keys)  # type: ignore[return-value,arg-type]
        except Exception as exc:
            raise of_rocks(exc, self._path) from exc

    def write(self, writes: Writes) -> None:
        with self._translating():
            db = self._opened()
            for number in writes.put.keys() - self._families.keys():
                self._create(number)
            db.write(self._batch(writes))
            for number in writes.dropped:
                self._drop(number)

    def _batch(self, writes: Writes) -> WriteBatch:
        batch = WriteBatch(raw_mode=True)
        for number, key in writes.removed:
            batch.delete(key, self._handles[number])
        put = batch.put
        for number, pairs in writes.put.items():
            batch.set_default_column_family(self._handles[number])
            for key, value in pairs:
                put(key, value)
        batch.set_default_column_family(None)
        put(SUMMARY, writes.summary)
        return batch

    def close(self) -> None:
        self._families.clear()
        self._handles.clear()
        if self._db is not None:
            with contextlib.suppress(StreamprocError), self._translating():
                self._db.close()  # whoever opens it next meets what is wrong
            self._db = None

    def _opened(self) -> Rdict:
        if self._db is None:
            self._path.mkdir(parents=True, exist_ok=True)
            path, options = str(self._path), self._memory.options
            is_there = (self._path / "CURRENT").exists()
            names = [name for name in Rdict.list_cf(path, options()) if name != DEFAULT] if is_there else []
            self._db = Rdict(path, options(), {name: options() for name in names})
            for name in names:
                self._take(int(name))
        return self._db

    def _create(self, number: int) -> None:
        self._opened().create_column_family(str(number), self._memory.options())
        self._take(number)

    def _take(self, number: int) -> None:
        self._families[number] = self._opened().get_column_family(str(number))
        self._handles[number] = self._opened().get_column_family_handle(str(number))

    def _drop(self, number: int) -> None:
        del self._families[number], self._handles[number]
        self._opened().drop_column_family(str(number))

    @contextlib.contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except StreamprocError:
            raise
        except Exception as exc:
            raise of_rocks(exc, self._path) from exc


def remove(path: Path) -> None:
    """Remove a directory. Cut short, it leaves nothing that could be taken for a store. Raises UserError."""
    gone = path.with_name(path.name.removesuffix(GONE) + GONE)
    try:
        if gone != path:
            shutil.rmtree(gone, ignore_errors=True)
            path.rename(gone)
        shutil.rmtree(gone)
    except OSError as exc:
        raise cannot_write(path, str(exc)) from exc
