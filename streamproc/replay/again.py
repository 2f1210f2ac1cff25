"""One arm over the records of a journal: no join, no training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from streamproc.events.deploy import FINAL
from streamproc.events.trigger import Trigger
from streamproc.replay.arms import Arm, Asking
from streamproc.replay.journal import Deploys, JournalReplay
from streamproc.replay.observed import observed_by
from streamproc.replay.pipeline import Found
from streamproc.replay.tally import Tally, condition_names
from streamproc.retrain.fold import RetrainState
from streamproc.retrain.job import Result
from streamproc.retrain.report import final
from streamproc.stage import Record


class Again:
    """As `World`, for a journal."""

    def __init__(
        self, arm: Arm, partitions: int, deploys: Deploys, drifts: tuple[int, ...] = (), *, numbered: bool = True
    ) -> None:
        """`partitions` and `numbered` as of JournalReplay."""
        self._config, self._deploys = arm.config, deploys
        self.tally = Tally(arm.config, drifts)
        self.replay = JournalReplay(arm.config, partitions, deploys, observed_by(self.tally), numbered=numbered)
        self.tally.values_of = self._values
        self._names: dict[str, list[str]] = {}
        self._asking = {model_id: Asking(arm.every) for model_id in arm.config.models} if arm.every else {}
        self._asked = 0
        self._state = RetrainState()
        self.rejected: Counter[str] = Counter()

    def run(self, records: Iterable[Record]) -> Tally:
        """All of it. Raises UserError."""
        if self._asking or self._deploys == "none":  # what follows from a record comes before the next one
            for record in records:
                self._note(self.replay.feed(record))
                self._ask()
        else:
            for each in self.replay.run(records):
                self.tally.found([each])
        self.rejected.update(error.code for _, error in self.replay.rejected)
        return self.tally

    def _note(self, found: Iterable[Found]) -> None:
        found = list(found)
        if not found:
            return
        self.tally.found(found)
        if self._deploys == "none":
            for each in found:
                if isinstance(each, Trigger):
                    self._answer(each)

    def _answer(self, trigger: Trigger) -> None:
        nothing = Result(status="rejected", reason="this replay deploys nothing")
        event = final(trigger, 1, nothing, self._state, self.replay.now(trigger.model_id)).wire()
        self._note(self.replay.inject({"kind": "deploy", **event}))

    def _ask(self) -> None:
        for model_id, asking in self._asking.items():
            model = self.tally.models[model_id]
            busy = bool(model.raised) and self._deploys == "none" and model.raised[-1].status not in FINAL
            if asking.due(model.outcomes, busy=busy):
                self._asked += 1
                command = {"command_id": f"replay-{self._asked}", "model_id": model_id, "command": "trigger"}
                time = self.replay.now(model_id)
                self._note(self.replay.inject({"kind": "command", **command, "time": time, "reason": "due"}))

    def _values(self, model_id: str) -> dict[str, Any]:
        monitor = self.replay.monitors[model_id]
        if model_id not in self._names:
            self._names[model_id] = condition_names(monitor.model, monitor.getters)
        return dict(monitor.values(self._names[model_id]))
