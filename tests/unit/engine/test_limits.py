"""When a partition has had too many unusable records."""

from __future__ import annotations

import random

import pytest

from streamproc.engine.limits import SLICE, Bounds, Limits

RUN = Bounds(max_run=100, max_share=1)
SHARE = Bounds(max_run=0, max_share=0.25, window=200)


def fed(limits: Limits, kinds: str) -> str | None:
    """Take records: `x` for an unusable one, `.` for a good one."""
    return limits.take(len(kinds), [place for place, kind in enumerate(kinds) if kind == "x"])


def test_good_records_never_stop_anything() -> None:
    """However many, and whatever the bounds."""
    limits = Limits(Bounds(1, 0.001, 50))
    assert all(limits.take(5000) is None for _ in range(100))


def test_a_run_stops_a_partition_when_it_is_as_long_as_the_limit() -> None:
    """Over as many batches as it takes; the reason names the setting."""
    limits = Limits(RUN)
    assert fed(limits, "." * 50 + "x" * 60) is None
    assert fed(limits, "x" * 39) is None
    assert fed(limits, "x") == "100 unusable records in a row (dead_letters.max_run)"


def test_one_good_record_ends_a_run() -> None:
    """99 and 99 are not 198."""
    limits = Limits(RUN)
    assert fed(limits, "x" * 99 + "." + "x" * 99) is None
    assert fed(limits, ".") is None
    assert fed(limits, "x" * 99) is None


def test_a_run_within_a_batch_counts_though_good_ones_follow() -> None:
    """What has been reached has been reached."""
    assert fed(Limits(RUN), "." + "x" * 100 + "." * 500) is not None


def test_a_share_counts_once_the_window_is_full() -> None:
    """The first hundred records of a topic prove nothing about its share."""
    limits = Limits(SHARE)
    assert fed(limits, "x." * 99) is None
    assert fed(limits, ".") is None
    assert fed(limits, ".") == "more than 25% of the newest 200 records are unusable (dead_letters.max_share)"


def test_a_share_is_of_the_newest_records() -> None:
    """Old ones leave the window, one for each that comes; exactly the share is still allowed."""
    limits = Limits(SHARE)
    assert fed(limits, "x" * 50 + "." * 150) is None
    assert fed(limits, "x" * 50) is None, "each takes the place of an old one"
    assert fed(limits, "." * 100) is None
    assert fed(limits, "x") is not None, "in the place of a good one"


@pytest.mark.parametrize("bounds", [Bounds(0, 1), Bounds(0, 1, 50)])
def test_limits_can_be_switched_off(bounds: Bounds) -> None:
    """Then nothing but rubbish is no reason to stop, nor to take it in small pieces."""
    limits = Limits(bounds)
    assert fed(limits, "x" * 5000) is None
    assert limits.room >= 5000


class Plain:
    """The same by the definition, with a list of all records."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds, self.kinds = bounds, ""

    def take(self, kinds: str) -> bool:
        return any([self._one(kind) for kind in kinds])  # noqa: C419 - all of them are taken

    def _one(self, kind: str) -> bool:
        self.kinds += kind
        run, window = self.bounds.max_run, self.bounds.window
        newest = self.kinds[-window:]
        return bool(run and self.kinds.endswith("x" * run)) or (
            len(newest) == window and newest.count("x") > self.bounds.max_share * window
        )


@pytest.mark.parametrize("seed", range(80))
def test_it_is_what_a_list_of_all_records_would_say(seed: int) -> None:
    """Whatever the mixture and the batches; and whoever keeps to `room` is never a slice over a limit."""
    rng = random.Random(seed)
    bounds = Bounds(rng.choice((0, 3, 30, 400)), rng.choice((0.1, 0.5, 0.9, 1)), rng.choice((50, 100, 333)))
    limits, plain = Limits(bounds), Plain(bounds)
    share = rng.choice((0.01, 0.1, 0.5, 0.9, 1))
    for _ in range(60):
        room = limits.room
        kinds = "".join("x" if rng.random() < share else "." for _ in range(min(room, rng.randint(1, 200))))
        reached, expected = fed(limits, kinds), plain.take(kinds)
        assert (reached is not None) == expected
        if reached:
            if room > SLICE:
                assert Plain(bounds).take(plain.kinds[:-1]) is False, "it was the last record that did it"
            break
