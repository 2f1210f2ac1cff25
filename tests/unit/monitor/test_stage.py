"""The monitor over its journal partition: a pure function, with its clock and its configuration in the log."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest

from streamproc.config.pipeline import Config
from streamproc.errors import TopicError
from streamproc.events.partitioner import partition_of
from streamproc.monitor.stage import MonitorStage
from streamproc.replay.memory import MemoryOutputs, MemoryRecord
from streamproc.stage import Past

T = 1_780_000_040_000  # twenty seconds past a minute


def configuration(**model: Any) -> Config:
    policies = [{"name": "p", "condition": "errors and accuracy < 0.8"}]
    model = {"detectors": {"errors": {"type": "adwin"}}, "policies": policies, "min_samples": 50, **model}
    return Config.model_validate({"pipeline": "t", "models": {"m": model}})


def record(offset: int, value: Any, time: int = T) -> MemoryRecord:
    raw = value if isinstance(value, bytes) or value is None else orjson.dumps(value)
    return MemoryRecord("journal", 0, offset, raw, b"m", time)


def journal(config: Config, count: int = 3000) -> list[MemoryRecord]:
    """A model that gets worse in the middle."""
    rng = random.Random(3)
    in_force = {"kind": "config", "model_id": "m", "config_hash": config.models["m"].config_hash, "time": T}
    events: list[dict[str, Any]] = [in_force]
    for n in range(count):
        wrong = rng.random() < (0.1 if n < count // 2 else 0.5)
        common = {"prediction_id": str(n), "model_id": "m", "time": T, "label_time": T + n}
        events.append({"kind": "outcome", **common, "prediction": 1, "label": int(not wrong)})
    return [record(offset, event) for offset, event in enumerate(events)]


def found(out: MemoryOutputs, topic: str) -> list[dict[str, Any]]:
    return [orjson.loads(value) for name, value, _ in out.sent if name == topic]


def test_the_same_journal_gives_the_same_bytes_however_it_is_cut() -> None:
    """Triggers and decisions do not depend on how records come in batches."""
    config = configuration()
    results = []
    for size in (1, 7, 5000):
        task, out = MonitorStage(config, 1).task(0), MemoryOutputs()
        records = journal(config)
        for start in range(0, len(records), size):
            task.process("journal", records[start : start + size], out)
        results.append(out.sent)
    assert results[0] == results[1] == results[2]
    (trigger,) = found_triggers = [orjson.loads(v) for name, v, _ in results[0] if name == "triggers"]
    assert found_triggers[0]["data"]["to_offset"] == trigger["journal"]["offset"] + 1


def test_another_configuration_gives_other_ids() -> None:
    """What decides is part of a trigger's identity."""
    ids = set()
    for window in (500, 501):
        config = configuration(window=window)
        task, out = MonitorStage(config, 1).task(0), MemoryOutputs()
        task.process("journal", journal(config), out)
        ids |= {t["trigger_id"] for t in found(out, "triggers")}
    assert len(ids) == 2


def test_a_wake_writes_each_minute_once_and_the_configuration_once() -> None:
    """The clock and the configuration go into the log, and take effect when they are read back."""
    config = configuration()
    task, out = MonitorStage(config, 1).task(0), MemoryOutputs()
    for now in (T, T + 1000, T + 50_000, T + 59_000):
        task.wake(now, out)
    written = [e["kind"] for e in found(out, "journal")]
    assert written == ["tick", "config", "tick"]
    successor, again = MonitorStage(config, 1).task(0), MemoryOutputs()
    successor.process("journal", [record(n, e) for n, e in enumerate(found(out, "journal"))], again)
    successor.wake(T + 59_500, again)
    assert again.sent == []


@pytest.mark.parametrize(
    "junk", [None, b"", b"not json", b"[]", b"{}", b'{"kind":"outcome","model_id":"m"}', b'{"kind":"tick"}']
)
def test_what_is_no_record_of_the_journal_is_rejected_and_passed_over(junk: bytes | None) -> None:
    """One stray record does not stop the monitor; what comes behind it is processed."""
    config = configuration()
    task, out = MonitorStage(config, 1).task(0), MemoryOutputs()
    records = journal(config)
    task.process("journal", [records[0], record(1, junk), *records[2:]], out)
    assert [error.code for _, error in out.rejected] == ["invalid_field"]
    assert len(found(out, "triggers")) == 1


def test_a_model_that_has_moved_to_another_partition_stops_the_monitor() -> None:
    """The journal's partitions were changed: going on would split a model's history without a word."""
    config = configuration()
    elsewhere = 1 - partition_of("m", 2)
    with pytest.raises(TopicError, match="number of the journal's partitions was changed"):
        MonitorStage(config, 2).task(elsewhere).process("journal", journal(config), MemoryOutputs())


def test_a_model_that_left_the_configuration_is_passed_over() -> None:
    """The journal is older than the configuration."""
    task, out = MonitorStage(configuration(), 1).task(0), MemoryOutputs()
    task.process("journal", [record(0, {"kind": "metric", "model_id": "gone", "metrics": {}, "time": T})], out)
    assert (out.sent, out.rejected) == ([], [])


def test_people_hear_of_an_alert_once_it_is_committed_and_not_again_when_it_is_read_again() -> None:
    """A restart rebuilds the state from records whose alerts were told by an earlier process."""
    config = configuration(acknowledge_within="1m")
    deploy = {"kind": "deploy", "model_id": "m", "status": "deployed", "model_version": "v2", "time": T}
    records = [record(0, deploy), record(1, {"kind": "tick", "time": T + 180_000}, T + 180_000)]
    told: list[Any] = []
    task = MonitorStage(config, 1, told.append).task(0)
    task.process("journal", records, MemoryOutputs())
    assert told == []
    task.committed({"journal": 2})
    task.committed({"journal": 2})
    assert [(alert["verdict"], alert["model"]) for alert in told] == [("unacknowledged", "m")]
    again = MonitorStage(config, 1, told.append).task(0)
    again.resume({"journal": Past(0, 0, 2)})
    again.process("journal", records, MemoryOutputs())
    again.committed({"journal": 2})
    assert len(told) == 1
