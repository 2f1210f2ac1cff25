"""What is measured of some traffic of a model, and the policies that look at it: all of it, or one segment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from streamproc.config.model import Model
from streamproc.config.policies import Policy
from streamproc.events.summary import Summary
from streamproc.monitor.gauges import Gauges
from streamproc.monitor.history import OutcomeHistory
from streamproc.monitor.names import quantities
from streamproc.monitor.notes import NOTHING, Note, Notes, noted
from streamproc.monitor.volume import Volume
from streamproc.policy.guards import Situation
from streamproc.policy.shared import Shared
from streamproc.policy.watch import PolicyWatch, Verdict
from streamproc.stateful import NAMED_PARTS, PART, Stateful, fields

DEFAULT_WINDOW = 10_000
Take = Callable[[Verdict, str | None], Note]


def remembered(model: Model) -> int:
    """Newest outcomes whose places in the journal have to be known."""
    windows = model.retrain.windows if model.retrain else ()
    return max((w.outcomes for w in windows if w.outcomes != "all"), default=DEFAULT_WINDOW)


class Scope(Stateful):
    """Of the version in service; a deploy begins it anew. `segment` is None for all of the traffic."""

    FIELDS = fields(gauges=PART, watched=PART, policies=NAMED_PARTS)

    def __init__(
        self, model: Model, policies: Sequence[Policy], segment: str | None = None, shared: Shared | None = None
    ) -> None:
        """Raises ConditionError, ScheduleError, ConfigError."""
        known = quantities(model)
        self.segment, self._model = segment, model
        self.policies = {policy.name: PolicyWatch(policy, known, model.budget, shared) for policy in policies}
        self._needed = frozenset(name for watch in self.policies.values() for name in watch.names)
        self._window = remembered(model)
        self.reset()

    def reset(self) -> None:
        """Forget everything: the same as new."""
        for policy in self.policies.values():
            policy.reset()
        self.anew(Volume(self._model.volume_period))

    def anew(self, volume: Volume, reference: Summary | None = None) -> None:
        """A new version is in service, trained on what `reference` sums up.

        `volume` goes on: it is a property of the traffic, not of the version.
        """
        drift = self._model.drift
        file = drift.summary if drift is not None and self.segment is None else None  # of all traffic
        self.gauges = Gauges(self._model, self._needed, volume, reference, file)
        self.watched = OutcomeHistory(self._window)
        """The outcomes that detectors have seen: where changes are looked up."""
        self.getters = self.gauges.getters()
        gauges = self.gauges
        for policy in self.policies.values():
            policy.bind(self.getters, lambda: gauges.outcomes)

    def values(self, names: Sequence[str]) -> Mapping[str, float | bool | None]:
        """Present values by name."""
        return {name: self.getters[name]() for name in names}

    def newest_change(self) -> tuple[str, int] | None:
        """(detector, outcomes since) of the latest change that a flagged detector of errors or losses has seen."""
        ages = {
            name: int(age)
            for name, detector in self.gauges.detectors.items()
            if detector.flag
            and self._model.detectors[name].signal in ("error", "loss")
            and (age := detector.evidence().get("change_age")) is not None
        }
        return min(ages.items(), key=lambda item: item[1], default=None)

    def outcome(self, record: dict[str, Any], offset: int, label_time: int) -> None:
        """A labelled prediction of the version in service; no label is later than the journal's time."""
        self.watched.add(offset)
        self.gauges.outcome(record, label_time)

    def look(self, at: Situation, take: Take) -> Notes:
        """What its policies say now; `take` makes a note of each, before the next one looks."""
        notes: list[Note] | None = None
        for policy in self.policies.values():
            verdicts = policy.look(at)
            if verdicts:
                notes = notes or []
                notes += [take(verdict, self.segment) for verdict in verdicts]
        return NOTHING if notes is None else notes

    def tick(self, after: int, upto: int, at: Situation, take: Take) -> Iterator[Note]:
        """What schedules say, once the clock goes from `after` to `upto`."""
        for policy in self.policies.values():
            for verdict in policy.tick(after, upto, at):
                yield take(verdict, self.segment)

    def came_to_nothing(self, trigger_id: str | None) -> None:
        """A retrain has ended, and the version in service is the same."""
        self.gauges.spent()
        for policy in self.policies.values():
            policy.came_to_nothing(trigger_id)

    def withdraw(self, why: str) -> Iterator[Note]:
        """Requests for approval are of no use any more."""
        for policy in self.policies.values():
            for verdict in policy.withdrawn(why):
                yield noted(verdict, self.segment)
