"""A consumer group as its coordinator keeps it: the classic protocol, static members, eager rebalances, range assignor.

As in Kafka, a process that comes back with a member's group.instance.id takes over that member's place and partitions
without a rebalance, and the process that had it is fenced. Closing a static member does not make it leave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from streamproc.engine.ports import Partition, Position

SESSION_MS = 10_000
REBALANCE_MS = 30_000
"""How long a rebalance waits for members that do not come: max.poll.interval.ms of the model."""

Standing = Literal["ok", "rebalance", "unknown", "illegal", "fenced"]


class Identity(NamedTuple):
    """What `consumer_group_metadata()` gives: who a member was when it was asked."""

    member: str
    generation: int
    instance: str


@dataclass(slots=True)
class Member:
    """One member; `beats` tells whether its process still sends heartbeats."""

    instance: str
    beats: Callable[[], bool]
    deadline: int
    joined: bool = True


@dataclass(slots=True)
class Group:
    """Membership and offsets of one group over topics with these partition counts."""

    name: str
    topics: Mapping[str, int]
    generation: int = 0
    members: dict[str, Member] = field(default_factory=dict)
    assignment: dict[str, list[Partition]] = field(default_factory=dict)
    offsets: dict[Partition, Position] = field(default_factory=dict)
    pending: dict[int, dict[Partition, Position]] = field(default_factory=dict)
    rebalance_until: int | None = None
    steps_back: list[str] = field(default_factory=list)
    """Committed offsets that went back: none may."""
    _named: int = 0

    def join(self, member: str, instance: str, beats: Callable[[], bool], now: int) -> str:
        """Take part, as a new member or again -> the member id. An unknown member id must be given up first."""
        holder = self._holder(instance)
        if not member and holder is not None:
            member = self._name(instance)
            old = self.members.pop(holder)
            self.members[member] = Member(instance, beats, now + SESSION_MS, old.joined)
            self.assignment[member] = self.assignment.pop(holder, [])
        elif not member:
            member = self._name(instance)
            self.members[member] = Member(instance, beats, now + SESSION_MS)
            self._rebalance(now)
        elif self.rebalance_until is None:
            self._rebalance(now)
        self.members[member].joined = True
        self.advance(now)
        return member

    def stray(self, instance: str, now: int) -> None:
        """A request to join arrives whose sender does not wait for the answer any more."""
        if self._holder(instance) is not None:
            self.join("", instance, lambda: False, now)

    def leave(self, member: str, now: int) -> None:
        """A member says that it goes; without others there is nobody to share its partitions among."""
        if self.members.pop(member, None) is not None:
            self.assignment.pop(member, None)
            self._rebalance(now)

    def standing(self, identity: Identity) -> Standing:
        """What a heartbeat of this member is answered."""
        holder = self._holder(identity.instance)
        if holder is not None and identity.member and holder != identity.member:
            return "fenced"
        if identity.member not in self.members:
            return "unknown"
        if self.rebalance_until is not None:
            return "rebalance"
        return "ok" if identity.generation == self.generation else "illegal"

    def refusal(self, identity: Identity) -> str | None:
        """Why offsets of this member are refused (TxnOffsetCommit); None when they are not.

        Source: `ClassicGroup.validateOffsetCommit` of Kafka's group coordinator.
        """
        if identity.generation < 0 and not self.members:
            return None
        holder = self._holder(identity.instance)
        if holder is None or identity.member not in self.members:
            return "UNKNOWN_MEMBER_ID" if holder is None else "FENCED_INSTANCE_ID"
        if holder != identity.member:
            return "FENCED_INSTANCE_ID"
        return None if identity.generation == self.generation else "ILLEGAL_GENERATION"

    def assigned(self, member: str) -> tuple[int, list[Partition]] | None:
        """(generation, partitions) of a member; None while a rebalance is under way."""
        if self.rebalance_until is not None or member not in self.members:
            return None
        return self.generation, list(self.assignment.get(member, []))

    def awaits(self, member: str) -> bool:
        """Whether a rebalance is under way that this member has not joined yet."""
        return self.rebalance_until is not None and member in self.members and not self.members[member].joined

    def advance(self, now: int) -> None:
        """Expire members that are silent, end a rebalance that everybody has joined."""
        for name, member in list(self.members.items()):
            if member.beats():
                member.deadline = now + SESSION_MS
            elif now > member.deadline and not (self.rebalance_until and member.joined):
                del self.members[name]
                self.assignment.pop(name, None)
                self._rebalance(now)
        if self.rebalance_until is None:
            return
        if all(member.joined for member in self.members.values()) or now >= self.rebalance_until:
            self.members = {name: member for name, member in self.members.items() if member.joined}
            self.rebalance_until = None
            self.generation += 1
            self._assign(now)

    def committed(self, partitions: Iterable[Partition]) -> dict[Partition, Position] | None:
        """The offsets; None while an open transaction holds offsets of one of these partitions."""
        wanted = set(partitions)
        if any(wanted & positions.keys() for positions in self.pending.values()):
            return None
        return {partition: self.offsets[partition] for partition in wanted if partition in self.offsets}

    def settle(self, transaction: int, *, commit: bool) -> None:
        """A transaction with offsets of this group has ended."""
        positions = self.pending.pop(transaction, {})
        if commit:
            for partition, position in positions.items():
                before = self.offsets.get(partition)
                if before is not None and position.offset < before.offset:
                    self.steps_back.append(f"{self.name} {partition}: {before.offset} -> {position.offset}")
            self.offsets.update(positions)

    def _rebalance(self, now: int) -> None:
        if self.rebalance_until is None:
            self.rebalance_until = now + REBALANCE_MS
            for member in self.members.values():
                member.joined = False

    def _assign(self, now: int) -> None:
        names = sorted(self.members, key=lambda name: self.members[name].instance)
        self.assignment = {name: [] for name in names}
        for member in self.members.values():
            member.deadline = now + SESSION_MS
        if not names:
            return
        for topic, partitions in self.topics.items():
            share, rest = divmod(partitions, len(names))
            first = 0
            for place, name in enumerate(names):
                count = share + (place < rest)
                self.assignment[name] += [(topic, number) for number in range(first, first + count)]
                first += count

    def _holder(self, instance: str) -> str | None:
        return next((name for name, member in self.members.items() if member.instance == instance), None)

    def _name(self, instance: str) -> str:
        self._named += 1
        return f"{instance}#{self._named}"
