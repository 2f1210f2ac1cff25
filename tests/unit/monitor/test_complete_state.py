"""Nothing that a monitor holds is forgotten in its state: every attribute is written, or its absence has a reason."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from streamproc.monitor.model import ModelMonitor
from streamproc.monitor.river_state import ADWIN, DDM, EDDM, FHDDM, HDDM_A, HDDM_W, PAGE_HINKLEY, SAMPLE
from streamproc.policy.guards import SITUATION
from streamproc.stateful import Stateful
from tests.unit.monitor.journals import TASKS, journal, monitor_of, play
from tests.unit.monitor.likeness import attributes, objects

FOREIGN = {
    "Situation": SITUATION,
    "ADWIN": ADWIN,
    "PageHinkley": PAGE_HINKLEY,
    "Mean": PAGE_HINKLEY,
    "DDM": DDM,
    "FHDDM": FHDDM,
    "HDDMA": HDDM_A,
    "EDDM": EDDM,
    "Var": EDDM,
    "HDDMW": HDDM_W,
    "SampleInfo": SAMPLE,
    "EWMean": SAMPLE,
}
"""What is written by another's fields."""

NOT_WRITTEN: dict[str, dict[str, str]] = {
    "ModelMonitor": {
        "model_id model config_hash _longest": "configuration",
    },
    "Scope": {
        "segment _model _needed _window": "configuration",
        "getters": "bound to parts that stay the same objects",
    },
    "Segments": {
        "_by _most _model _policies": "configuration",
        "_shared": "written by the model's sharing",
    },
    "OutcomeHistory": {"_period": "configuration"},
    "Ledger": {"_error _window": "configuration"},
    "Course": {"_model": "configuration"},
    "Uptake": {"_patience _is_silence_told": "configuration"},
    "Probation": {"_settings _enough _is_regression _loss": "configuration"},
    "Capital": {"_most": "configuration"},
    "Sharing": {"_model_id": "configuration"},
    "Shared": {"_budget _incidents": "configuration; the copy of its sharing"},
    "Memory": {"_size": "configuration"},
    "Gauges": {"_model _kept _on_outcome _on_prediction": "configuration, bound to parts that stay the same objects"},
    "WindowedMetrics": {
        "_getters _puts": "bound to parts that stay the same objects",
        "_size _period": "configuration",
    },
    "FeatureMetrics": {"_getters _puts": "bound to parts that stay the same objects", "_size _period": "configuration"},
    "LabelCoverage": {"_horizon _enough": "configuration", "_old": "follows from the ring"},
    "PolicyWatch": {
        "policy condition conditions schedule names _said _is_plain": "configuration",
        "_bound _holds": "bound to getters that stay valid",
        "_inquiry": "its own memory, what is bound as above, and what each look puts in",
    },
    "Inquiry": {
        "policy budget calendar vetoed_by": "configuration",
        "memory shared": "written by the policy and by the model's sharing",
        "outcomes coverage vetoes": "bound to getters that stay valid",
        "at cause": "of the moment",
    },
    "Volume": {"_period": "configuration", "_bucket _present _preceding": "follow from the ring and the clock"},
    "AdwinDetector": {"_config _up _down": "configuration"},
    "PageHinkleyDetector": {"_config _up _down": "configuration"},
    "CusumDetector": {
        "_config _up _down _slack _threshold": "configuration",
        "_deviation": "follows from the reference",
    },
    "EwmaDetector": {"_config _up _down _weight _decay _limit": "configuration"},
    "DdmDetector": {"_config _flips": "configuration"},
    "FhddmDetector": {"_config _flips": "configuration"},
    "HddmADetector": {"_config _flips": "configuration"},
    "CustomDetector": {"_config": "configuration", "_user": "written by hand, as it gives itself"},
    "ADWIN": {"delta clock max_buckets min_window_length grace_period": "configuration"},
    "KswinDetector": {"_config _up _down _significant": "configuration"},
    "EddmDetector": {"_config _flips": "configuration", "_best": "follows from river's detector"},
    "HddmWDetector": {"_config _flips": "configuration"},
    "Surprise": {"_n": "follows from the counts"},
    "EachFeature": {"_make": "configuration", "_detectors": "written by hand, as names and states"},
    "EDDM": {"warm_start alpha beta": "configuration"},
    "Var": {"ddof": "configuration"},
    "HDDMW": {"drift_confidence warning_confidence lambda_val two_sided_test": "configuration"},
    "SampleInfo": {"_lambd_sq _c_lambd_sq": "configuration"},
    "EWMean": {"fading_factor": "configuration"},
    "DDM": {"drift_threshold warm_start warning_threshold": "configuration"},
    "FHDDM": {
        "sliding_window_size confidence_level short_window_size _epsilon": "configuration",
        "_warning_detected": "never",
        "n_one": "follows from the window",
    },
    "HDDMA": {"drift_confidence warning_confidence two_sided_test": "configuration"},
    "PageHinkley": {"min_instances delta threshold alpha mode _test_drift": "configuration"},
    "_Distance": {
        "_kind _wanted _size most": "configuration",
        "_counts": "follow from the ring",
        "_all_p": "follows from the bins",
        "_changed _terms _smoothed _value": "follow from the counts",
    },
    "Errors": {"_code _kinds _enough": "configuration", "_counts _known": "follow from the ring"},
    "Confusion": {"_code _kinds _enough": "configuration", "_counts _known": "follow from the ring"},
    "Tally": {"_code _kinds _enough": "configuration", "_counts _known": "follow from the ring"},
    "ExactMean": {"_value_of _scale _enough": "configuration", "_total _weight _known": "follow from the ring"},
    "Classes": {
        "_measures _enough": "configuration",
        "_classes _answers _labels": "written by hand, as names and their numbers",
        "_with _known _touched _values": "follow from the rings",
    },
    "OneVsRest": {
        "_enough": "configuration",
        "_classes": "written by hand, as names and states",
        "_known": "written by hand",
        "_usable _weights": "follow from the window",
    },
    "RocAuc": {"_positive _score _enough": "configuration", "_sides _weights _won": "follow from the rings"},
    "CalibrationError": {"_forecast _enough": "configuration", "_gaps _weight _known": "follow from the rings"},
    "R2": {
        "_enough": "configuration",
        "_known _weight _sum _sum_of_squares _sum_of_errors": "follow from the rings",
    },
    "Percentiles": {"_value_of _enough": "configuration", "_sorted": "follows from the rings"},
    "FeatureRates": {"_wanted _enough": "configuration", "_sums _apart": "follow from the rings"},
}

