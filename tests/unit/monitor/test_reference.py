"""Which of the newest losses of a version are of the world as it is now."""

from __future__ import annotations

from random import Random

from streamproc.monitor.reference import MOST_LAGS, comparable, middle, run_length

RUNS = 200


def losses(*parts: tuple[int, float], seed: int = 0) -> list[float]:
    """So many outcomes with this error rate, one part after the other."""
    rng = Random(seed)
    return [float(rng.random() < rate) for count, rate in parts for _ in range(count)]


def test_where_nothing_rose_all_are_compared_with() -> None:
    """But for one or two in a hundred."""
    cut = sum(comparable(losses((1000, 0.1), seed=seed), 0.0) < 1000 for seed in range(RUNS))
    assert cut / RUNS <= 0.04


def test_a_rise_is_found_within_a_few_outcomes() -> None:
    """100 outcomes of the harder world are enough to tell."""
    found = sorted(comparable(losses((900, 0.1), (100, 0.4), seed=seed), 0.0) for seed in range(RUNS))
    assert found[RUNS // 20] >= 70
    assert found[-RUNS // 20] <= 140


def test_of_several_rises_the_latest_counts() -> None:
    """From 5 to 30 to 80 %."""
    assert 80 <= comparable(losses((500, 0.05), (300, 0.3), (100, 0.8)), 0.0) <= 120


def test_that_it_got_easier_is_no_reason() -> None:
    """The new version is held to all of it; else what is no worse would be called worse more often."""
    assert comparable(losses((500, 0.5), (300, 0.1)), 0.0) == 800


def test_too_few_are_left_as_they_are() -> None:
    """Nobody can tell."""
    assert comparable([], 0.0) == 0
    assert comparable([1.0] * 10, 0.0) == 10
    assert comparable([0.0] * 15 + [1.0] * 15, 0.0) == 30


def test_errors_of_a_regression_are_large_beyond_their_median() -> None:
    """Whatever their scale."""
    rng = Random(1)
    errors = [abs(rng.gauss(0, 1e6)) for _ in range(400)] + [abs(rng.gauss(0, 4e6)) for _ in range(100)]
    assert 85 <= comparable(errors, middle(errors)) <= 130
    assert comparable(errors[:400], middle(errors[:400])) == 400


def test_losses_that_are_for_themselves_have_runs_of_one() -> None:
    """But for chance, in a few of a hundred, and then hardly longer."""
    found = sorted(run_length(losses((1000, 0.1), seed=seed), 0.0) for seed in range(RUNS))
    assert found[int(RUNS * 0.95)] == 1.0
    assert found[-1] < 1.5


def test_runs_have_their_length() -> None:
    """Twenty outcomes of one batch of labels are all wrong, or all right."""
    for length in (2, 5, 20):
        one_each = losses((2000, 0.2))
        runs = [loss for loss in one_each for _ in range(length)]
        assert 0.7 * length <= run_length(runs, 0.0) <= 1.4 * length


def test_of_too_few_or_equal_losses_nothing_is_known() -> None:
    """And nothing endless comes of it."""
    assert run_length([], 0.0) == run_length([1.0], 0.0) == run_length([1.0] * 500, 0.0) == 1.0
    assert run_length([0.0] * 500 + [1.0] * 500, 0.0) <= 1 + 2 * MOST_LAGS
