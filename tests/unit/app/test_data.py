from __future__ import annotations

from typing import Any, cast

import pytest

from streamproc.app.data import find_trigger, open_data
from streamproc.engine.ports import Kafka
from streamproc.errors import UserError
from streamproc.events.trigger import DataWindow
from streamproc.replay.memory import MemoryRecord
from tests.unit.retrain.support import configure, make_trigger, outcome, record, values_of


class Journal:
    """A journal partition of 20 outcomes."""

    def history(self, spans: Any) -> Reader:
        ((_, (start, end)),) = spans.items()
        values = values_of([outcome(n) for n in range(20)])
        return Reader([MemoryRecord("journal", 0, n, values[n], None, 0) for n in range(start, min(end, 20))])


class Reader:
    def __init__(self, records: list[MemoryRecord]) -> None:
        self._records, self.done = records, False

    def read(self, limit: int, timeout: float) -> list[MemoryRecord]:
        self.done = True
        return self._records

    def close(self) -> None:
        pass


def test_a_trigger_gives_exactly_its_rows() -> None:
    """The offsets of the trigger, and of them the newest that the configured window takes."""
    window = DataWindow(topic="journal", partition=0, from_offset=5, to_offset=15, outcomes=12)
    config = configure(window={"outcomes": 4})
    found = open_data(cast("Kafka", Journal()), config, make_trigger(data=window))
    assert [row["prediction_id"] for row in found.rows()] == ["p11", "p12", "p13", "p14"]
    assert list(found.rows()) == list(found.rows())
    assert found.missing == 2


def test_a_trigger_is_found_by_its_id() -> None:
    """Whatever else lies in the topic."""
    wanted = make_trigger(2)
    records = [
        record("triggers", 0, b"no JSON " + wanted.trigger_id.encode()),
        record("triggers", 1, make_trigger(1, reason=wanted.trigger_id).wire()),
        record("triggers", 2, wanted.wire()),
    ]
    assert find_trigger(records, wanted.trigger_id) == wanted


def test_an_unknown_trigger_is_an_error() -> None:
    """It says so."""
    with pytest.raises(UserError, match="there is no trigger trg_x"):
        find_trigger([], "trg_x")
