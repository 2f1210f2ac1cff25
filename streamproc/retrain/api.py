"""What a user's retrain function gets, and what it gives back.

def retrain(trigger: Trigger, data: TrainingData) -> Challenger:
    model = DecisionTreeClassifier().fit(matrix(data.rows), data.labels())
    joblib.dump(model, data.directory / "model.joblib")
    return Challenger(data.directory / "model.joblib", predict=lambda rows: model.predict(matrix(rows)))
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from streamproc.errors import MissingExtra

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TrainingData:
    """The labelled rows to train on: the window that the trigger names, less the newest ones, which are kept back."""

    rows: list[Row]
    """Oldest label first. Each row is a flat dict: prediction_id, time (epoch ms), features (name -> value),
    prediction, score, scores, label (the newest one), label_time, model_version, weight, segments. What was not sent
    is None; features and segments are then empty."""
    directory: Path
    """An empty directory: write the artifact here."""
    task: Literal["binary", "multiclass", "regression"]
    holdout_rows: int
    """How many of the newest rows are kept back to compare the challenger with the champion."""
    find_champion: Callable[[], Path | None] = field(default=lambda: None, repr=False)
    window: str = ""
    """Which window these rows are of, in words: with `side_by_side` the function is called for each."""

    @property
    def champion_artifact(self) -> Path | None:
        """The artifact of the version in service, if it is in the `artifacts` directory or the registry: to go on from.

        From a registry it is fetched when it is asked for. Raises RegistryUnavailable.
        """
        return self.find_champion()

    def features(self) -> list[dict[str, Any]]:
        """The features of each row."""
        return [row["features"] for row in self.rows]

    def labels(self) -> list[Any]:
        """The label of each row."""
        return [row["label"] for row in self.rows]

    def frame(self) -> Any:
        """The rows as a pandas DataFrame, each feature a column, each segment a column `segment.<name>`.

        A feature that is called like another field is in the column `feature.<name>`. Raises MissingExtra without
        pandas.
        """
        try:
            pandas = importlib.import_module("pandas")
        except ModuleNotFoundError as exc:
            raise MissingExtra("TrainingData.frame()", "pandas") from exc
        return pandas.DataFrame([_flat(row) for row in self.rows])


def _flat(row: Row) -> Row:
    flat = {name: value for name, value in row.items() if name not in ("features", "scores", "segments")}
    flat.update((name if name not in flat else f"feature.{name}", value) for name, value in row["features"].items())
    flat.update((f"segment.{name}", value) for name, value in row["segments"].items())
    return flat


@dataclass(frozen=True, slots=True)
class Challenger:
    """A trained model that wants to go into service."""

    artifact: Path
    """A file or a directory inside of `TrainingData.directory` (or that directory itself)."""
    predict: Callable[[list[Row]], Sequence[Any]]
    """Rows -> one answer each. These rows hold prediction_id, time, features, weight and segments; nothing else."""
    scores: Callable[[list[Row]], Sequence[Any] | None] | None = None
    """Rows -> for binary tasks the probability of the positive label, for multiclass a dict of class to probability;
    None: there are none."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Figures of your own; they go into the deploy event under `reported`."""
    version: str | None = None
    """A name of your own for the version; without one it is `r-` and the beginning of the trigger's id."""
