"""Missing features, unseen categories and numbers out of range, against the reference."""

from __future__ import annotations

from typing import Any

import pytest

from streamproc.config.model import Model
from streamproc.events.summary import CATEGORIES, summarise
from streamproc.monitor.metrics import FeatureMetrics
from streamproc.monitor.names import quantities

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


class TestOneFeature:
    """`missing.x`, `unseen.place`, `out_of_range.x`: which feature it is."""

    CONDITION = "missing.x > 0.1 or unseen.place > 0.1 or out_of_range.x > 0.1 or missing.gone > 0.1"

    def model(self) -> Model:
        return Model.model_validate(SETTINGS | {"policies": [{"name": "p", "condition": self.CONDITION}]})

    def gauges(self) -> FeatureMetrics:
        reference = summarise([{"features": {"x": x / 10, "place": "a", "flag": 1}} for x in range(11)])
        names = ("missing.x", "unseen.place", "out_of_range.x", "missing.gone", "missing.place")
        return FeatureMetrics(self.model(), names, reference)

    def test_each_has_its_own(self) -> None:
        """Shares of the predictions, not of all values; a feature that the reference lacks is not known."""
        watched = self.gauges()
        for features in ({"x": 0.5, "place": "a"}, {"place": "b"}, {"x": 7, "place": "a"}, {"x": None, "place": "c"}):
            watched.update({"features": features})
        found = {name: getter() for name, getter in watched.getters().items()}
        assert found == {
            "missing.x": 0.5, "unseen.place": 0.5, "out_of_range.x": 0.25, "missing.gone": None, "missing.place": 0.0,
        }  # fmt: skip

    def test_what_leaves_the_window_counts_no_more(self) -> None:
        """With weights too."""
        watched = self.gauges()
        for features, weight in (({}, 1), ({"x": 0.1}, 3), ({"x": 9.0}, 1), ({"x": 0.2}, 1), ({"x": 0.3}, 1)):
            watched.update({"features": features, "weight": weight})
        assert watched.getters()["missing.x"]() == 0
        assert watched.getters()["out_of_range.x"]() == pytest.approx(1 / 6)

    def test_the_state_comes_back(self) -> None:
        """And goes on as it would have."""
        lived, restored = self.gauges(), self.gauges()
        for n in range(7):
            lived.update({"features": {"x": n, "place": "ab"[n % 2]}})
        restored.restore(lived.state())
        for watched in (lived, restored):
            watched.update({"features": {}})
        assert {n: g() for n, g in lived.getters().items()} == {n: g() for n, g in restored.getters().items()}
        assert lived.state() == restored.state()

    def test_conditions_may_name_them_and_predictions_are_watched_for_it(self) -> None:
        """Without a label, and without any other signal of predictions."""
        model = Model.model_validate({"policies": [{"name": "p", "condition": "missing.amount > 0.2"}]})
        assert model.rated_features == ("amount",)
        assert model.watches_predictions
        assert quantities(model)["missing.amount"].high == 1
        assert "missing.amount" not in quantities(Model())
