"""A monitor's task that goes on from its snapshots says what one says that was never interrupted."""

from __future__ import annotations

import random
from typing import Any, cast

import orjson
import pytest

from streamproc.config.load import from_mapping
from streamproc.config.pipeline import Config
from streamproc.errors import JournalTruncated
from streamproc.events.partitioner import partition_of
from streamproc.monitor.stage import MonitorStage, MonitorTask
from streamproc.replay.memory import MemoryOutputs, MemoryRecord
from streamproc.stage import Past, Record

JOURNAL = "journal"
INTERVAL = 10_000
Keyed = dict[bytes, bytes]


def configuration(*models: str, window: int = 20, truncated: str = "stop") -> Config:
    """A condition that fires often, on models that need little for it."""
    model = {
        "window": window,
        "min_samples": 5,
        "detectors": {"worse": {"type": "page_hinkley", "min_instances": 5, "threshold": 2.0}},
        "policies": [
            {"name": "bad", "condition": "accuracy < 0.4 or worse", "cooldown": "30s"},
            {"name": "often", "schedule": {"cron": "* * * * *"}},
        ],
        "retrain_timeout": "20s",
    }
    return from_mapping(
        {
            "pipeline": "p",
            "models": dict.fromkeys(models, model),
            "engine": {"snapshot_interval": f"{INTERVAL}ms", "truncated_journal": truncated},
        }
    )


def task(config: Config, partitions: int = 1) -> MonitorTask:
    """Of partition 0."""
    return cast("MonitorTask", MonitorStage(config, partitions).task(0))


