"""Each conformance check catches the bug that it is there for: a broken detector is put in, and must be noticed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest

from streamproc.config.detectors import Adwin, Cusum, PageHinkley
from streamproc.monitor.detectors.cusum import CusumDetector
from streamproc.monitor.detectors.page_hinkley import PageHinkleyDetector
from streamproc.monitor.detectors.protocol import Evidence
from tests.unit.monitor import test_conformance as conformance

CUSUM, SUMS = Cusum(reference=50, threshold=5), PageHinkley(min_instances=10, threshold=2)


class KeepsItsSum(CusumDetector):
    """A reset that leaves something behind."""

    def reset(self) -> None:
        rose = getattr(self, "_rose", 0.0)
        super().reset()
        self._rose = rose


class TakesNaN(CusumDetector):
    """What is no number counts."""

    def update(self, x: float) -> bool:
        self._n += x != x  # noqa: PLR0124 - only NaN differs from itself
        return super().update(x)


class LetsTheFlagFall(CusumDetector):
    """A flag that is up at one value only."""

    def update(self, x: float) -> bool:
        self._raised = False
        return super().update(x)


class CountsTwice(CusumDetector):
    """Detections that do not add up."""

    def _latch(self, width: int, mean_before: float, mean_after: float) -> None:
        super()._latch(width, mean_before, mean_after)
        self.detections += 1


class TellsNaN(CusumDetector):
    """Evidence that is no JSON."""

    def evidence(self) -> Evidence:
        return super().evidence() | ({"mean_after": math.nan} if self.flag else {})


class MixesUpTheMeans(CusumDetector):
    """The means of the two sides are those of other values."""

    def _latch(self, width: int, mean_before: float, mean_after: float) -> None:
        super()._latch(width, mean_after, mean_before)


class RemembersAll(CusumDetector):
    """Every value is kept."""

    def __init__(self, config: Cusum) -> None:
        self.seen: list[float] = []
        super().__init__(config)

    def update(self, x: float) -> bool:
        self.seen.append(x)
        return super().update(x)


_COUNT = itertools.count()


class FollowsSomethingElse(CusumDetector):
    """What it says depends on how many others there were."""

    def update(self, x: float) -> bool:
        return super().update(x + next(_COUNT) % 3)


class ForgetsAField(CusumDetector):
    """A sum that is not written."""

    def state(self) -> Any:
        written, self._rose = self._rose, 0.0
        state = super().state()
        self._rose = written
        return state


class ForgetsThatItFound(PageHinkleyDetector):
    """A state from the value of a detection, after which river would start afresh."""

    def restore(self, state: Any) -> None:
        super().restore(state)
        self._river._drift_detected = False


class TakesAnyState(CusumDetector):
    """Nothing is looked at before it is taken."""

    def restore(self, state: Any) -> None:
        for name, value in zip(self.FIELDS.names, state, strict=False):
            setattr(self, name, value)


BUGS: list[tuple[Callable[..., Any], type[Any], Any]] = [
    (conformance.test_reset_equals_fresh, KeepsItsSum, CUSUM),
    (conformance.test_garbage_never_gets_in, TakesNaN, CUSUM),
    (conformance.test_flag_is_latched_and_detections_counted, LetsTheFlagFall, CUSUM),
    (conformance.test_flag_is_latched_and_detections_counted, CountsTwice, CUSUM),
    (conformance.test_evidence_is_json_and_adds_up, TellsNaN, CUSUM),
    (conformance.test_evidence_means, MixesUpTheMeans, CUSUM),
    (conformance.test_memory_is_bounded, RemembersAll, CUSUM),
    (conformance.test_the_same_input_gives_the_same_output, FollowsSomethingElse, CUSUM),
    (conformance.test_a_saved_detector_goes_on_as_it_would_have, ForgetsAField, CUSUM),
    (conformance.test_a_state_from_the_very_value_of_a_detection, ForgetsThatItFound, SUMS),
    (conformance.test_a_forged_state_is_refused_or_harmless, TakesAnyState, CUSUM),
]


@pytest.mark.parametrize(("check", "broken", "configured"), BUGS, ids=[broken.__name__ for _, broken, _ in BUGS])
def test_a_bug_is_caught(
    check: Callable[..., Any], broken: type[Any], configured: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check passes with the real detector, and fails with the broken one, in one way or in several."""
    given = {"count": 450} if "forged" in check.__name__ else {}
    check(configured=configured, **given)
    monkeypatch.setattr(conformance, "build", broken)
    with pytest.raises((AssertionError, TypeError, ExceptionGroup)):
        check(configured=configured, **given)


def test_a_detector_that_is_not_checked_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A type without a line in the table."""
    monkeypatch.setattr(conformance, "CONFIGS", {n: c for n, c in conformance.CONFIGS.items() if type(c) is not Adwin})
    with pytest.raises(AssertionError):
        conformance.test_every_detector_is_checked()


def test_every_check_is_here() -> None:
    """A check that is added needs a bug that it catches."""
    checks = {name for name in vars(conformance) if name.startswith("test_")}
    assert checks == {check.__name__ for check, *_ in BUGS} | {"test_every_detector_is_checked"}
