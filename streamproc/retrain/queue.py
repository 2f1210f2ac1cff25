"""The triggers of one partition that nothing runs for: which is next, which waits, which is not run any more. Pure.

Of each model the oldest trigger may be run, unless a newer one supersedes it; of all models the one with the highest
`retrain.priority`, and of equal ones the oldest. What the retrain budget does not allow now waits, and lets others by.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import cast

from streamproc.config.pipeline import Config, RetrainBudget
from streamproc.config.retrain import Retrain, Retries
from streamproc.errors import ConfigError
from streamproc.events.partitioner import partition_of
from streamproc.policy.shared import share_of
from streamproc.retrain.fold import OpenTrigger, RetrainState
from streamproc.retrain.retries import not_before

Rank = tuple[int, tuple[int, int, str]]


class Queue:
    """A view of a partition's state; what is `taken` are models that something goes on for, or is said of."""

    def __init__(self, config: Config, state: RetrainState, budget: RetrainBudget | None) -> None:
        """`budget`: the partition's share of it."""
        self._config, self._state, self._budget = config, state, budget

    def first(self, now: int, taken: Collection[str], starting: int, busy: Callable[[str], bool]) -> OpenTrigger | None:
        """What a job could be started for first. `starting`: retrains that were begun and are not in the state yet."""
        may_begin = not self._is_spent(now, starting)
        ready = (w for w in self._ready(now, taken, busy) if may_begin or not self._is_new(w))
        return min(ready, key=self.rank, default=None)

    def held(self, now: int) -> int:
        """Triggers that only the budget keeps waiting."""
        if not self._is_spent(now, 0):
            return 0
        return sum(self._is_new(waiting) for waiting in self._ready(now, (), lambda _: False))

    def rank(self, waiting: OpenTrigger) -> Rank:
        """Sorts what goes first to the front."""
        return -self.retrain(waiting).priority, waiting.age

    def retrain(self, waiting: OpenTrigger) -> Retrain:
        """The model's section; only triggers of models that have one are kept."""
        return cast("Retrain", self._config.models[waiting.trigger.model_id].retrain)

    def retries(self, waiting: OpenTrigger) -> Retries:
        """What follows a run that did not come to its end."""
        return self.retrain(waiting).retries

    def superseded(self) -> dict[str, str]:
        """Triggers that no run has begun for, or that wait for rows -> the newest trigger of their model."""
        newest = {each.trigger.model_id: trigger_id for trigger_id, each in self._state.open.items()}
        return {
            trigger_id: newest[waiting.trigger.model_id]
            for trigger_id, waiting in self._state.open.items()
            if newest[waiting.trigger.model_id] != trigger_id and self._state.runs_of(trigger_id).is_queued
        }

    def _ready(self, now: int, taken: Collection[str], busy: Callable[[str], bool]) -> Iterator[OpenTrigger]:
        """Of each model that nothing goes on for, the oldest trigger, unless it has to wait for its next attempt."""
        seen = set(taken)
        for trigger_id, waiting in self._state.open.items():
            model_id = waiting.trigger.model_id
            if model_id not in seen and not busy(model_id):
                seen.add(model_id)
                if not_before(self._state.runs_of(trigger_id), self.retries(waiting)) <= now:
                    yield waiting

    def _is_new(self, waiting: OpenTrigger) -> bool:
        return not self._state.runs_of(waiting.trigger.trigger_id).attempt

    def _is_spent(self, now: int, starting: int) -> bool:
        budget = self._budget
        if budget is None:
            return False
        return starting + sum(time > now - budget.period for time in self._state.begun) >= budget.retrains


def budgets(config: Config, partitions: int) -> dict[int, RetrainBudget]:
    """Partition -> its share of the retrain budget; nothing if there is none. The shares add up to the budget.

    Raises ConfigError where a partition would be left with none: its models would never be retrained.
    """
    budget = config.worker.budget
    if budget is None:
        return {}
    models: dict[int, int] = {}
    for model_id, model in config.models.items():
        if model.retrain is not None:
            partition = partition_of(model_id, partitions)
            models[partition] = models.get(partition, 0) + 1
    shares = {partition: share_of(budget.retrains, models, partition) for partition in models}
    if not all(shares.values()):
        raise ConfigError(
            f"worker.budget: {budget.retrains} retrains cannot be divided among {len(models)} partitions of "
            f"{config.topics.triggers} so that each model can be retrained. Allow more in a longer period (twice as "
            "many in one twice as long come to the same)"
        )
    return {p: budget.model_copy(update={"retrains": share}) for p, share in shares.items()}
