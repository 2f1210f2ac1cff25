"""Missing features, unseen categories and numbers out of range, against the reference."""

from __future__ import annotations

from typing import Any

import pytest

from streamproc.config.model import Model
from streamproc.events.summary import CATEGORIES, summarise
from streamproc.monitor.metrics import FeatureMetrics

NAMES = ("missing_rate", "unseen_category_rate", "out_of_range_rate")
SETTINGS: dict[str, Any] = {
    "window": 4,
    "min_samples": 2,
    "drift": {"signals": ["feature.x"], "reference": 50, "window": 50},
}
SOUND = {"x": 1.0, "place": "a", "flag": True}


def metrics(reference: Any = None, **settings: Any) -> FeatureMetrics:
    return FeatureMetrics(Model.model_validate(SETTINGS | settings), NAMES, reference)


def fed(watched: FeatureMetrics, *records: Any) -> list[float | None]:
    """The rates after predictions with these features."""
    for features in records:
        watched.update({"features": features})
    return [watched.getters()[name]() for name in NAMES]


def test_the_first_predictions_are_the_reference() -> None:
    """Nothing is known until the reference is complete and min_samples more have come; then each rate is a share."""
    watched = metrics()
    for n in range(50):
        assert fed(watched, SOUND | {"x": float(n)}) == [None] * 3
    assert fed(watched, SOUND) == [None] * 3
    assert fed(watched, SOUND) == [0, 0, 0]
    assert fed(watched, {"x": None, "flag": True}, {"x": 50.0, "place": "b", "flag": -1}) == pytest.approx(
        [2 / 12, 1 / 12, 2 / 12]
    )
    assert fed(watched, SOUND, SOUND, SOUND, SOUND) == [0, 0, 0]


def test_the_summary_of_the_training_data_is_a_reference_at_once() -> None:
    """With it, the first predictions are judged; features that it does not have are not."""
    watched = metrics(summarise([{"features": {"x": float(n), "place": "ab"[n % 2]}} for n in range(10)]))
    assert fed(watched, {"x": 3, "place": "a", "new": 1}, {"x": -1, "place": "c"}) == [0, 1 / 4, 1 / 4]
    assert fed(watched, None, {}) == [4 / 8, 1 / 8, 1 / 8]


def test_another_kind_of_value_is_noticed() -> None:
    """A number where there were texts is out of range, a text where there were numbers an unseen category."""
    watched = metrics(summarise([{"features": {"x": 1.0, "place": "a"}}] * 10))
    assert fed(watched, {"x": "1.0", "place": 1}, SOUND) == [0, 1 / 4, 1 / 4]


def test_a_feature_of_very_many_texts_is_not_judged() -> None:
    """Ids and free text would always be unseen."""
    many = [{"features": {"id": f"t{n}"}} for n in range(CATEGORIES + 1)]
    for watched in (metrics(summarise(many)), metrics(drift=SETTINGS["drift"] | {"reference": CATEGORIES + 1})):
        for record in many:
            watched.update(record)
        assert fed(watched, {"id": "new"}, {"id": "newer"}, {"id": "a"}, {"id": "b"})[1] == 0


def test_weights_and_a_period() -> None:
    """A prediction of weight 3 counts as three, and what is older than the period has left."""
    watched = metrics(summarise([{"features": {"x": 1.0}}] * 10), window_period="10s")
    watched.update({"features": {}, "weight": 3.0}, 1000)
    watched.update({"features": {"x": 1.0}}, 2000)
    assert watched.getters()["missing_rate"]() == 3 / 4
    watched.update({"features": {"x": 1.0}}, 11_500)
    assert watched.getters()["missing_rate"]() == 0.0


def test_nothing_is_kept_where_nobody_asks() -> None:
    """Without a name in a condition it has no state."""
    watched = FeatureMetrics(Model.model_validate(SETTINGS), {"accuracy"})
    for _ in range(100):
        watched.update({"features": SOUND})
    assert (watched.getters(), watched.state()) == ({}, FeatureMetrics(Model.model_validate(SETTINGS), ()).state())
