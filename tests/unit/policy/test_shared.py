"""What models share: a budget that is divided, and many triggers at once that are one incident."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamproc.config.policies import Budget, Incidents
from streamproc.policy.shared import Shared, share_of

T, MINUTE = 1_780_000_000_000, 60_000


def budget(triggers: int) -> Budget:
    return Budget(triggers=triggers, period="1h")  # type: ignore[arg-type]


def storm(models: int = 3) -> Shared:
    return Shared(None, Incidents(models=models, within="10m", lasts="1h"))  # type: ignore[arg-type]


@given(st.integers(1, 40), st.dictionaries(st.integers(0, 7), st.integers(1, 30), min_size=1))
def test_the_shares_of_a_budget_add_up_to_it(triggers: int, models: dict[int, int]) -> None:
    """So it is never exceeded; and no partition is more than one off what its models make."""
    shares = {partition: share_of(triggers, models, partition) for partition in models}
    assert sum(shares.values()) == triggers
    total = sum(models.values())
    assert all(abs(shares[p] - triggers * models[p] / total) < 1 for p in models)
    assert share_of(triggers, models, 99) == 0


def test_claims_beyond_the_budget_are_refused() -> None:
    """Of whichever model, until the oldest is an hour old."""
    shared = Shared(budget(2), None)
    assert [shared.claim(model, T, "i")[0] for model in "ab"] == [None, None]
    assert "the budget is 2" in str(shared.claim("c", T + MINUTE, "i")[0])
    assert shared.claim("c", T + 60 * MINUTE, "i") == (None, None)


def test_a_partition_without_a_share_grants_nothing() -> None:
    """A budget of one in four partitions is one partition's."""
    none = Shared(budget(1).model_copy(update={"triggers": 0}), None)
    assert none.claim("a", T, "i")[0] is not None


def test_the_third_model_within_ten_minutes_opens_one_incident() -> None:
    """It still fires; the fourth does not, and is told which incident it is part of; an hour later all is over."""
    shared = storm()
    assert shared.claim("a", T, "i1") == (None, None)
    assert shared.claim("b", T + 5 * MINUTE, "i2") == (None, None)
    refused, incident = shared.claim("c", T + 9 * MINUTE, "i3")
    assert refused is None
    assert incident is not None
    assert "(a, b, c)" in incident
    assert "incident i3" in str(shared.claim("d", T + 68 * MINUTE, "i4")[0])
    assert shared.claim("d", T + 69 * MINUTE, "i5") == (None, None)


def test_one_model_that_fires_often_is_no_storm() -> None:
    """Distinct models are counted, and only those of the last ten minutes."""
    shared = storm()
    for n in range(10):
        assert shared.claim("a", T + n * MINUTE, "i") == (None, None)
    assert shared.claim("b", T + 10 * MINUTE, "i") == (None, None)
    assert shared.claim("c", T + 20 * MINUTE, "i") == (None, None)
