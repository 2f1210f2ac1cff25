"""One simulated life of a pipeline, from its seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from streamproc.config.pipeline import Config
from streamproc.join.stage import JoinStage
from streamproc.monitor.stage import MonitorStage
from streamproc.stage import Stage
from tests.simulation.checks import against_the_rules, breaches
from tests.simulation.faults import Faults, RandomFaults
from tests.simulation.restored import compare_restored
from tests.simulation.retrains import Retrains
from tests.simulation.traffic import PARTITIONS, Traffic, configuration, topics
from tests.simulation.truth import offline_join
from tests.simulation.world import Disks, Process, World

SLOTS = ("0", "1")
SPAN_MS, SHORT_SPAN_MS = 60_000, 20_000
"""How long users write."""
CALM_AFTER_MS = 15_000
"""How long faults go on after that."""
MOST_STEPS = 20_000
PATIENCE_MS = 150_000
WORKS_EVERY = 3
"""In so many lives one has a retrain worker."""


class Broken(AssertionError):
    """Something that must be so is not."""


@dataclass(slots=True)
class Finished:
    """What there is to know about a run."""

    world: World
    config: Config
    breaches: list[str]


@cache
def config_for(short_ttl: bool, *, retrained: bool = False, on_probation: bool = False) -> Config:
    return configuration(short_ttl=short_ttl, retrained=retrained, on_probation=on_probation)


def patient(config: Config) -> Config:
    """The same, but triggers are seldom given up for lack of time."""
    models = {name: m.model_copy(update={"retrain_timeout": PATIENCE_MS}) for name, m in config.models.items()}
    return config.model_copy(update={"models": models})


def stages_of(config: Config) -> Mapping[str, Callable[[Disks], Stage]]:
    """The two stages that are simulated; of the join's entries hardly any stay in memory."""
    return {
        "join": lambda disks: JoinStage(config, PARTITIONS, disks, recent=2),
        "monitor": lambda _: MonitorStage(config, PARTITIONS),
    }


def simulate(seed: int) -> Finished:
    """A long life with anything in it that the seed brings; in every third one the worker retrains."""
    rng = random.Random(seed)
    short_ttl = rng.random() < 0.3
    config = config_for(short_ttl, retrained=seed % WORKS_EVERY == 0, on_probation=True)
    retrains = Retrains(config, rng) if seed % WORKS_EVERY == 0 else None
    world = _world(rng, RandomFaults(rng, rng.choice((0.01, 0.03, 0.06))), config, retrains)
    traffic = Traffic(world, config, 90, SPAN_MS)
    _come_and_go(world, retrains)
    _compaction(world, config)
    if short_ttl:
        _retention(world)
    return _finish(world, config, traffic, SPAN_MS, retrains)


def simulate_worker(seed: int, faults: Faults | None = None) -> Finished:
    """A life of the retrain worker alone, with anything in it that the seed brings, or with these faults only."""
    rng = random.Random(seed)
    retrains = Retrains(patient(config_for(False, retrained=True)), rng)
    rate = rng.choice((0.003, 0.01, 0.03))
    world = World(
        rng, topics(retrains.config), {"retrain": lambda _: retrains.stage()}, faults or RandomFaults(rng, rate)
    )
    retrains.world = world
    for slot in SLOTS:
        world.start("retrain", slot)
    retrains.fire(10 if faults is None else 4, SHORT_SPAN_MS)
    if faults is None:
        _come_and_go(world, retrains)
    world.later((SPAN_MS if faults is None else SHORT_SPAN_MS) + CALM_AFTER_MS, world.calm)
    _rest(world, retrains.rest)
    for process in world.processes:
        process.alive = False
    world.advance(30_000)
    world.start("retrain", "heir")
    _rest(world, retrains.rest)
    found = [*against_the_rules(world), *retrains.breaches(), *retrains.compare_restored()]
    return Finished(world, retrains.config, found)


def simulate_plan(seed: int, faults: Faults) -> Finished:
    """A short life with these faults only."""
    config = config_for(False)
    world = _world(random.Random(seed), faults, config)
    return _finish(world, config, Traffic(world, config, 25, SHORT_SPAN_MS), SHORT_SPAN_MS)


