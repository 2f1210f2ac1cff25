from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streamproc.events.trigger import Trigger
from streamproc.replay.memory import MemoryRecord
from streamproc.retrain.fold import Champion, RetrainState
from streamproc.retrain.retries import Runs
from tests.unit.retrain.support import NOW, make_trigger, record
from tests.unit.retrain.support import TRIGGERS as TOPIC

TRIGGERS = [make_trigger(n, model_id) for n in range(3) for model_id in ("a", "b")]
deploys = st.builds(
    lambda trigger, status, attempt: {
        "model_id": trigger.model_id,
        "trigger_id": trigger.trigger_id,
        "status": status,
        "model_version": f"v-{trigger.trigger_id[-4:]}",
        "time": NOW,
        "attempt": attempt,
    },
    st.sampled_from(TRIGGERS),
    st.sampled_from(
        ("started", "attempt_failed", "given_back", "failed", "rejected", "deployed", "confirmed", "rolled_back")
    ),
    st.integers(1, 3),
)


def record_of(trigger: Trigger, time: int = NOW) -> MemoryRecord:
    return record(TOPIC, 0, trigger.wire(), time)


def fold(steps: Sequence[Trigger | dict[str, Any]]) -> RetrainState:
    state = RetrainState()
    for step in steps:
        if isinstance(step, Trigger):
            state.trigger(step, record_of(step))
        else:
            state.deploy(step)
    return state


@given(
    st.lists(st.sampled_from(TRIGGERS), max_size=6), st.lists(deploys, max_size=12), st.randoms(use_true_random=False)
)
def test_every_interleaving_gives_the_same_state(fired: list[Trigger], said: list[dict[str, Any]], random: Any) -> None:
    """The two topics have no common order: however their records are mixed, the state is the same."""
    mixed: list[Trigger | dict[str, Any]] = []
    left, right = list(fired), list(said)
    while left or right:
        mixed.append((left if left and (not right or random.random() < 0.5) else right).pop(0))
    state = fold(mixed)
    assert state == fold([*fired, *said]) == fold([*said, *fired])
    assert list(state.open) == list(fold([*fired, *said]).open)


def test_open_triggers_keep_their_order() -> None:
    """The oldest is the first, also when those between have ended."""
    ended = {"model_id": "a", "trigger_id": TRIGGERS[2].trigger_id, "status": "failed", "time": NOW}
    state = fold([TRIGGERS[0], TRIGGERS[2], TRIGGERS[4], ended])
    assert list(state.open) == [TRIGGERS[0].trigger_id, TRIGGERS[4].trigger_id]


def test_the_champion_is_the_last_version_put_in_service() -> None:
    """`deployed` and `rolled_back` change it, with its artifact; no other status does."""
    deployed = {"model_id": "a", "status": "deployed", "model_version": "v2", "time": NOW, "artifact": {"uri": "a/v2"}}
    state = fold([deployed, {"model_id": "a", "status": "confirmed", "model_version": "v3", "time": NOW + 1}])
    assert state.champions == {"a": Champion("v2", NOW, "a/v2")}
    state.deploy({"model_id": "a", "status": "rolled_back", "model_version": "v1", "time": NOW + 2})
    assert state.champions == {"a": Champion("v1", NOW + 2)}


def test_a_repeated_trigger_changes_nothing() -> None:
    """The first record counts: its time, and its place among the others."""
    state = fold(TRIGGERS[:3])
    state.trigger(TRIGGERS[0], record_of(TRIGGERS[0], NOW + 5))
    assert state == fold(TRIGGERS[:3])
    assert list(state.open) == list(fold(TRIGGERS[:3]).open)


def test_runs_are_counted_until_the_end() -> None:
    """Attempts are counted before the trigger is read too, and forgotten when it is finished."""
    trigger = TRIGGERS[0]
    started = {"model_id": "a", "trigger_id": trigger.trigger_id, "status": "started", "time": NOW, "attempt": 1}
    state = fold([started, trigger, {**started, "attempt": 2}])
    assert state.runs == {trigger.trigger_id: Runs(attempt=2, cut_off=1, began=NOW)}
    state.deploy({**started, "status": "rejected"})
    state.deploy(started)
    assert state.runs == {}
    assert state.open == {}