WITHIN_OTHERS = {"_Class": "Classes", "_Sorted": "RocAuc", "Known": "FeatureRates"}
"""Written by hand, or formed anew, by the class that holds them."""

ELSEWHERE: dict[str, set[str]] = {
    "Mean": {"n", "_mean"},
    "Segments": {"_counts", "scopes"},
    "Var": {"mean", "_S"},
    "EWMean": {"_ewmean"},
    "EachFeature": set(),
    "Inquiry": set(),
    "OneVsRest": set(),
}
"""Fields of a part that another's fields write within."""


def lived(task: str) -> ModelMonitor:
    monitor = monitor_of(task)
    play(monitor, journal(Random(1), task, monitor.config_hash, 400), 0)
    return monitor


def written(thing: Any) -> set[str]:
    name = type(thing).__name__
    if name in ELSEWHERE:
        return ELSEWHERE[name]
    kind = FOREIGN.get(name) or getattr(thing, "FIELDS", None)
    assert kind is not None, f"{name} has state but no fields"
    return set(kind.names)


def frozen(thing: Any) -> bool:
    """Objects that cannot change, as their class says."""
    settings = getattr(type(thing), "__dataclass_params__", None)
    return settings is not None and bool(settings.frozen)


@pytest.mark.parametrize("task", TASKS)
def test_every_attribute_is_written_or_has_a_reason(task: str) -> None:
    """Of every object in a monitor that has lived: a new attribute must be named in its class's fields or here."""
    for thing in objects(lived(task)):
        name = type(thing).__name__
        if frozen(thing) or name in WITHIN_OTHERS:
            continue
        excused = {word for words in NOT_WRITTEN.get(name, {}) for word in words.split()}
        held = set(attributes(thing))
        assert held == written(thing) | excused, f"{name}: neither written nor excused, or gone"
        assert not written(thing) & excused, f"{name}: written and excused"


def test_every_stateful_class_is_looked_at() -> None:
    """The journals' models have one of each: a new detector or metric must be put into them."""

    def ours(kind: type) -> list[type]:
        found: list[type] = kind.__subclasses__()
        # Tests break some, and a replay writes no state.
        return [c for c in found if c.__module__.startswith("streamproc.") and ".replay." not in c.__module__]

    def below(kind: type) -> set[str]:
        found = ours(kind)
        return {c.__name__ for c in found if not ours(c)}.union(*map(below, found))

    met = {type(thing).__name__ for task in TASKS for thing in objects(lived(task))}
    assert below(Stateful) <= met
    assert set(NOT_WRITTEN) | set(FOREIGN) <= met
