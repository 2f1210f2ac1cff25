"""The sequential test: how often it is wrong over all looks, and how soon it is right."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from statistics import median

import pytest

from streamproc.monitor.betting import Capital

PAIRS = 1000
RUNS = 400


def wrong(rng: Random, rate: float) -> int:
    return rng.random() < rate


def classes(new: float, old: float, tolerance: float = 0.0) -> Callable[[Random], float]:
    return lambda rng: wrong(rng, new) - wrong(rng, old) - tolerance


def numbers(new: float, old: float) -> Callable[[Random], float]:
    """Absolute errors with heavy tails, of these scales."""

    def draw(rng: Random) -> float:
        a, b = (scale * abs(rng.gauss(0, 1) / max(rng.random(), 1e-9)) for scale in (new, old))
        return (a - b) / (a + b)

    return draw


def found(draw: Callable[[Random], float], needed: float, largest_loss: float = 1.0) -> list[int]:
    """After how many pairs the evidence was enough, of the runs in which it ever was."""
    ends = []
    for seed in range(RUNS):
        rng, capital = Random(seed), Capital(largest_loss)
        for pair in range(1, PAIRS + 1):
            capital.take(draw(rng))
            if capital.e_value >= needed:
                ends.append(pair)
                break
    return ends


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.3, 0.5])
def test_it_is_wrong_as_seldom_as_promised(rate: float) -> None:
    """Equal error rates, looked at after each of 1,000 pairs: at most alpha of the runs (and three standard errors)."""
    alpha = 0.1
    allowed = alpha + 3 * (alpha * (1 - alpha) / RUNS) ** 0.5
    assert len(found(classes(rate, rate), 1 / alpha)) / RUNS <= allowed
    assert len(found(classes(rate + 0.05, rate, tolerance=0.05), 1 / alpha, 1.05)) / RUNS <= allowed


def test_it_is_wrong_as_seldom_for_numbers_of_any_size() -> None:
    """Errors with tails so heavy that they have no mean."""
    assert len(found(numbers(1.0, 1.0), 10)) / RUNS <= 0.1 + 3 * (0.09 / RUNS) ** 0.5


def test_a_better_version_is_never_called_worse_more_often() -> None:
    """The chance is largest at equality."""
    assert len(found(classes(0.1, 0.2), 10)) / RUNS <= 0.01


@pytest.mark.parametrize(
    ("new", "old", "share", "within"),
    [(0.2, 0.1, 0.98, 320), (0.3, 0.1, 1.0, 120), (0.5, 0.1, 1.0, 50), (1.0, 0.1, 1.0, 20), (0.4, 0.3, 0.8, 500)],
)
def test_what_is_clearly_worse_is_found_soon(new: float, old: float, share: float, within: int) -> None:
    """Of 1,000 pairs and with alpha 0.01; half of the runs need no more pairs than this."""
    ends = found(classes(new, old), 100)
    assert len(ends) / RUNS >= share
    assert median(ends) <= within


def test_larger_errors_are_found_soon_too() -> None:
    """Twice as large, whatever the tails."""
    ends = found(numbers(2.0, 1.0), 100)
    assert len(ends) / RUNS >= 0.95


def test_a_bet_rests_on_what_was_seen_before_it() -> None:
    """A first observation can win nothing, and no loss takes more than half: the capital stays positive."""
    capital = Capital()
    capital.take(1.0)
    assert capital.e_value == 1.0
    for _ in range(50):
        capital.take(1.0)
    rich = capital.e_value
    capital.take(-1.0)
    assert capital.e_value >= rich / 2 > 0


def test_certainty_stays_a_number() -> None:
    """However long the evidence grows."""
    capital = Capital()
    for _ in range(5000):
        capital.take(1.0)
    assert 1e299 < capital.e_value < 1e301
