"""Brokers, processes and time: one seeded scheduler, no thread, no sleep.

A process is stopped in the midst of a call by letting the rest of the world go on inside of that call.
"""

from __future__ import annotations

import contextlib
import heapq
import random
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import count

from streamproc.engine.loop import Engine, Settings
from streamproc.errors import SlotTaken
from streamproc.events.partitioner import murmur2
from streamproc.join.stage import JoinTask
from streamproc.join.store.disk import Disk
from streamproc.stage import Stage
from tests.simulation.clients import SimKafka, SimProducer
from tests.simulation.consumer import SimConsumer
from tests.simulation.disk import SimDisk
from tests.simulation.faults import Crash, Fault, Faults, NoFaults
from tests.simulation.group import Group
from tests.simulation.log import Log
from tests.simulation.transactions import Coordinator
from tests.unit.join.disks import MemoryDisk

START = 1_767_225_600_000  # 2026-01-01T00:00:00Z
PIPELINE = "p"
DEAD_LETTERS = "dead-letters"
STEPS_MS = (0, 1, 10, 50, 100, 200, 400, 800, 1_600)
DEEPEST = 2
"""A process that is stopped while another one is stopped, and no deeper."""
STRAY_MS = (1, 8_000)
FREEZE_MS, HANG_MS, OUTAGE_MS, RESTART_MS = (11_000, 25_000), (31_000, 45_000), (500, 25_000), (50, 14_000)


LOST_DISK = 0.1
"""The share of starts that find an empty disk."""

Disks = Callable[[int], Disk]
Place = tuple[str, str, int, int]
"""(stage, slot, host, partition)"""
_hash = lru_cache(maxsize=10_000)(murmur2)


def _no_disks(partition: int) -> Disk:
    raise AssertionError("this stage is only looked at")


class World:
    """Everything there is. `stages` makes the stage of a process by the stage's name."""

    def __init__(
        self,
        rng: random.Random,
        topics: Mapping[str, int],
        stages: Mapping[str, Callable[[Disks], Stage]],
        faults: Faults,
    ) -> None:
        self.rng, self.topics, self.stages = rng, topics, stages
        self.faults = faults
        self.now, self.up = START, True
        self.logs = {(topic, n): Log(topic, n) for topic, count in topics.items() for n in range(count)}
        self.coordinator = Coordinator(rng)
        self.groups: dict[str, Group] = {}
        self.processes: list[Process] = []
        self.disks: dict[Place, MemoryDisk] = {}
        """What is on the hosts' disks: it survives the processes."""
        self.let_go: dict[int, int] = {}
        """Partition -> the event time before which some life of the join has let everything go.

        The logs alone do not tell: a topic that falls silent for minutes holds nothing back (`pass_over_idle`), and
        what has expired by that is not read again by whoever restores the state.
        """
        self.complaints: list[str] = []
        self.depth = 0
        self.crashes = self.zombies = self.slots_taken = 0
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._entries = 0
        self._inputs = {f"{PIPELINE}-{name}": make(_no_disks).inputs for name, make in stages.items()}

    def group(self, name: str) -> Group:
        """The group of a stage."""
        if name not in self.groups:
            self.groups[name] = Group(name, {topic: self.topics[topic] for topic in self._inputs[name]})
        return self.groups[name]

    def partition_for(self, topic: str, key: bytes | None) -> int:
        """As the producers' murmur2_random partitioner."""
        count = self.topics[topic]
        return self.rng.randrange(count) if key is None else _hash(key) % count

    def produce(self, topic: str, key: bytes | None, value: bytes | None) -> tuple[str, int, int]:
        """Write a record from outside -> (topic, partition, offset)."""
        log = self.logs[topic, self.partition_for(topic, key)]
        log.append(value, key, self.now)
        return topic, log.number, log.end - 1

    def later(self, after_ms: int, what: Callable[[], None]) -> None:
        """Do something when that time has come."""
        self._entries += 1
        heapq.heappush(self._agenda, (self.now + after_ms, self._entries, what))

    @property
    def waits(self) -> bool:
        """Whether something is still to happen by itself."""
        return bool(self._agenda)

    def start(self, stage: str, slot: str) -> Process:
        """Start a process."""
        process = Process(self, stage, slot)
        self.processes = [p for p in self.processes if p.alive]
        self.processes.append(process)
        return process

    def complain(self, what: str) -> None:
        """Note a breach of the rules that the model itself can see."""
        self.complaints.append(f"at {self.now - START} ms: {what}")

    def advance(self, ms: int) -> None:
        """Let time pass: agenda, sessions, transactions."""
        self.now += ms
        while self._agenda and self._agenda[0][0] <= self.now:
            heapq.heappop(self._agenda)[2]()
        if self.up:
            self.coordinator.advance(self.now)
            for group in self.groups.values():
                group.advance(self.now)

    def step(self) -> None:
        """Some time passes, then one process does one round of its loop."""
        random = self.rng.random  # `choice` takes its time
        self.advance(STEPS_MS[int(random() * len(STEPS_MS))])
        ready = [p for p in self.processes if p.alive and not p.busy]
        if ready:
            ready[int(random() * len(ready))].step()

    def calm(self) -> None:
        """From now on nothing befalls anybody."""
        self.faults = NoFaults()

    @property
    def is_calm(self) -> bool:
        """Whether the faults are over."""
        return isinstance(self.faults, NoFaults)

    def outage(self) -> None:
        """No broker answers for a while; sessions do not run out meanwhile."""
        if self.up:
            self.up = False
            self.later(self.rng.randint(*OUTAGE_MS), self._recover)

    def _recover(self) -> None:
        self.up = True
        for group in self.groups.values():
            for member in group.members.values():
                member.deadline = max(member.deadline, self.now + 5_000)


