"""The model server: answers one row at a time, and changes over to the version that a deploy event puts in service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import joblib

from streamproc.demo.market import HalfHour
from streamproc.demo.settings import FIRST_VERSION, MODEL, TRAINING_ROWS
from streamproc.demo.train import fit, matrix
from streamproc.serving import ModelServer


def first_model(half_hours: Sequence[HalfHour]) -> Any:
    """The model that both sides of the comparison begin with, trained on the first rows."""
    rows = half_hours[:TRAINING_ROWS]
    return fit([row.features for row in rows], [row.label for row in rows])


def answers(model: Any, half_hours: Sequence[HalfHour]) -> list[int]:
    """What a model says to many rows at once: for the one that is never retrained, it is known beforehand."""
    found: list[int] = model.predict(matrix(row.features for row in half_hours)).tolist()
    return found


class MarketServer:
    """A model in service: `streamproc.serving`, with the demo's own loop as the one that follows the topic."""

    def __init__(self, model: Any, artifacts: Path) -> None:
        self._serving: ModelServer[Any] = ModelServer(
            MODEL, load=joblib.load, artifacts=artifacts, first=(FIRST_VERSION, model)
        )

    @property
    def version(self) -> str:
        """The version that answers."""
        return str(self._serving.current.version)

    def answer(self, features: Mapping[str, float]) -> tuple[int, float]:
        """(the class, the probability of class 1)."""
        model: Any = self._serving.current.model
        classes = model.classes_.tolist()
        (probabilities,) = model.predict_proba(matrix([features])).tolist()
        best = max(probabilities)
        # A tree that has seen one class only knows one probability.
        return classes[probabilities.index(best)], dict(zip(classes, probabilities, strict=True)).get(1, 0.0)

    def deployed(self, event: Mapping[str, Any]) -> None:
        """Serve what a deploy event put in service; other events change nothing."""
        self._serving.deployed(event)
