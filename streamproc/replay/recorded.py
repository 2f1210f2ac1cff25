"""What was recorded: events as they stood on their topics, each with the time at which it arrived."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple

import orjson

from streamproc.stage import Record

Role = Literal["deploys", "commands", "metrics", "predictions", "labels"]
ROLES: tuple[Role, ...] = ("deploys", "commands", "metrics", "predictions", "labels")
"""Of events at the same time, those of an earlier role come first: a label never before its prediction."""


class Recorded(NamedTuple):
    """One event. Tuples sort by time, then by role, then as they stood in their source."""

    time: int
    """When it arrived, epoch ms."""
    rank: int
    """Its place in ROLES."""
    number: int
    """Its place in its source."""
    value: bytes
    key: bytes | None = None

    @property
    def role(self) -> Role:
        """The topic it is of."""
        return ROLES[self.rank]


_KINDS: dict[str, Role] = {"metric": "metrics", "command": "commands", "deploy": "deploys"}


def events_of_journal(records: Iterable[Record], *, with_deploys: bool) -> Iterator[Recorded]:
    """What the join had read, as far as the journal tells: for replays that need events, not outcomes.

    A prediction arrives at its own time, its label at the label's. Predictions whose label never came are known only
    where something watches predictions.
    """
    seen: set[str] = set()
    for number, record in enumerate(records):
        event = orjson.loads(record.value() or b"{}")
        kind = event.pop("kind", None)
        if kind in ("outcome", "prediction"):
            label, label_time = event.pop("label", None), event.pop("label_time", None)
            event.pop("revises", None)
            prediction_id = event["prediction_id"]
            if prediction_id not in seen:
                seen.add(prediction_id)
                yield recorded("predictions", event, number)
            if kind == "outcome":
                known = {"prediction_id": prediction_id, "label": label, "time": label_time}
                yield recorded("labels", known, number)
        elif kind in _KINDS and (kind != "deploy" or with_deploys):
            yield recorded(_KINDS[kind], event, number)


def recorded(role: Role, event: dict[str, Any], number: int) -> Recorded:
    """An event whose `time` is in epoch ms."""
    return Recorded(event["time"], ROLES.index(role), number, orjson.dumps(event))
