"""A row of a file -> the event that it stands for: the configured paths, ids as text, other columns as features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamproc.config.pipeline import Config
from streamproc.errors import UserError
from streamproc.events.base import Event, parse_time
from streamproc.events.codec import KEYED_BY
from streamproc.events.command import Command
from streamproc.events.deploy import Deploy
from streamproc.events.label import Label
from streamproc.events.metric import Metric
from streamproc.events.prediction import Prediction
from streamproc.replay.recorded import Role

EVENTS: dict[Role, type[Event]] = {
    "predictions": Prediction,
    "labels": Label,
    "metrics": Metric,
    "commands": Command,
    "deploys": Deploy,
}
_IDS = ("prediction_id", "model_id", "model_version")
_TIMES = ("time", "label_time", "until", "retry_at")


class Mapper:
    """Rows of one role -> payloads under our own names, `time` in epoch ms."""

    def __init__(self, config: Config, role: Role, *, with_labels: bool = False, gathers: bool = False) -> None:
        """`with_labels`: the rows are of predictions with their labels.

        `gathers`: columns that mean nothing else are features; tables have no objects to put them into.
        """
        inputs: Any = config.inputs
        self._fields = dict(getattr(inputs, role).fields) if hasattr(inputs, role) else {}
        self._names = list(EVENTS[role].model_fields)
        if with_labels:
            labels = dict(config.inputs.labels.fields)
            self._fields["label"] = labels.get("label", "$.label")
            self._fields["label_time"] = labels.get("time", "$.label_time")
        self._paths = {name: tuple(path.split(".")[1:]) for name, path in self._fields.items()}
        self._only = next(iter(config.models)) if len(config.models) == 1 else None
        self._gathers = gathers and role == "predictions"
        self._needs_model = "model_id" in self._names
        self._key = KEYED_BY[EVENTS[role]]

    def event(self, row: Mapping[str, Any], number: int) -> dict[str, Any]:
        """Raises UserError that says what is missing. `number`: of the row, its id where it has none."""
        event = self._mapped(row)
        for name in _IDS:
            value = event.get(name)
            if type(value) is int or type(value) is float:
                event[name] = str(int(value) if value == int(value) else value)
        if self._needs_model and "model_id" not in event:
            if self._only is None:
                raise UserError("there is no model_id, and the configuration has several models")
            event["model_id"] = self._only
        if self._key == "prediction_id" and "prediction_id" not in event:
            event["prediction_id"] = f"row-{number}"
        for name in _TIMES:
            if name in event:
                try:
                    event[name] = parse_time(event[name])
                except ValueError as exc:
                    raise UserError(f"{name}: {exc}") from exc
        return event

    def _mapped(self, row: Mapping[str, Any]) -> dict[str, Any]:
        event = {name: row[name] for name in self._names if name not in self._paths and name in row}
        used = set(event)
        for name, path in self._paths.items():
            value: Any = row
            for part in path:
                if not isinstance(value, dict) or part not in value:
                    break
                value = value[part]
            else:
                event[name] = value
                used.add(path[0])
        if self._gathers and "features" not in event:
            features = {name: value for name, value in row.items() if name not in used and not _is_inner(value)}
            if features:
                event["features"] = features
        return event


def _is_inner(value: Any) -> bool:
    return isinstance(value, (dict, list))
