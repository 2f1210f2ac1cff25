"""The join of one partition: predictions with labels, by prediction id, in whatever order they come.

The label that a prediction ends with does not depend on the order in which the two topics are read, only on what was
in them, as long as both are there within the label TTL:

    | arrives    | nothing there | Waiting       | Early              | Joined                          |
    |------------|---------------|---------------|--------------------|---------------------------------|
    | prediction | -> Waiting    | duplicate     | outcome -> Joined  | duplicate                       |
    | label      | -> Early      | outcome       | newest stays Early | same: duplicate; older: ignored |
    |            |               | -> Joined     |                    | newer: revision -> Joined       |

Of two labels with the same time, the one that was written later is the newer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson
from msgspec.structs import replace

from streamproc.config.base import Scalar
from streamproc.config.model import Model
from streamproc.errors import BadRecord
from streamproc.join.reading import Truth
from streamproc.join.store.entries import Early, Entry, Joined, Waiting
from streamproc.join.store.protocol import Store
from streamproc.join.watermark import Watermark


@dataclass(slots=True)
class Counts:
    """What the join has seen since it started, in events."""

    outcomes: int = 0
    revisions: int = 0
    duplicates: int = 0
    late: int = 0
    expired_predictions: int = 0
    unmatched_labels: int = 0


class Joiner:
    """One partition's join. `journal` records come back from `prediction` and `label` as bytes, or None."""

    def __init__(self, models: Mapping[str, Model], store: Store, label_ttl_ms: int) -> None:
        self.store = store
        self.watermark = Watermark()
        self.counts = Counts()
        self._models = models
        self._watches = {model_id for model_id, model in models.items() if model.watches_predictions}
        self._regressions = {model_id for model_id, model in models.items() if model.task == "regression"}
        self._ttl = label_ttl_ms
        self.horizon = 0
        """What is from before this event time (epoch ms) has expired."""

    def go_on(self, place: tuple[int, int, int]) -> None:
        """Have come as far as the store's entries; `place` as `Watermark.place`."""
        self.watermark.go_on(place)
        self.expire()

    def prediction(self, prediction_id: str, waiting: Waiting) -> list[bytes]:
        """A prediction -> the journal records that follow from it, in order. Raises BadRecord."""
        model_id = waiting.model_id
        if model_id in self._regressions and not _is_number(waiting.prediction):
            raise BadRecord("invalid_field", f"prediction: {model_id} is a regression, its predictions are numbers")
        entry = self.store.get(prediction_id)
        if entry is not None and not isinstance(entry, Early):
            self.counts.duplicates += 1
            return []
        if waiting.time < self.horizon:
            self.counts.late += 1
            return []
        records = [b'{"kind":"prediction",%b}' % waiting.body] if model_id in self._watches else []
        if entry is None:
            self.store.put(prediction_id, waiting, None)
            return records
        suitable = [(at, label) for at, label in entry.labels if self._mismatch(waiting, label) is None]
        self.counts.unmatched_labels += len(entry.labels) - len(suitable)
        if suitable:
            records.append(self._joined(prediction_id, waiting, Truth(*suitable[-1]), entry))
        else:
            self.store.put(prediction_id, waiting, entry)
        return records

    def label(self, prediction_id: str, truth: Truth) -> tuple[str, bytes] | None:
        """A label -> (model_id, outcome), or None. Raises BadRecord if it does not fit its prediction."""
        entry = self.store.get(prediction_id)
        time, label = truth.time, truth.label
        if entry is None:
            if time < self.horizon:
                self.counts.late += 1
            else:
                self.store.put(prediction_id, Early(time, ((time, label),)), None)
            return None
        if isinstance(entry, Early):
            self.store.put(prediction_id, _with_another(entry, time, label), entry)
            self.counts.duplicates += 1
            return None
        if entry.model_id not in self._models:
            self.counts.unmatched_labels += 1  # its model has left the configuration, the store is older
            return None
        if isinstance(entry, Joined) and (entry.label == label or time < entry.label_time):
            if time > entry.label_time:  # said again: a label from in between is no revision
                self.store.put(prediction_id, replace(entry, label_time=time), entry)
            self.counts.duplicates += 1
            return None
        problem = self._mismatch(entry, label)
        if problem is not None:
            raise BadRecord("label_mismatch", problem)
        return entry.model_id, self._joined(prediction_id, entry, truth, entry)

    def expire(self) -> None:
        """Drop what is older than the watermark less the label TTL."""
        self.horizon = self.watermark.time - self._ttl
        dropped = self.store.drop_before(self.horizon)
        self.counts.expired_predictions += dropped.waiting
        self.counts.unmatched_labels += dropped.early

    def _joined(self, prediction_id: str, entry: Waiting | Joined, truth: Truth, before: Entry) -> bytes:
        time, label = truth.time, truth.label
        joined = Joined(entry.time, entry.model_id, entry.prediction, entry.body, label, time)
        self.store.put(prediction_id, joined, before)
        if isinstance(entry, Joined):
            self.counts.revisions += 1
            tail = b',"revises":' + orjson.dumps(entry.label)
        else:
            self.counts.outcomes += 1
            tail = b""
        return b'{"kind":"outcome",%b,"label":%b,"label_time":%d%b}' % (entry.body, orjson.dumps(label), time, tail)

    def _mismatch(self, entry: Waiting | Joined, label: Scalar) -> str | None:
        """Text never equals a number: such a pair would count as an error for ever."""
        if entry.model_id in self._regressions and not _is_number(label):
            return f"{entry.model_id} is a regression, its labels are numbers; this one is {label!r}"
        if isinstance(label, str) != isinstance(entry.prediction, str):
            return f"the label {label!r} and the prediction {entry.prediction!r} of {entry.model_id} are of two kinds"
        return None


def _with_another(entry: Early, time: int, label: Scalar) -> Early:
    """The newest label of each type. One that cannot be of the model must not hide one that can."""
    kind = type(label)
    if any(time < at for at, other in entry.labels if type(other) is kind):
        return entry
    others = [(at, other) for at, other in entry.labels if type(other) is not kind]
    labels = sorted([*others, (time, label)], key=_time_of)
    return Early(labels[-1][0], tuple(labels))


def _time_of(label: tuple[int, Scalar]) -> int:
    return label[0]


def _is_number(value: object) -> bool:
    return type(value) is float or type(value) is int
