"""Retrain a scikit-learn model; its artifact is a skops file, which loads without running code of its own.

retrain: {function: retraining:retrain}     # needs scikit-learn and skops
"""

from __future__ import annotations

from typing import Any

from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from skops import io

from streamproc import Challenger, TrainingData, Trigger


def retrain(trigger: Trigger, data: TrainingData) -> Challenger:
    """Fit a logistic regression to the rows."""
    model = make_pipeline(DictVectorizer(), LogisticRegression(max_iter=1000))
    model.fit(data.features(), data.labels())
    path = data.directory / "model.skops"
    io.dump(model, path)

    def predict(rows: list[dict[str, Any]]) -> Any:
        return model.predict([row["features"] for row in rows])

    def scores(rows: list[dict[str, Any]]) -> Any:
        return model.predict_proba([row["features"] for row in rows])[:, 1]

    return Challenger(path, predict, scores)