def journal(config: Config, count: int) -> list[Record]:
    """A life of its models: outcomes, ticks, and now and then a gap in time."""
    rng, now, records = random.Random(count), 1_800_000_000_000, list[Record]()
    for model_id in config.models:
        told = {"kind": "config", "model_id": model_id, "config_hash": config.models[model_id].config_hash, "time": now}
        records.append(MemoryRecord(JOURNAL, 0, len(records), orjson.dumps(told), model_id.encode(), now))
    while len(records) < count:
        now += rng.choice((10, 500, 20_000))
        event: dict[str, Any] = {"kind": "tick", "time": now - now % 60_000}
        key = None
        if rng.random() < 0.9:
            model_id = rng.choice(sorted(config.models))
            event = {"kind": "outcome", "model_id": model_id, "prediction_id": f"id-{len(records)}", "time": now}
            event |= {"prediction": 1, "label": int(rng.random() < (0.8 if now // 300_000 % 2 else 0.2))}
            event["label_time"], key = now, model_id.encode()
        records.append(MemoryRecord(JOURNAL, 0, len(records), orjson.dumps(event), key, now))
    return records


def snapshots(monitors: MonitorTask, records: list[Record]) -> Keyed:
    """What is on the snapshots topic after these records; a commit follows each of them, half a second apart."""
    out, held = MemoryOutputs(), Keyed()
    for n, record in enumerate(records):
        monitors.process(JOURNAL, [record], out)
        monitors.snapshot(500 * n, out)
        held.update({key: value for topic, value, key in out.take() if topic == "snapshots" and key is not None})
    return held


def restored(config: Config, held: Keyed, past: Past) -> tuple[MonitorTask, int]:
    """A new task that has read them, and where it wants to begin."""
    heir = task(config)
    for key, value in held.items():
        heir.load(key, value)
    return heir, heir.resume({JOURNAL: past})[JOURNAL]


def said(monitors: MonitorTask, records: list[Record]) -> list[tuple[str, bytes, bytes | None]]:
    out = MemoryOutputs()
    monitors.process(JOURNAL, records, out)
    return out.sent


MODELS = ("a", "b", "c", "d", "e")


@pytest.mark.parametrize("cut", [1, 40, 333, 599])
def test_an_heir_goes_on_as_if_nothing_had_been(cut: int) -> None:
    """Triggers and decisions, byte for byte; and what it reads again is little."""
    config = configuration(*MODELS)
    records, whole = journal(config, 900), task(config)
    held = snapshots(whole, records[:cut])
    heir, begin = restored(config, held, Past(0, 0, cut))
    said(heir, records[begin:cut])
    wanted, got = said(whole, records[cut:]), said(heir, records[cut:])
    assert got == wanted
    assert any(topic == "triggers" for topic, _, _ in wanted)
    if cut > 300:
        assert begin > cut - 60, "each model comes up once in 20 commits, and the oldest snapshot counts"
        assert heir.rebuilt == 0


def test_a_model_without_a_snapshot_is_rebuilt_and_the_others_are_not() -> None:
    """Those that have one do not take again what is in it."""
    config = configuration(*MODELS)
    records, whole = journal(config, 900), task(config)
    held = snapshots(whole, records[:600])
    damaged = {key: value[:-1] if key.startswith(b"b") else value for key, value in held.items()}
    heir, begin = restored(config, damaged, Past(0, 0, 600))
    assert (begin, heir.rebuilt) == (0, 1)
    assert {key for _, _, key in said(heir, records[:500])} == {b"b"}
    said(heir, records[500:600])
    assert said(heir, records[600:]) == said(whole, records[600:])


def test_snapshots_from_after_the_committed_offset_are_not_used() -> None:
    """Somebody has set the offsets back: the state is what it was there."""
    config = configuration(*MODELS)
    records, whole = journal(config, 900), task(config)
    held = snapshots(whole, records[:600])
    heir, begin = restored(config, held, Past(0, 0, 100))
    assert (begin, heir.rebuilt) == (0, len(MODELS))
    early = task(config)
    said(early, records[:100])
    said(heir, records[:100])
    assert said(heir, records[100:]) == said(early, records[100:])


def test_a_journal_without_its_beginning_will_do_with_snapshots() -> None:
    """They begin after what is gone."""
    config = configuration(*MODELS)
    records, whole = journal(config, 900), task(config)
    held = snapshots(whole, records[:600])
    heir, begin = restored(config, held, Past(300, 0, 600))
    assert begin >= 300
    said(heir, records[begin:600])
    assert said(heir, records[600:]) == said(whole, records[600:])


@pytest.mark.parametrize("change", ["none are left", "one is damaged", "they are too old"])
def test_a_state_that_cannot_be_rebuilt_stops_the_stage(change: str) -> None:
    """The message names the models and the setting that goes on all the same."""
    config = configuration(*MODELS)
    records, first = journal(config, 900), 595 if change == "they are too old" else 300
    held = snapshots(task(config), records[:600])
    if change == "none are left":
        held.clear()
    elif change == "one is damaged":
        held = {key: b"" if key.startswith(b"b") else value for key, value in held.items()}
        held |= {key: b"?" for key in list(held) if key.startswith(b"b")}
    with pytest.raises(JournalTruncated, match=rf"begins at offset {first}(.|\n)*truncated_journal"):
        restored(config, held, Past(first, 0, 600))
    rebuilding = configuration(*MODELS, truncated="rebuild")
    heir, begin = restored(rebuilding, held, Past(first, 0, 600))
    assert begin == first
    assert heir.rebuilt > 0


@pytest.mark.parametrize("change", ["a new model", "another window"])
def test_a_changed_configuration_may_begin_with_what_is_left(change: str) -> None:
    """There is no state of it that could be lost."""
    config = configuration(*MODELS)
    records = journal(config, 900)
    held = snapshots(task(config), records[:600])
    changed = configuration(*MODELS, "new") if change == "a new model" else configuration(*MODELS, window=30)
    heir, begin = restored(changed, held, Past(300, 0, 600))
    assert begin == 300
    assert heir.rebuilt == (1 if change == "a new model" else len(MODELS))


def test_a_partition_without_models_keeps_its_place() -> None:
    """Else it would read all of its ticks again at each start."""
    config = configuration("a")
    partitions = next(n for n in range(2, 10) if partition_of("a", n))
    records, whole = [r for r in journal(config, 900) if r.key() is None], task(config, partitions)
    assert not whole.monitors
    held, heir, out = snapshots(whole, records), task(config, partitions), MemoryOutputs()
    for key, value in held.items():
        heir.load(key, value)
    assert heir.resume({JOURNAL: Past(0, 0, 900)})[JOURNAL] > records[-30].offset()
    heir.wake(1_800_000_000_000, out)
    assert not out.sent, "this minute's tick is there"


def test_only_what_has_changed_is_written() -> None:
    """An idle model costs nothing until the next tick."""
    config = configuration(*MODELS)
    records, monitors, out = journal(config, 200), task(config), MemoryOutputs()
    snapshots(monitors, records)
    for n in range(1, 100):
        monitors.snapshot(1_000_000 + n * INTERVAL, out)
    out.take()
    monitors.snapshot(3_000_000, out)
    assert out.take() == []
    outcome = next(r for r in reversed(records) if r.key() == b"c")
    monitors.process(JOURNAL, [MemoryRecord(JOURNAL, 0, 200, outcome.value(), b"c", 1_800_100_000_000)], out)
    out.take()
    monitors.snapshot(4_000_000, out)
    assert {(key or b"").split(b"\x00")[0] for _, _, key in out.take()} == {b"c", b""}
