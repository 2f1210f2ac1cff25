from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from streamproc.app import retrain_child
from streamproc.app.retrain_child import journal_values
from streamproc.engine.ports import Partition
from streamproc.errors import BrokerUnavailable
from streamproc.events.trigger import DataWindow
from streamproc.replay.memory import MemoryRecord
from streamproc.stage import Record

WINDOW = DataWindow(topic="journal", partition=3, from_offset=10, to_offset=30, outcomes=20)


class Log:
    """A journal partition behind `Kafka.history`, that fails at chosen reads."""

    def __init__(self, *failures: int) -> None:
        self.failures, self.reads, self.opened = set(failures), 0, list[tuple[int, int]]()
        self.open = 0

    def history(self, spans: Mapping[Partition, tuple[int, int]]) -> Reader:
        ((partition, span),) = spans.items()
        assert partition == ("journal", 3)
        self.opened.append(span)
        self.open += 1
        return Reader(self, *span)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} is not needed to read a window")


class Reader:
    def __init__(self, log: Log, start: int, end: int) -> None:
        self._log, self._place, self._end = log, start, end

    @property
    def done(self) -> bool:
        return self._place >= self._end

    def read(self, limit: int, timeout: float) -> list[Record]:
        self._log.reads += 1
        if self._log.reads in self._log.failures:
            raise BrokerUnavailable("gone")
        last = min(self._place + 7, self._end)
        offsets = [n for n in range(self._place, last) if n % 5]  # every fifth is a hole
        self._place = last
        return [MemoryRecord("journal", 3, n, b"%d" % n, None, 0) for n in offsets]

    def close(self) -> None:
        self._log.open -= 1


def read(log: Log) -> list[int]:
    found: Iterator[bytes | None] = journal_values(log, WINDOW, pause=0)
    return [int(value or b"") for value in found]


EXPECTED = [n for n in range(10, 30) if n % 5]


def test_exactly_the_range_is_read() -> None:
    """From the first offset, included, to the last, excluded."""
    log = Log()
    assert read(log) == EXPECTED
    assert log.opened == [(10, 30)]
    assert log.open == 0


@pytest.mark.parametrize("failures", [(1,), (2,), (3,), (1, 2, 3), (2, 4)])
def test_an_outage_loses_and_repeats_nothing(failures: tuple[int, ...]) -> None:
    """After each outage reading goes on where it stopped."""
    log = Log(*failures)
    assert read(log) == EXPECTED
    assert log.open == 0


def test_an_outage_without_end_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """When patience is over, the retrain fails with the broker's absence as its reason."""
    monkeypatch.setattr(retrain_child, "PATIENCE_SECONDS", -1.0)
    with pytest.raises(BrokerUnavailable):
        read(Log(1))
