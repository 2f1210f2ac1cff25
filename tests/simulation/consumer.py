"""A group member of the model, with the habits of librdkafka that matter.

- Heartbeats, joining and losing the membership go on in the background; the callbacks wait for `consume`.
- A static member that exceeds max.poll.interval.ms does not leave; it forgets its member id and says nothing more.
- Records that were fetched before a callback may be given after it.
- `position` is not known after a seek, and moves past control records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from streamproc.engine.ports import Partition, Position
from streamproc.errors import BrokerUnavailable, MembershipLost
from streamproc.replay.memory import MemoryRecord
from streamproc.stage import Record
from tests.simulation.group import REBALANCE_MS, Group, Identity
from tests.simulation.log import Log

if TYPE_CHECKING:
    from tests.simulation.world import Process

Callback = Callable[[list[Partition]], None]
CALL_LIMIT_MS = 10_000
MAX_POLL_MS = REBALANCE_MS


class SimConsumer:
    """Implements streamproc.engine.ports.Consumer."""

    def __init__(self, process: Process, group: Group, instance: str) -> None:
        self._process, self._world, self._group = process, process.world, group
        self._me = Identity("", -1, instance)
        self._callbacks: tuple[Callback, Callback, Callback] | None = None
        self._assigned: list[Partition] = []
        self._joining = self._lost = self._fenced = self._closed = False
        self._paused: set[Partition] = set()
        self._fetched: dict[Partition, int] = {}
        self._known: dict[Partition, int] = {}
        self._polled = self._world.now

    def subscribe(self, topics: Sequence[str], on_assign: Callback, on_revoke: Callback, on_lost: Callback) -> None:
        self._callbacks = on_assign, on_revoke, on_lost
        self._lost = True
        self._polled = self._world.now

    @property
    def identity(self) -> Identity:
        """Who this member thinks it is."""
        return self._me

    def beats(self) -> bool:
        """Whether the group's coordinator hears from this member."""
        return not self._closed and self._process.beats and self._world.now - self._polled <= MAX_POLL_MS

    def consume(self, limit: int, timeout: float) -> list[Record]:
        self._process.reach("consume")
        self._look()
        self._polled = self._world.now
        early = self._fetch(1) if self._world.rng.random() < 0.3 else []
        if self._world.up:
            self._serve()
        records = early + self._fetch(limit - len(early))
        self._process.reach("consumed")
        return cast("list[Record]", records)

    def group_metadata(self) -> object:
        if self._world.rng.random() < 0.5:
            self._look()
        # Every answer is an object of its own: the model tells by it when it was given.
        self._process.identity = Identity(*self._me)
        return self._process.identity

    def committed(self, partitions: Iterable[Partition]) -> dict[Partition, Position]:
        self._process.reach("committed")
        wanted = list(partitions)
        if self._process.wait_until(
            lambda: self._world.up and self._group.committed(wanted) is not None, CALL_LIMIT_MS
        ):
            return self._group.committed(wanted) or {}
        raise BrokerUnavailable("committed offsets")

    def bounds(self, partition: Partition) -> tuple[int, int]:
        if not self._process.wait_for_broker(CALL_LIMIT_MS):
            raise BrokerUnavailable("watermark offsets")
        log = self._log(partition)
        return log.start, log.end

    def position(self, partition: Partition) -> int:
        return self._known.get(partition, -1)

    def pause(self, partitions: Iterable[Partition]) -> None:
        self._paused.update(partitions)

    def resume_at(self, positions: Mapping[Partition, int]) -> None:
        for partition, offset in positions.items():
            if partition in self._fetched:
                self._fetched[partition] = offset
                self._known.pop(partition, None)
                self._paused.discard(partition)

    def resign(self, seconds: float) -> None:
        if self._world.up and len(self._group.members) > 1 and self._group.standing(self._me) != "fenced":
            if self._callbacks is not None:
                self._call(self._callbacks[1])
            self._group.leave(self._me.member, self._world.now)

    def close(self) -> None:
        if self._assigned and self._callbacks is not None:
            self._call(self._callbacks[1])
        self._closed = True  # a static member does not leave: its session has to expire

    def _look(self) -> None:
        """What librdkafka's own thread has noticed meanwhile."""
        if not self._world.up or self._lost or self._fenced or self._callbacks is None:
            return
        if self._world.now - self._polled > MAX_POLL_MS:
            self._lost, self._me = True, self._me._replace(member="")
            return
        standing = self._group.standing(self._me)
        if standing == "fenced":
            self._fenced = True
        elif standing == "unknown":
            self._lost, self._me = True, self._me._replace(member="")
        elif self._joining:
            answer = self._group.assigned(self._me.member)
            if answer is not None:
                self._me = self._me._replace(generation=answer[0])
        elif standing == "illegal":
            self._lost, self._me = True, self._me._replace(generation=-1)

    def _serve(self) -> None:
        """Run the callbacks that wait."""
        if self._callbacks is None:
            return
        on_assign, on_revoke, on_lost = self._callbacks
        if self._fenced:
            self._call(on_lost)
            raise MembershipLost("another member has this slot")
        if self._lost:
            self._call(on_lost)
            self._join()
        elif self._joining and self._group.awaits(self._me.member):
            self._join()  # another rebalance has begun before this one was heard of
        elif self._joining:
            answer = self._group.assigned(self._me.member)
            if answer is not None:
                self._joining, self._me = False, self._me._replace(generation=answer[0])
                self._assign(answer[1], on_assign)
        elif self._group.standing(self._me) == "rebalance":
            self._call(on_revoke)
            self._join()

    def _join(self) -> None:
        """Callbacks take time: everything may be different after them."""
        self._lost = False
        if not self._world.up:
            self._lost = True
            return
        standing = self._group.standing(self._me) if self._me.member else "unknown"
        if standing == "fenced":
            self._fenced = True
            return
        member = "" if standing == "unknown" else self._me.member
        joined = self._group.join(member, self._me.instance, self.beats, self._world.now)
        self._me, self._joining = self._me._replace(member=joined), True

    def _assign(self, partitions: list[Partition], on_assign: Callback) -> None:
        self._assigned = partitions
        self._paused = set(partitions)
        settled = self._group.offsets
        self._fetched = {p: settled[p].offset if p in settled else self._log(p).start for p in partitions}
        self._known.clear()
        self._process.reach("assign")
        on_assign(list(partitions))

    def _call(self, callback: Callback) -> None:
        """Tell that the assignment is gone."""
        if self._assigned:
            self._process.reach("revoke" if callback == cast("tuple[Callback, ...]", self._callbacks)[1] else "lost")
            callback(list(self._assigned))
            self._process.check_let_go()
        self._assigned, self._joining = [], False
        self._fetched.clear()
        self._known.clear()

    def _fetch(self, limit: int) -> list[MemoryRecord]:
        found: list[MemoryRecord] = []
        if not self._world.up:
            return found
        logs, random = self._world.logs, self._world.rng.random
        partitions = [p for p, at in self._fetched.items() if p not in self._paused and at < logs[p].stable_end]
        if len(partitions) > 1:
            self._world.rng.shuffle(partitions)
        for partition in partitions:
            room = limit - len(found)
            if room <= 0:
                break
            records, place = logs[partition].read(self._fetched[partition], 1 + int(random() * room))
            found += records
            self._fetched[partition] = self._known[partition] = place
        return found

    def _log(self, partition: Partition) -> Log:
        return self._world.logs[partition]