def _world(rng: random.Random, faults: Faults, config: Config, retrains: Retrains | None = None) -> World:
    stages = stages_of(config)
    if retrains is not None:
        stages = {**stages, "retrain": lambda _: retrains.stage()}
    world = World(rng, topics(config), stages, faults)
    if retrains is not None:
        retrains.world = world
    for stage in world.stages:
        for slot in SLOTS:
            world.start(stage, slot)
    return world


def _finish(world: World, config: Config, traffic: Traffic, span_ms: int, retrains: Retrains | None = None) -> Finished:
    def rest() -> None:
        _rest(world, lambda: retrains is None or retrains.rest())

    world.later(span_ms + CALM_AFTER_MS, world.calm)
    rest()
    truths = offline_join(world, config, traffic.refused, traffic.unsuitable)
    found = breaches(world, config, traffic, truths)
    found += compare_restored(world, config, truths, rest)
    if retrains is not None:
        found += [*retrains.breaches(), *retrains.compare_restored()]
    return Finished(world, config, found)


def _come_and_go(world: World, retrains: Retrains | None) -> None:
    """Members leave and come back; a third one joins and leaves."""
    for _ in range(world.rng.randint(0, 4)):
        world.later(world.rng.randrange(SPAN_MS), lambda: _leave(world, retrains))
    for _ in range(0 if retrains is None else world.rng.randint(0, 4)):
        world.later(world.rng.randrange(SPAN_MS), lambda: _leave(world, retrains, "retrain"))
    for stage in world.stages:
        if world.rng.random() < 0.3:
            world.later(world.rng.randrange(SPAN_MS), lambda stage=stage: _start(world, stage, "2"))  # type: ignore[misc]


def _leave(world: World, retrains: Retrains | None, stage: str | None = None) -> None:
    ready = [p for p in world.processes if p.alive and not p.busy and stage in (None, p.stage)]
    if ready:
        process = world.rng.choice(ready)
        if retrains is not None and process.stage == "retrain":
            retrains.leave(process)
        else:
            process.leave()
        if process.slot in SLOTS:
            world.later(world.rng.randint(0, 15_000), lambda: _start_anew(world, process))


def _start_anew(world: World, process: Process) -> None:
    """A supervisor does so when the process has ended, which may take a while."""
    if process.alive and process.stage == "retrain" and not world.is_calm:
        world.later(1_000, lambda: _start_anew(world, process))
    else:
        _start(world, process.stage, process.slot)


def _start(world: World, stage: str, slot: str) -> None:
    if not any(p.alive and (p.stage, p.slot) == (stage, slot) for p in world.processes):
        world.start(stage, slot)


def _retention(world: World) -> None:
    """The brokers drop all that the join has committed to need no more."""

    def drop() -> None:
        for (topic, number), position in world.group("p-join").offsets.items():
            if position.bookmark is not None:
                log = world.logs[topic, number]
                needed = log.first_at(position.bookmark)
                log.truncate(position.offset if needed is None else min(needed, position.offset))
        if world.waits:
            world.later(20_000, drop)

    world.later(20_000, drop)


def _compaction(world: World, config: Config) -> None:
    """The brokers keep the newest snapshot of each key."""

    def compact() -> None:
        for number in range(world.topics[config.topics.snapshots]):
            world.logs[config.topics.snapshots, number].compact()
        if not world.is_calm:
            world.later(15_000, compact)

    world.later(15_000, compact)


def _rest(world: World, is_done: Callable[[], bool]) -> None:
    """Go on until all is read and nobody has anything to do."""
    for step in range(MOST_STEPS):
        world.step()
        if step % 16 == 0 and world.is_calm and _rests(world) and is_done():
            return
    raise Broken("the pipeline does not come to rest")


def _rests(world: World) -> bool:
    if world.waits or world.coordinator.busy or not world.up:
        return False
    for group in world.groups.values():
        if group.rebalance_until is not None:
            return False
        for topic, count in group.topics.items():
            for number in range(count):
                position = group.offsets.get((topic, number))
                if world.logs[topic, number].waits_behind(position.offset if position else 0):
                    return False
    return all(p.engine.progress.live for p in world.processes if p.alive)
