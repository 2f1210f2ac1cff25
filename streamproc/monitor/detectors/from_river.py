"""river's detectors without what comes along with them.

`river.drift` imports its example data, and with them pandas and scikit-learn, and `scipy.stats` for a detector that is
not used here. That would be nine tenths of the time in which a process that watches models starts, and 150 MB.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import Any

UNUSED = ("river.drift.datasets", "scipy.stats")


@cache
def drift() -> Any:
    """`river.drift`. river has no types."""
    with put_off(*UNUSED):
        return importlib.import_module("river.drift")


@contextmanager
def put_off(*names: str) -> Iterator[None]:
    """Imports of these modules within load nothing; they are loaded when something in them is asked for."""
    later = {name: _Later(name) for name in names if name not in sys.modules}
    sys.modules.update(later)
    try:
        yield
    finally:
        for name, module in later.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]  # whoever imports it from now on gets the real one


class _Later(ModuleType):
    """What stands for a module where it was imported and not used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked for by imports themselves
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        real = importlib.import_module(self.__name__)
        self.__dict__.update(vars(real))
        return getattr(real, name)
