"""What is in service, since when and why; and the way back to the version before. Read from the deploys topic alone."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from streamproc.config.model import Config
from streamproc.errors import BadRecord, UserError
from streamproc.events.codec import DEPLOY, validate
from streamproc.events.deploy import IN_SERVICE, Deploy
from streamproc.events.identity import cloud_event_headers
from streamproc.kafka.tail import read_all

Event = Mapping[str, Any]


@dataclass(slots=True)
class Service:
    """A model's versions that could be served again: the newest is in service, the one below is what it replaced."""

    model_id: str
    versions: list[Event] = field(default_factory=list)
    """Deploy events, oldest first; a rollback takes away what it went back over."""

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


def services(config: Config, partitions: Mapping[str, int]) -> list[Service]:
    """One for each configured model. Raises BrokerUnavailable, UserError."""
    topic = config.topics.deploys
    return folded(config.models, (_decoded(record) for record in read_all(config.kafka, {topic: partitions[topic]})))


def folded(models: Iterable[str], events: Iterable[Event | None]) -> list[Service]:
    """What follows from deploy events, each model's in its order; None and other models' are passed over."""
    found = {model_id: Service(model_id) for model_id in models}
    for event in events:
        if event is not None and event["model_id"] in found:
            found[event["model_id"]].take(event)
    return list(found.values())


def _decoded(record: Any) -> Event | None:
    try:
        return DEPLOY(record.value(), record.key(), record.timestamp()[1])
    except BadRecord:
        return None  # anybody may write to this topic


def rollback(
    service: Service, *, to: str | None, reason: str | None, now: int, pipeline: str
) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    """(key, value, headers) of the event that puts an earlier version in service again; `now` in epoch ms.

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
        "deploy_id": f"dep_{uuid.uuid4().hex}",
        "model_version": target["model_version"],
        "previous_version": current["model_version"],
        "artifact": target.get("artifact"),
        "reason": reason or f"rolled back by hand from {current['model_version']}",
    }
    value = validate(Deploy, {name: each for name, each in event.items() if each is not None})
    headers = cloud_event_headers("deploy", str(event["deploy_id"]), pipeline, service.model_id, now)
    return service.model_id.encode(), orjson.dumps(value), list(headers)
