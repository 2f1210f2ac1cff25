"""Which offsets hold the newest outcomes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.monitor.history import PARTS, STRIDE, OutcomeHistory


@settings(deadline=None)
@given(st.lists(st.integers(1, 9), max_size=600), st.integers(0, 700), st.integers(1, 400))
def test_as_defined(steps: list[int], asked: int, remembered: int) -> None:
    """The latest of every 64th outcomes with so many after it, else the oldest that is still held; nothing at first."""
    history, offsets = OutcomeHistory(remembered), [0]
    for step in steps:
        history.add(offsets[-1])
        offsets.append(offsets[-1] + step)
    total = len(steps)
    held = list(range(0, total, STRIDE))[-(remembered // STRIDE + 2) :]
    enough = [number for number in held if total - number >= asked]
    number = max(enough, default=min(held, default=0))
    assert history.start_of(asked) == (offsets[number], total - number)
    restored = OutcomeHistory(remembered)
    restored.restore(history.state())
    assert restored.start_of(asked) == history.start_of(asked)


def test_what_was_asked_to_be_remembered_is() -> None:
    """A start with at least so many outcomes after it, however long the history."""
    history = OutcomeHistory(300)
    for offset in range(5000):
        history.add(offset)
        assert history.start_of(300)[1] >= min(300, offset + 1)
        assert history.start_of(300)[1] < 300 + STRIDE


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 90), st.booleans()), max_size=400))
def test_a_deploy_and_a_period_are_held_in_full(steps: list[tuple[int, bool]]) -> None:
    """The range begins no later than either, and little before; how many outcomes are since the deploy is exact."""
    period, now, deployed = 640, 0, 0
    history, times = OutcomeHistory(100, period), list[int]()
    for offset, (wait, deploys) in enumerate(steps):
        now += wait
        times.append(now)
        history.add(offset, now)
        if deploys:
            history.deployed()
            deployed = len(times)
    assert history.since_deploy == len(times) - deployed
    start, outcomes = history.start_of_deploy()
    assert outcomes == len(times) - start
    assert 0 <= deployed - start <= STRIDE
    start, outcomes = history.start_of_period()
    assert outcomes == len(times) - start
    older = [time for time in times[:start] if time > now - period]
    assert not older
    gap = period // PARTS + max((wait for wait, _ in steps), default=0)
    assert all(time >= now - period - gap for time in times[start + 1 :])
    assert len(history.state()[-1]) <= 2 * PARTS
    restored = OutcomeHistory(100, period)
    restored.restore(history.state())
    assert restored.state() == history.state()
    assert restored.start_of_period() == history.start_of_period()
