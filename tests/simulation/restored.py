"""A state that was restored and one that was never interrupted go on in the same way."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import zip_longest
from types import MappingProxyType
from typing import cast

import orjson

from streamproc.config.pipeline import Config
from streamproc.events.partitioner import partition_of
from streamproc.join.stage import JoinStage, JoinTask
from streamproc.monitor.stage import TICK_MS, MonitorStage
from streamproc.replay.memory import MemoryOutputs, MemoryRecord
from streamproc.stage import Record, Task
from tests.simulation.truth import Kept, Truth
from tests.simulation.world import World

SUFFIX = 24
NOTHING: Mapping[int, int] = MappingProxyType({})


def compare_restored(world: World, config: Config, truths: Mapping[str, Truth], rest: Callable[[], None]) -> list[str]:
    """Kill everything, let one process of each stage restore all of it, with old disks or none, and compare."""
    for process in world.processes:
        process.alive = False
    world.advance(30_000)
    slot = world.rng.choice(("0", "1", "heir"))
    heirs = {stage: world.start(stage, slot) for stage in world.stages}
    rest()
    restored = {stage: heir.engine._tasks.tasks for stage, heir in heirs.items()}
    return differences(world, config, truths, restored, world.now, let_go=world.let_go)


def differences(
    kept: Kept,
    config: Config,
    truths: Mapping[str, Truth],
    restored: Mapping[str, Mapping[int, Task]],
    now: int,
    *,
    let_go: Mapping[int, int] = NOTHING,
) -> list[str]:
    """Where restored tasks (by stage and partition) go on otherwise than ones that have seen the logs in one go.

    They are changed by it. `now` in epoch ms; `let_go` as of `World`.
    """
    return [
        *_joins(kept, config, truths, restored["join"], now, let_go=let_go),
        *_monitors(kept, config, restored["monitor"], now),
    ]


def _joins(
    kept: Kept,
    config: Config,
    truths: Mapping[str, Truth],
    restored: Mapping[int, Task],
    now: int,
    *,
    let_go: Mapping[int, int],
) -> Iterator[str]:
    stage = JoinStage(config, len(restored))
    for number, task in restored.items():
        whole = cast("JoinTask", stage.task(number))
        records = [r for topic in stage.folded for r in kept.logs[topic, number].committed()]
        for record in sorted(records, key=lambda r: r.time):
            whole.process(record.topic_name, [record], MemoryOutputs())
        oldest = max(whole.joiner.horizon, let_go.get(number, 0))
        held = [truth for truth in truths.values() if truth.is_exact and truth.event["time"] >= oldest]
        suffix = _join_suffix(config, number, len(restored), held, now)
        got, wanted = _said(task, suffix), _said(whole, suffix)
        if got != wanted:
            unlike = [pair for pair in zip_longest(got, wanted) if pair[0] != pair[1]]
            yield f"the restored join {number} goes on differently (restored, whole): {unlike}"


def _join_suffix(config: Config, number: int, partitions: int, held: Sequence[Truth], now: int) -> list[MemoryRecord]:
    """Predictions that the join must still know once more, and labels for them, old and new."""
    rng = random.Random(number)
    predictions, labels = config.topics.predictions, config.topics.labels
    names = [
        truth.event["prediction_id"]
        for truth in held
        if partition_of(truth.event["prediction_id"], partitions) == number
    ]
    suffix = []
    for name in rng.sample(names, min(SUFFIX, len(names))):
        key = name.encode()
        again = orjson.dumps(next(truth.event for truth in held if truth.event["prediction_id"] == name))
        label = orjson.dumps({"prediction_id": name, "label": rng.choice((0, 1, 5.5))})
        suffix.append(MemoryRecord(predictions, number, 10**6, again, key, now))
        suffix.append(MemoryRecord(labels, number, 10**6, label, key, now))
    return suffix


def _monitors(kept: Kept, config: Config, restored: Mapping[int, Task], now: int) -> Iterator[str]:
    journal = config.topics.journal
    stage = MonitorStage(config, len(restored))
    for number, task in restored.items():
        whole = stage.task(number)
        records: list[Record] = [*kept.logs[journal, number].committed()]
        whole.process(journal, records, MemoryOutputs())
        suffix = _monitor_suffix(kept.logs[journal, number].committed(), journal, number, now)
        if _said(task, suffix) != _said(whole, suffix):
            yield f"the restored monitor {number} goes on differently"


def _monitor_suffix(committed: Sequence[MemoryRecord], journal: str, number: int, now: int) -> list[MemoryRecord]:
    """The last records once more under new offsets, and the next minutes."""
    place = committed[-1].place + 1 if committed else 0
    tail = [r for r in committed if b'"tick"' not in (r.value_bytes or b"")][-SUFFIX:]
    suffix = [MemoryRecord(journal, number, place + n, r.value_bytes, r.key_bytes, now + n) for n, r in enumerate(tail)]
    for n in range(1, 4):
        time = now - now % TICK_MS + (n + 3) * TICK_MS
        tick = orjson.dumps({"kind": "tick", "time": time})
        suffix.insert(n * len(suffix) // 4, MemoryRecord(journal, number, place + SUFFIX + n, tick, None, time))
    return suffix


def _said(task: Task, suffix: list[MemoryRecord]) -> list[tuple[str, bytes, bytes | None]]:
    out = MemoryOutputs()
    for record in suffix:
        task.process(record.topic_name, [record], out)
    return out.sent
