from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest

from streamproc.errors import MissingExtra
from streamproc.retrain.api import TrainingData
from streamproc.retrain.window import read_window
from tests.unit.retrain.support import outcome, values_of


def training_data(**fields: Any) -> TrainingData:
    records = [outcome(n, **fields) for n in range(3)]
    return TrainingData(read_window(values_of(records), "m", 3, 3).rows, Path(), "binary", 1)


def columns(monkeypatch: pytest.MonkeyPatch, data: TrainingData) -> list[dict[str, Any]]:
    """The rows that the frame is made of."""
    stand_in = types.ModuleType("pandas")
    stand_in.DataFrame = list  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pandas", stand_in)
    return data.frame()  # type: ignore[no-any-return]


def test_a_frame_has_features_and_segments_as_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """One row for each outcome: the plain fields, the features by name, the segments as segment.<name>."""
    rows = columns(monkeypatch, training_data(segments={"country": "se"}, features={"x": 1.5, "colour": "red"}))
    assert len(rows) == 3
    assert rows[0]["x"] == 1.5
    assert rows[0]["colour"] == "red"
    assert rows[0]["segment.country"] == "se"
    assert rows[1]["label"] == 1
    assert not {"features", "segments", "scores"} & rows[0].keys()


def test_a_feature_never_hides_a_field(monkeypatch: pytest.MonkeyPatch) -> None:
    """A feature called `label` is in `feature.label`; the label stays the label."""
    rows = columns(monkeypatch, training_data(features={"label": 99}))
    assert rows[1]["label"] == 1
    assert rows[1]["feature.label"] == 99


def test_without_pandas_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """MissingExtra, not a bare import error."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtra, match="pandas"):
        training_data().frame()
