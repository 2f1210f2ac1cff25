"""The segments of a model's traffic that are watched: the heaviest, in bounded memory.

Records are counted by Space-Saving (Metwally, Agrawal and El Abbadi 2005): a new segment takes the place of the
lightest in a full table and inherits its count, so that a count is too high by at most what was inherited. The table
has four times as many places as segments are watched. A segment is watched as soon as there is room; later it must have
twice as many records of its own as the lightest watched one, so that equal ones do not take turns.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from streamproc.config.model import Model
from streamproc.config.policies import Policy
from streamproc.monitor.scope import Scope
from streamproc.policy.shared import Shared
from streamproc.stateful import COUNT, TEXT, Kind, Plain, Stateful, fields, listed, mapping, require, row

PLACES = 4
"""Segments that are counted for each that may be watched."""
LOOK_EVERY = 64
"""Records of a segment after which it is looked at whether it should be watched instead of another."""
LONGEST = 64
"""Characters of a field's value: longer ones are no segment."""

_NAMED = listed(row(TEXT, Kind(lambda scope: scope.state(), lambda plain, _: plain)))


class Segments(Stateful):
    """The scopes of the watched segments, and the counts of others."""

    FIELDS = fields(_counts=mapping(TEXT, row(COUNT, COUNT)), _written=_NAMED)

    def __init__(self, model: Model, policies: list[Policy], shared: Shared | None) -> None:
        """`policies`: those for segments. Raises ConditionError, ScheduleError, ConfigError."""
        self._by, self._most = model.segment_by, model.max_segments
        self._model, self._policies, self._shared = _only_needed(model, Scope(model, policies)), policies, shared
        self.scopes: dict[str, Scope] = {}
        self.reset()

    def reset(self) -> None:
        """Forget everything: the same as new."""
        self.scopes.clear()
        self._counts: dict[str, tuple[int, int]] = {}
        """Segment -> (records counted, how many of them were inherited)."""

    @property
    def _written(self) -> list[tuple[str, Scope]]:
        """The scopes as they are written: a state names its segments, and they are made anew."""
        return list(self.scopes.items())

    @_written.setter
    def _written(self, items: list[tuple[str, Plain]]) -> None:
        require(len(items) <= self._most, "more segments than are watched")
        self.scopes.clear()
        for name, state in items:
            require(name not in self.scopes, "two equal segments")
            self._make(name).restore(state)

    def _make(self, name: str) -> Scope:
        self.scopes[name] = scope = Scope(self._model, self._policies, name, self._shared)
        return scope

    def _settle(self) -> None:
        require(len(self._counts) <= PLACES * self._most, "more segments than are counted")
        require(self.scopes.keys() <= self._counts.keys(), "a watched segment that is not counted")

    def __iter__(self) -> Iterator[Scope]:
        return iter(self.scopes.values())

    def anew(self) -> None:
        """A new version is in service: the same segments are watched, and measured anew."""
        for scope in self:
            scope.anew(scope.gauges.volume)

    def find(self, record: dict[str, Any]) -> Scope | None:
        """The scope that a prediction or an outcome belongs to, after counting it; None if it is not watched."""
        name = self._name(record)
        if name is None:
            return None
        count, inherited = self._counts.get(name) or self._place()
        self._counts[name] = (count + 1, inherited)
        scope = self.scopes.get(name)
        if scope is not None:
            return scope
        own = count + 1 - inherited
        if len(self.scopes) >= self._most:
            if own % LOOK_EVERY:
                return None
            lightest = min(self.scopes, key=lambda segment: self._counts[segment][0])
            if own <= 2 * self._counts[lightest][0]:
                return None
            del self.scopes[lightest]
        return self._make(name)

    def _place(self) -> tuple[int, int]:
        """What a new segment begins with."""
        if len(self._counts) < PLACES * self._most:
            return 0, 0
        lightest = min((s for s in self._counts if s not in self.scopes), key=lambda s: self._counts[s][0])
        count, _ = self._counts.pop(lightest)
        return count, count

    def _name(self, record: dict[str, Any]) -> str | None:
        segments, features = record.get("segments") or {}, record.get("features") or {}
        words = []
        for field in self._by:
            value = segments.get(field, features.get(field))
            if value is None:
                return None
            word = value if type(value) is str else orjson.dumps(value).decode()
            if len(word) > LONGEST:
                return None
            if any(sign in word for sign in ',="'):
                word = orjson.dumps(word).decode()  # no two segments have one name
            words.append(f"{field}={word}")
        return ",".join(words)


def _only_needed(model: Model, scope: Scope) -> Model:
    """The same model without detectors and drift that no policy for segments looks at."""
    names = {name for watch in scope.policies.values() for name in watch.names}
    drift = model.drift if any(name.split(".")[0] == "drift" for name in names) else None
    detectors = {name: detector for name, detector in model.detectors.items() if name in names}
    return model.model_copy(update={"drift": drift, "detectors": detectors})
