"""Retrain an online model of river: it learns the window row by row, in the order in which the labels came.

retrain: {function: retraining:retrain}
"""

from __future__ import annotations

import pickle
from typing import Any

from river import linear_model, preprocessing

from streamproc import Challenger, TrainingData, Trigger


def retrain(trigger: Trigger, data: TrainingData) -> Challenger:
    """Learn from the oldest row to the newest. The artifact is a pickle: load only your own."""
    model = preprocessing.StandardScaler() | linear_model.LogisticRegression()
    for row in data.rows:
        model.learn_one(row["features"], row["label"])
    path = data.directory / "model.pickle"
    path.write_bytes(pickle.dumps(model))

    def predict(rows: list[dict[str, Any]]) -> list[int]:
        return [int(model.predict_one(row["features"]) or 0) for row in rows]

    return Challenger(path, predict)
