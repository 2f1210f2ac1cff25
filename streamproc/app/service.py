"""What is in service, since when and why, and the way back to the version before: read from the deploys topic.

How the version's probation goes is read from the decisions topic too, where it is told when one begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from streamproc.config.pipeline import Config
from streamproc.errors import BadRecord, UserError
from streamproc.events.base import format_time
from streamproc.events.codec import DEPLOY, Decode, decoder, validate
from streamproc.events.decision import Decision
from streamproc.events.deploy import IN_SERVICE, Deploy
from streamproc.events.identity import cloud_event_headers, derived_id
from streamproc.kafka.tail import read_all

Event = Mapping[str, Any]
TOLD = {
    "probation": "probation",
    "confirmed": "passed its probation",
    "worse": "failed its probation",
    "unacknowledged": "not taken up",
    "acknowledged": "taken up late",
}
"""Verdict -> what `streamproc models` says of it."""


@dataclass(slots=True)
class Service:
    """A model's versions that could be served again: the newest is in service, the one below is what it replaced."""

    model_id: str
    versions: list[Event] = field(default_factory=list)
    """Deploy events, oldest first; a rollback takes away what it went back over."""
    probation: Event | None = None
    """The newest decision about the probation, or the uptake, of the version in service."""

    def take(self, event: Event) -> None:
        """A deploy event of this model, in the order of the log."""
        if event["status"] not in IN_SERVICE:
            return
        version = event["model_version"]
        if event["status"] == "rolled_back":
            names = [each["model_version"] for each in self.versions]
            if version in names:
                place = len(names) - 1 - names[::-1].index(version)
                artifact = event.get("artifact") or self.versions[place].get("artifact")
                self.versions = [*self.versions[:place], {**event, "artifact": artifact}]
                return
        if not self.versions or self.versions[-1]["model_version"] != version:
            self.versions.append(event)

    @property
    def current(self) -> Event | None:
        """What put the version in service that is there now."""
        return self.versions[-1] if self.versions else None

    @property
    def previous(self) -> Event | None:
        """What a rollback goes back to."""
        return self.versions[-2] if self.versions[1:] else None

    def find(self, version: str) -> Event | None:
        """The newest event of a version that was served."""
        return next((event for event in reversed(self.versions) if event["model_version"] == version), None)


def services(config: Config, partitions: Mapping[str, int], *, judged: bool = False) -> list[Service]:
    """One for each configured model; `judged`: with how probations go. Raises BrokerUnavailable, UserError."""
    found = folded(config.models, _events(config, partitions, config.topics.deploys, DEPLOY))
    if judged:
        tried(found, _events(config, partitions, config.topics.decisions, decoder(Decision)))
    return found


def tried(services: Iterable[Service], decisions: Iterable[Event | None]) -> None:
    """What decisions say of the versions in service; those from before them are of others."""
    by_model = {service.model_id: service for service in services}
    for decision in decisions:
        service = by_model.get(decision["model_id"]) if decision is not None else None
        if decision is not None and service is not None and _is_of(decision, service.current):
            service.probation = decision


def _is_of(decision: Event, current: Event | None) -> bool:
    if current is None or decision["verdict"] not in TOLD or decision["time"] < current["time"]:
        return False
    # That a version is worse is of the one that was left: none that was gone back to is on probation.
    return not (decision["verdict"] == "worse" and current["status"] == "rolled_back")


def shown(service: Service) -> str | None:
    """How the probation of the version in service goes, or its uptake, in a line."""
    decision = service.probation
    if decision is None:
        return None
    return f"{TOLD[decision['verdict']]}, {format_time(decision['time'])}: {decision['reason']}"


def folded(models: Iterable[str], events: Iterable[Event | None]) -> list[Service]:
    """What follows from deploy events, each model's in its order; None and other models' are passed over."""
    found = {model_id: Service(model_id) for model_id in models}
    for event in events:
        if event is not None and event["model_id"] in found:
            found[event["model_id"]].take(event)
    return list(found.values())


def _events(config: Config, partitions: Mapping[str, int], topic: str, decode: Decode) -> Iterator[Event | None]:
    for record in read_all(config.kafka, {topic: partitions[topic]}):
        try:
            yield decode(record.value(), record.key(), record.timestamp()[1])
        except BadRecord:
            continue  # anybody may write to these topics


def rollback(
    service: Service, *, to: str | None, reason: str | None, now: int, pipeline: str
) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    """(key, value, headers) of the event that puts an earlier version in service again; `now` in epoch ms.

    Its id follows from where it leads from and to: asked for twice, before the first is read, it is carried out once.

    Raises UserError when there is none.
    """
    current, target = service.current, service.previous if to is None else service.find(to)
    if current is None:
        raise UserError(
            f"{service.model_id}: no deploy event has put a version in service, so there is nothing to leave"
        )
    if target is None:
        known = ", ".join(str(event["model_version"]) for event in service.versions)
        asked = f"no version {to!r} was in service" if to is not None else "no version was in service before this one"
        raise UserError(f"{service.model_id}: {asked}; the deploys topic knows: {known}")
    if target["model_version"] == current["model_version"]:
        raise UserError(f"{service.model_id}: version {to} is in service already")
    event = {
        "model_id": service.model_id,
        "status": "rolled_back",
        "time": now,
        "deploy_id": derived_id("dep", pipeline, service.model_id, "by hand", *_place(current), *_place(target)),
        "model_version": target["model_version"],
        "previous_version": current["model_version"],
        "artifact": target.get("artifact"),
        "reason": reason or f"rolled back by hand from {current['model_version']}",
    }
    value = validate(Deploy, {name: each for name, each in event.items() if each is not None})
    headers = cloud_event_headers("deploy", str(event["deploy_id"]), pipeline, service.model_id, now)
    return service.model_id.encode(), orjson.dumps(value), list(headers)


def _place(event: Event) -> tuple[str, int, str | None]:
    """What tells the event that put a version in service from all others."""
    return event["model_version"], event["time"], event.get("deploy_id")
