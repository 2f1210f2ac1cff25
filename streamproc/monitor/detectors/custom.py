"""A class of the user's own as a detector: loaded by its import path, kept from spoiling the state.

    class MyDetector:                            # streamproc.yaml: {type: custom, class: "mine:MyDetector"}
        def __init__(self, **settings): ...      # what stands under `settings`
        def update(self, x: float) -> bool: ...  # take the next value; True: it completes a detection
        def state(self): ...                     # all that the future depends on, as plain values
        def restore(self, state): ...            # take that back, in a new object; raise if it is no good
        def evidence(self): ...                  # optional: {"width": 40, "mean_before": 0.1, "mean_after": 0.3}

Plain values are None, bool, int, finite float, str, bytes and lists of them, at most LARGEST bytes. `update` gets
finite floats only. There is no reset: a new object is made. It must be pure: what it says follows from its settings and
the values it was given, and from no clock, file or random number, or triggers will not be the same after a crash.
"""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol

import ormsgpack

from streamproc.config.detectors import Custom
from streamproc.errors import BadState, ConfigError
from streamproc.monitor.detectors.latch import LATCH, Latch
from streamproc.monitor.detectors.protocol import Evidence
from streamproc.monitor.signals import LIMIT
from streamproc.stateful import BYTES, FLAG, Kind, fields, row

LARGEST = 1 << 20


class UserDetector(Protocol):
    """What a class of the user's own must have; `evidence()` is optional."""

    def update(self, x: float) -> bool:
        """Take the next value. True if it completes a detection."""
        ...

    def state(self) -> Any:
        """All that the future depends on, as plain values."""
        ...

    def restore(self, state: Any) -> None:
        """Be what gave this state, from a new object. Raises anything if it cannot."""
        ...


class CustomDetector(Latch):
    """The user's object, and what is latched of it. Without its evidence, nothing is known of when the change was."""

    __slots__ = ("_config", "_told", "_user")

    FIELDS = fields(**LATCH, _told=FLAG)

    def __init__(self, config: Custom) -> None:
        """Raises ConfigError."""
        self._config = config
        self.reset()

    def reset(self) -> None:
        super().__init__()
        self._user = make(self._config)
        self._told = False  # whether the newest detection said how wide it is

    def update(self, x: float) -> bool:
        try:
            if not -LIMIT <= x <= LIMIT:
                return False
        except TypeError:  # text
            return False
        self._n += 1
        value = float(x)
        if not _guarded(self._config, "update", lambda: self._user.update(value)):
            return False
        evidence = _guarded(self._config, "evidence", getattr(self._user, "evidence", None) or dict)
        evidence = evidence if isinstance(evidence, Mapping) else {}
        width, before, after = (evidence.get(name) for name in ("width", "mean_before", "mean_after"))
        self._told = type(width) is int and 0 < width <= self._n
        if self._told:
            self._latch(width, _finite(before), _finite(after))  # type: ignore[arg-type]
        else:
            self._latch(self._n, 0.0, 0.0)
        return True

    def evidence(self) -> Evidence:
        """Means, width and age are None where the class does not tell them."""
        if self._told or not self.flag:
            return super().evidence()
        unknown = dict.fromkeys(("mean_before", "mean_after", "width", "change_age"))
        return {"n": self._n, "detections": self.detections, **unknown}

    def _packed(self) -> bytes:
        packed: bytes = _guarded(self._config, "state", lambda: pack(self._user.state()))
        if len(packed) > LARGEST:
            raise ConfigError(f"detector {self._config.class_}: its state has more than {LARGEST:,} bytes")
        return packed

    def _unpacked(self, packed: bytes) -> UserDetector:
        user = make(self._config)
        try:
            user.restore(ormsgpack.unpackb(packed))
        except Exception as exc:
            raise BadState(f"{self._config.class_} does not take this state: {exc!r:.200}") from exc
        return user

    def state(self) -> Any:
        """The latch, and the object's own state."""
        return [self.FIELDS.give(self), self._packed()]

    def restore(self, state: Any) -> None:
        """Raises BadState."""
        latch, packed = _STATE.take(state, None)
        self.FIELDS.take(latch, self)
        self._user = self._unpacked(packed)


_STATE = row(Kind(lambda plain: plain, lambda plain, _: plain), BYTES)


def make(config: Custom) -> UserDetector:
    """A new object of the user's class. Raises ConfigError."""
    found = _load(config.class_)
    user: UserDetector = _guarded(config, "the class", lambda: found(**config.settings))
    for method in ("update", "state", "restore"):
        if not callable(getattr(user, method, None)):
            raise ConfigError(f"detector {config.class_} has no method `{method}`: see docs/detectors.md")
    return user


def probe(config: Custom) -> None:
    """Whether the class can be used: made, given a value, saved and restored. Raises ConfigError."""
    detector = CustomDetector(config)
    detector.update(0.0)
    try:
        CustomDetector(config).restore(detector.state())
    except BadState as exc:
        raise ConfigError(f"detector {config.class_} does not take back the state that it gave: {exc}") from exc


def pack(state: Any) -> bytes:
    """Plain values as MessagePack. Raises ValueError for all else."""
    _check(state, 0)
    return ormsgpack.packb(state)


def _check(value: Any, depth: int) -> None:
    if type(value) is list and depth < 32:  # noqa: PLR2004 - no state of a detector is as deep
        for item in value:
            _check(item, depth + 1)
    elif type(value) is float and not math.isfinite(value):
        raise ValueError("its state holds a number that is not finite")
    elif type(value) is int and not -(2**63) <= value < 2**63:
        raise ValueError("its state holds a whole number beyond 64 bits")
    elif value is not None and type(value) not in (bool, int, float, str, bytes):
        raise ValueError(f"its state holds {type(value).__name__}; plain are None, bool, int, float, str, bytes, lists")


@cache
def _load(name: str) -> Any:
    module_name, _, class_name = name.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")  # the directory that streamproc was started in, as for the function that retrains
    try:
        module = importlib.import_module(module_name)
    except Exception as exc:
        missing = isinstance(exc, ModuleNotFoundError) and f"{module_name}.".startswith(f"{exc.name}.")
        why = f"there is no module {exc.name!r}" if missing else f"importing it raised {exc!r:.200}"  # type: ignore[attr-defined]
        raise ConfigError(
            f"detector {name}: {why}; it must lie in the directory that streamproc is started in, or be installed"
        ) from exc
    found = getattr(module, class_name, None)
    if not isinstance(found, type):
        raise ConfigError(f"detector {name}: module {module_name} has no class {class_name!r}")
    return found


def _guarded(config: Custom, what: str, call: Any) -> Any:
    try:
        return call()
    except ConfigError:
        raise
    except Exception as exc:
        raise ConfigError(f"detector {config.class_}: {what} raised {exc!r:.300}") from exc


def _finite(value: Any) -> float:
    usable = isinstance(value, (int, float)) and -LIMIT <= value <= LIMIT
    return float(value) if usable else 0.0
