"""The model of the demo: how it is trained at first, and the function that streamproc calls to train it again.

`retrain` is all that a user has to write: rows in, artifact and a way to ask it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import joblib
import numpy as np
from sklearn.tree import DecisionTreeClassifier

from streamproc.demo.market import FEATURES
from streamproc.events.trigger import Trigger
from streamproc.retrain.api import Challenger, TrainingData

ARTIFACT = "tree.joblib"


def retrain(trigger: Trigger, data: TrainingData) -> Challenger:
    """Train a tree on the rows that the trigger names."""
    model = fit(data.features(), data.labels())
    path = data.directory / ARTIFACT
    joblib.dump(model, path)
    return Challenger(path, predict=lambda rows: model.predict(matrix(row["features"] for row in rows)).tolist())


def fit(features: Iterable[Mapping[str, float]], labels: Sequence[int]) -> Any:
    """A decision tree of depth 8, the same one for the same rows."""
    return DecisionTreeClassifier(max_depth=8, random_state=0).fit(matrix(features), labels)


def matrix(features: Iterable[Mapping[str, float]]) -> Any:
    """Features by name -> the array that scikit-learn wants, float32 as its trees hold them."""
    return np.array([[row[name] for name in FEATURES] for row in features], dtype=np.float32)
