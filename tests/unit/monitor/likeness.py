"""All that is in a live object, as plain values: for comparing two objects whatever they are made of."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from streamproc.monitor.drift.gauge import _Distance
from streamproc.monitor.metrics.classification import Classes
from streamproc.policy.guards import Inquiry

COMPUTED_WHEN_ASKED = {
    _Distance: {"_changed", "_smoothed", "_terms", "_value"},
    Classes: {"_touched", "_values"},
    Inquiry: {"at", "cause"},
}
"""Nothing depends on whether these were computed, or put in, already: they are anew when they are needed."""


def attributes(thing: object) -> dict[str, Any]:
    """What an object holds, in slots and otherwise."""
    slots = {name for c in type(thing).__mro__ for name in getattr(c, "__slots__", ()) if hasattr(thing, name)}
    return {**{name: getattr(thing, name) for name in slots}, **getattr(thing, "__dict__", {})}


def is_ours(thing: object) -> bool:
    """An object of streamproc's or river's, that is not configuration and no function."""
    module = type(thing).__module__
    known = module.startswith(("streamproc.", "river.")) and not callable(thing)
    return known and not isinstance(thing, (BaseModel, str, tuple)) and bool(attributes(thing))


def likeness(thing: Any, above: tuple[int, ...] = ()) -> Any:
    """Equal for objects that will do the same. Functions are compared by name: what they are bound to is elsewhere."""
    if id(thing) in above:
        return "above"
    within = (*above, id(thing))
    if is_ours(thing):
        skipped = COMPUTED_WHEN_ASKED.get(type(thing), set())
        return type(thing).__name__, {k: likeness(v, within) for k, v in attributes(thing).items() if k not in skipped}
    if isinstance(thing, dict):
        return [(likeness(key, within), likeness(value, within)) for key, value in thing.items()]
    if isinstance(thing, (list, tuple, deque)):
        return type(thing).__name__, getattr(thing, "maxlen", None), [likeness(item, within) for item in thing]
    return type(thing).__name__, _plain(thing)


def _plain(thing: Any) -> Any:
    if isinstance(thing, (bytearray, array)):
        return bytes(thing)
    if type(thing).__name__ in ("AdaptiveWindowing", "RsEWMean"):  # of Rust
        return thing.__getstate__()
    if callable(thing) or type(thing).__module__ == "cronsim.cronsim":  # it is given the day each time
        return getattr(thing, "__qualname__", "")
    return thing


def objects(thing: Any, met: dict[int, Any] | None = None) -> Iterator[Any]:
    """Every object of ours within `thing`, itself too."""
    met = {} if met is None else met
    if id(thing) in met:
        return
    met[id(thing)] = thing
    if is_ours(thing):
        yield thing
        for value in attributes(thing).values():
            yield from objects(value, met)
    elif isinstance(thing, dict):
        for value in thing.values():
            yield from objects(value, met)
    elif isinstance(thing, (list, tuple, deque)):
        for value in thing:
            yield from objects(value, met)