class Process:
    """One process that runs one stage in one slot."""

    def __init__(self, world: World, stage: str, slot: str) -> None:
        self.world, self.stage, self.slot = world, stage, slot
        self.alive, self.busy, self._frozen = True, False, False
        self.producer: SimProducer | None = None
        self.consumer: SimConsumer | None = None
        self.identity: object = None
        self._clock_error = world.rng.randint(-2_000, 2_000)
        settings = Settings(PIPELINE, slot, DEAD_LETTERS, world.rng.choice((1, 3, 20, 500)), world.rng.choice((0, 300)))
        self.instance = settings.member(stage)
        self.own_group = world.group(settings.group(stage))
        others: set[int] = {p.host for p in world.processes if p.alive and (p.stage, p.slot) == (stage, slot)}
        # Two processes with one slot are never on one host: the second one could not lock its directory.
        self.host: int = next(host for host in count() if host not in others)
        if world.rng.random() < LOST_DISK:
            for place in [place for place in world.disks if place[:3] == (stage, slot, self.host)]:
                del world.disks[place]
        self.engine = Engine(world.stages[stage](self.disk), SimKafka(self), settings, self.clock)
        self.engine.start()

    def disk(self, partition: int) -> Disk:
        """The partition's own disk on the process's host."""
        place = self.stage, self.slot, self.host, partition
        return SimDisk(self, self.world.disks.setdefault(place, MemoryDisk()))

    def join(self, consumer: SimConsumer) -> SimConsumer:
        """This is the process's consumer."""
        self.consumer = consumer
        return consumer

    def clock(self) -> int:
        """What the machine's clock shows: not quite the right time."""
        return self.world.now + self._clock_error

    @property
    def beats(self) -> bool:
        """Whether its background threads run."""
        return self.alive and not self._frozen

    def step(self) -> None:
        """One round of the loop, until it ends or the process does."""
        self.run(self.engine.step)

    def leave(self) -> None:
        """SIGTERM."""
        self.run(self.engine.finish)
        if self.alive:
            self.run(self.engine.close)
        self.alive = False

    def run(self, what: Callable[[], None]) -> None:
        """Let the process do something, which may be its last."""
        self.busy = True
        try:
            what()
        except Crash:
            self.alive = False
            self._succeed(self.world.rng.randint(*RESTART_MS))
        except SlotTaken:
            self.world.slots_taken += 1
            with contextlib.suppress(Crash):
                self.engine.close()
            self.alive = False
            self._succeed(RESTART_MS[1])
        finally:
            self.busy = False
            self._note_what_is_let_go()

    def _note_what_is_let_go(self) -> None:
        for number, task in self.engine._tasks.tasks.items():
            if isinstance(task, JoinTask):
                self.world.let_go[number] = max(task.joiner.horizon, self.world.let_go.get(number, 0))

    def _succeed(self, after_ms: int) -> None:
        """A supervisor starts the process anew, unless somebody has done so."""

        def start() -> None:
            if not any(p.alive and (p.stage, p.slot) == (self.stage, self.slot) for p in self.world.processes):
                self.world.start(self.stage, self.slot)

        self.world.later(after_ms, start)

    def reach(self, point: str) -> None:
        """The loop has come to this point: what befalls the process here?"""
        if not self.alive:
            raise Crash
        rng, world = self.world.rng, self.world
        match world.faults.at(point):
            case Fault.CRASH:
                world.crashes += 1
                raise Crash
            case Fault.FREEZE:
                self.stall(rng.randint(*FREEZE_MS), frozen=True)
            case Fault.HANG:
                self.stall(rng.randint(*HANG_MS), frozen=False)
            case Fault.REPLACE:
                world.start(self.stage, self.slot)
                self.stall(rng.randint(*FREEZE_MS), frozen=True)
            case Fault.STRAY:
                late, instance = rng.randint(*STRAY_MS), self.instance
                world.later(late, lambda: self.own_group.stray(instance, world.now))
            case Fault.OUTAGE:
                world.outage()
            case Fault.CLOCK:
                self._clock_error = rng.choice((-90_000, -61_000, -5_000, 0, 5_000, 61_000, 90_000))

    def stall(self, ms: int, *, frozen: bool) -> None:
        """Stand still in the midst of a call while everybody else goes on."""
        self.world.zombies += 1
        self._frozen = frozen
        self.wait_until(lambda: False, ms)
        self._frozen = False

    def wait_for_broker(self, limit_ms: int) -> bool:
        """Wait until a broker answers; False when the limit has passed."""
        return self.world.up or self.wait_until(lambda: self.world.up, limit_ms)

    def wait_until(self, ready: Callable[[], bool], limit_ms: int) -> bool:
        """Stand still until something is so; False when the limit has passed before."""
        world = self.world
        deadline = world.now + limit_ms
        world.depth += 1
        while not ready() and world.now < deadline:
            if world.depth > DEEPEST:
                world.advance(min(1_000, deadline - world.now))
            else:
                world.step()
        world.depth -= 1
        return ready()

    def check_let_go(self) -> None:
        """Nothing may stay open of partitions that are gone."""
        if self.producer is not None and self.producer.is_open:
            self.world.complain(f"{self.stage} {self.slot}: partitions are gone, their transaction is still open")
