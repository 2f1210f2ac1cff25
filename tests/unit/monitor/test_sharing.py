"""Many models of one partition that share a budget and incidents: by claims in the journal."""

from __future__ import annotations

from typing import Any

import orjson

from streamproc.config.pipeline import Config
from streamproc.monitor.stage import MonitorStage, MonitorTask
from streamproc.replay.memory import MemoryOutputs, MemoryRecord
from streamproc.stage import Past

T, MINUTE = 1_780_000_040_000, 60_000
MODELS = "abcdef"


def configuration(**shared: Any) -> Config:
    model = {"external_metrics": ["x"], "policies": [{"name": "p", "condition": "x > 1", "cooldown": "1m"}]}
    return Config.model_validate({"pipeline": "t", "models": dict.fromkeys(MODELS, model), **shared})


class Partition:
    """A journal that the stage reads and writes."""

    def __init__(self, config: Config) -> None:
        self.config, self.now = config, T
        self.task: Any = MonitorStage(config, 1).task(0)
        self.records: list[MemoryRecord] = []
        self.taken = 0
        self.found: list[tuple[str, dict[str, Any]]] = []
        self._out = MemoryOutputs()
        self.task.wake(T, self._out)
        self.turn()

    def write(self, event: dict[str, Any] | bytes, key: bytes | None) -> None:
        value = event if isinstance(event, bytes) else orjson.dumps(event)
        self.records.append(MemoryRecord("journal", 0, len(self.records), value, key, self.now))

    def metric(self, model: str, x: float = 2) -> None:
        self.write({"kind": "metric", "model_id": model, "time": self.now, "metrics": {"x": x}}, model.encode())

    def turn(self) -> list[tuple[str, str]]:
        """Read until nothing is written any more; (model, verdict or topic) of what came."""
        came: list[tuple[str, dict[str, Any]]] = []
        while True:
            for topic, value, key in self._out.take():
                if topic == "journal":
                    self.write(value, key)
                else:
                    came.append((topic, orjson.loads(value)))
            if self.taken == len(self.records):
                break
            self.task.process("journal", self.records[self.taken :], self._out)
            self.taken = len(self.records)
        self.found += came
        return [(e["model_id"], f"{e['verdict']} {e['rule']}") for topic, e in came if topic == "decisions"]


def test_without_shared_settings_nothing_is_claimed() -> None:
    """A trigger then comes at the very record that fires it."""
    partition = Partition(configuration())
    partition.metric("a")
    assert partition.turn() == [("a", "fired condition")]
    assert not any(b"claim" in (r.value() or b"") for r in partition.records)


def test_a_budget_over_all_models_is_kept_though_they_fire_at_once() -> None:
    """Six models in one batch, three triggers; those that were too late are told why, and claim no more."""
    partition = Partition(configuration(budget={"triggers": 3, "period": "7d"}))
    for model in MODELS:
        partition.metric(model)
    said = partition.turn()
    assert [m for m, verdict in said if verdict == "fired condition"] == ["a", "b", "c"]
    assert [m for m, verdict in said if verdict == "suppressed shared"] == ["d", "e", "f"]
    claims = sum(b'"claim"' in (r.value() or b"") for r in partition.records)
    partition.now += 10 * MINUTE
    partition.metric("d")
    assert partition.turn() == []
    assert sum(b'"claim"' in (r.value() or b"") for r in partition.records) == claims
    triggers = [e for topic, e in partition.found if topic == "triggers"]
    assert [t["reason"] for t in triggers] == ["x > 1"] * 3
    assert len({t["trigger_id"] for t in triggers}) == 3


def test_a_storm_is_one_incident() -> None:
    """The third model within ten minutes opens it; the others are suppressed, and told its id."""
    partition = Partition(configuration(incidents={"models": 3, "within": "10m", "lasts": "2h"}))
    said = []
    for model in MODELS:
        partition.now += MINUTE
        partition.metric(model)
        said += partition.turn()
    assert [m for m, verdict in said if verdict.startswith("fired")] == ["a", "b", "c"]
    assert ("c", "incident storm") in said
    (incident,) = [e for _, e in partition.found if e.get("verdict") == "incident"]
    name = incident["reason"].split(":")[0]
    told = [e["reason"] for _, e in partition.found if e.get("rule") == "shared"]
    assert len(told) == 3
    assert all(name in reason for reason in told)


def test_a_model_that_is_rebuilt_alone_knows_what_was_shared() -> None:
    """Its snapshot is gone, the others' are not: it counts the claims in the journal, and is what it was."""
    config = configuration(budget={"triggers": 3, "period": "7d"}, incidents={"models": 3})
    partition = Partition(config)
    for model in MODELS:
        partition.metric(model)
    partition.turn()
    held = MemoryOutputs()
    for commit in range(40):
        partition.task.snapshot(T + 500 * commit, held)
    heir: MonitorTask = MonitorStage(config, 1).task(0)  # type: ignore[assignment]
    for topic, value, key in held.take():
        if topic == "snapshots" and key is not None and not key.startswith(b"d"):
            heir.load(key, value)
    begin = heir.resume({"journal": Past(0, 0, partition.taken)})["journal"]
    assert (begin, heir.rebuilt) == (0, 1)
    heir.process("journal", partition.records[begin:], MemoryOutputs())
    states = [{m: monitor.state() for m, monitor in task.monitors.items()} for task in (partition.task, heir)]
    assert states[0] == states[1]


def test_what_is_shared_is_part_of_the_configuration_that_decides() -> None:
    """Another budget is another hash: what lies before the change is measured and raises nothing."""
    hashes = set()
    for shared in ({}, {"budget": {"triggers": 3, "period": "7d"}}, {"budget": {"triggers": 4, "period": "7d"}}):
        task: Any = MonitorStage(configuration(**shared), 1).task(0)
        hashes.add(task.monitors["a"].config_hash)
    assert len(hashes) == 3
