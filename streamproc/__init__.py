"""streamproc: watches machine-learning models on Kafka, and sees a retrain through when it is worth it.

`import streamproc` is quick: what is named here is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streamproc.config.load import load
    from streamproc.config.pipeline import Config
    from streamproc.events.decision import Decision
    from streamproc.events.deploy import Deploy
    from streamproc.events.trigger import Trigger
    from streamproc.replay.pipeline import Pipeline
    from streamproc.retrain.api import Challenger, TrainingData

__all__ = ["Challenger", "Config", "Decision", "Deploy", "Pipeline", "TrainingData", "Trigger", "load"]

_WHERE = {
    "Challenger": "streamproc.retrain.api",
    "Config": "streamproc.config.pipeline",
    "Decision": "streamproc.events.decision",
    "Deploy": "streamproc.events.deploy",
    "Pipeline": "streamproc.replay.pipeline",
    "TrainingData": "streamproc.retrain.api",
    "Trigger": "streamproc.events.trigger",
    "load": "streamproc.config.load",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    """Also what is not loaded yet: notebooks complete names from here."""
    return sorted({*globals(), *__all__})
