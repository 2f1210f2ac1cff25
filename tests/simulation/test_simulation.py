"""Whatever befalls the processes, what readers see is what they would have seen without it."""

from __future__ import annotations

import pytest

from tests.simulation.faults import POINTS, Answer, Fault, PlannedFaults
from tests.simulation.run import simulate, simulate_plan, simulate_worker

PRELUDES: dict[str, tuple[tuple[str, int, Fault], ...]] = {
    "history": (("consumed", 40, Fault.CRASH),),
    "lost": (("commit", 2, Fault.FREEZE),),
    "abort": (("commit", 2, Fault.FREEZE),),
}
"""What must happen before a point is reached at all."""
VISITS = (1, 2, 4)
AT_A_DISK = ("settle", "settled")
"""Points that a worker does not come to."""


def test_a_life_full_of_faults(seed: int) -> None:
    """No seed breaks a promise: outcomes, triggers, dead letters, offsets, ticks, restored state."""
    try:
        breaches = simulate(seed).breaches
    except BaseException as exc:
        exc.add_note(_repeat(seed))
        raise
    assert not breaches, "\n".join([*breaches, _repeat(seed)])


def test_a_worker_with_a_life_full_of_faults(seed: int) -> None:
    """No seed breaks a promise: one final event for each trigger, no run after it, attempts, waits, dead letters."""
    try:
        breaches = simulate_worker(seed).breaches
    except BaseException as exc:
        exc.add_note(_repeat(seed))
        raise
    assert not breaches, "\n".join([*breaches, _repeat(seed)])


@pytest.mark.parametrize("point", [point for point in POINTS if point not in AT_A_DISK])
@pytest.mark.parametrize("fault", Fault)
def test_each_fault_at_each_step_of_a_worker(point: str, fault: Fault) -> None:
    """The same where a fault may come between a job and what is said of it."""
    happened = 0
    for visit in VISITS:
        plan = PlannedFaults(*PRELUDES.get(point, ()), (point, visit, fault))
        breaches = simulate_worker(visit, plan).breaches
        assert not breaches, "\n".join([f"visit {visit}:", *breaches])
        happened += plan.is_done
    assert happened, f"nothing has come to {point}"


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("fault", Fault)
def test_each_fault_at_each_step(point: str, fault: Fault) -> None:
    """A single fault at any step of the loop, at any of the first visits to it, breaks no promise."""
    happened = 0
    for visit in VISITS:
        plan = PlannedFaults(*PRELUDES.get(point, ()), (point, visit, fault))
        breaches = simulate_plan(visit, plan).breaches
        assert not breaches, "\n".join([f"visit {visit}:", *breaches])
        happened += plan.is_done
    assert happened, f"nothing has come to {point}"


@pytest.mark.parametrize("answer", [answer for answer in Answer if answer is not Answer.GIVEN])
@pytest.mark.parametrize("then", [None, *Fault])
def test_each_unknown_outcome(answer: Answer, then: Fault | None) -> None:
    """A commit whose answer does not come, and a fault while it is being settled, break no promise."""
    for visit in VISITS:
        after = () if then is None else (("init", 1, then),)
        breaches = simulate_plan(visit, PlannedFaults(("end", visit, answer), *after)).breaches
        assert not breaches, "\n".join([f"visit {visit}:", *breaches])


@pytest.mark.parametrize("times", [1, 3])
def test_a_stray_request_to_join_ends_no_process(times: int) -> None:
    """A member that its own old request throws out comes back in the process, and no promise is broken."""
    for visit in (10, 20, 40):
        life = simulate_plan(visit, PlannedFaults(*[("consume", visit, Fault.STRAY)] * times))
        assert not life.breaches, "\n".join([f"visit {visit}:", *life.breaches])
        assert life.world.slots_taken == 0


def test_two_live_processes_with_one_slot_are_noticed() -> None:
    """One of the two ends and says why, whoever it is; no promise is broken."""
    # In the first commit of all: a short life may else be at rest before they have taken the slot often enough.
    lives = [simulate_plan(seed, PlannedFaults(("commit", 1, Fault.REPLACE))) for seed in range(12)]
    assert not [breach for life in lives for breach in life.breaches]
    assert all(life.world.slots_taken == 1 for life in lives)


def _repeat(seed: int) -> str:
    return f"Repeat it with: python -m pytest tests/simulation --seed {seed}"
