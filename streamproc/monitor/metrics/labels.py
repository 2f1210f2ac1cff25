"""How late labels come, and how many come at all.

Label coverage. Of the predictions that were made between two and one `label_horizon` ago, the share whose label has
come. Predictions and outcomes are counted in sixtieths of a horizon by the time of the prediction, so no ids are
kept. It needs predictions in the journal, which then carries them (`Model.watches_predictions`).

What has no label counts in 1 - coverage, the unmatched rate. Labels that never meet a prediction bear no model id, so
they cannot be counted here: the join counts them for all models together (`unmatched_labels` of its metrics).
"""

from __future__ import annotations

from streamproc.monitor.metrics.window import Getter, Record
from streamproc.monitor.signals import number
from streamproc.stateful import COUNT, INTEGER, Stateful, fields, listed, optional, require

STEPS = 60
"""Buckets a horizon."""
_PLACES = 2 * STEPS + 1


def delay(record: Record) -> float | None:
    """Seconds from the prediction to its label; 0 where clocks say that the label came first."""
    time, label_time = number(record.get("time")), number(record.get("label_time"))
    return None if time is None or label_time is None else max(0.0, (label_time - time) / 1000)


class LabelCoverage(Stateful):
    """Predictions and their labels, in a ring of buckets of the prediction's time (epoch ms).

    The clock is the newest time seen, and never goes back. A bucket is looked at when all of it is a horizon old.
    """

    NAMES = ("label_coverage", "unmatched_rate")

    __slots__ = ("_bucket", "_enough", "_first", "_horizon", "_labels", "_old", "_predictions")

    FIELDS = fields(_predictions=listed(COUNT), _labels=listed(COUNT), _bucket=INTEGER, _first=optional(INTEGER))

    def __init__(self, horizon_ms: int, enough: int) -> None:
        """No value with fewer than `enough` predictions of that age."""
        self._horizon, self._enough = horizon_ms, enough
        self.reset()

    def reset(self) -> None:
        """Forget everything: the same as new."""
        self._predictions = [0] * _PLACES
        self._labels = [0] * _PLACES
        self._bucket = -1  # the newest
        self._first: int | None = None  # the first prediction's time: labels of earlier ones do not count
        self._old = [0, 0]  # predictions that are old enough, and those of them with a label

    def prediction(self, time: int, now: int | None = None) -> None:
        """A prediction was made at `time`, as was read at `now`: a clock that is ahead must not age the others."""
        self.advance(time if now is None else min(time, now))
        if self._first is None:
            self._first = time
        self._count(self._predictions, 0, time)

    def label(self, time: int) -> None:
        """The label of the prediction made at `time` has come."""
        if self._first is not None and time >= self._first:
            self._count(self._labels, 1, time)

    def advance(self, time: int) -> None:
        """It is that time now."""
        bucket = time * STEPS // self._horizon
        if bucket <= self._bucket:
            return
        for new in range(max(self._bucket + 1, bucket - _PLACES + 1), bucket + 1):
            self._predictions[new % _PLACES] = self._labels[new % _PLACES] = 0
        self._bucket = bucket
        self._look_back()

    def _look_back(self) -> None:
        old = [bucket % _PLACES for bucket in range(self._bucket - 2 * STEPS, self._bucket - STEPS)]
        self._old = [sum(counts[place] for place in old) for counts in (self._predictions, self._labels)]

    def _count(self, counts: list[int], which: int, time: int) -> None:
        age = max(0, self._bucket - time * STEPS // self._horizon)
        if age < _PLACES:
            counts[(self._bucket - age) % _PLACES] += 1
            if age > STEPS:
                self._old[which] += 1

    def _settle(self) -> None:
        require(len(self._predictions) == len(self._labels) == _PLACES, "not two horizons")
        require(self._bucket >= (-1 if self._first is None else 0), "a time before 1970")
        self._look_back()

    def value(self) -> float | None:
        """The coverage."""
        predictions, labels = self._old
        if not predictions or predictions < self._enough:
            return None
        return min(1.0, labels / predictions)

    def unmatched(self) -> float | None:
        """What is missing of it."""
        coverage = self.value()
        return None if coverage is None else 1.0 - coverage

    def getters(self) -> dict[str, Getter]:
        """Both values by name."""
        return dict(zip(self.NAMES, (self.value, self.unmatched), strict=True))
