"""The model in service in a replay: it answers the recorded rows anew once a challenger was deployed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from streamproc.errors import RetrainError
from streamproc.retrain.api import Challenger
from streamproc.retrain.score import SHOWN_TO_PREDICT, plain

BLOCK = 256
"""Rows asked for at once: a model's call costs more than its rows. Those behind a deploy are asked again."""
_ANSWERS = ("prediction", "score", "scores", "model_version")


class Service:
    """One model's server, over the predictions that were recorded, in their order."""

    def __init__(self, predictions: Sequence[dict[str, Any]], task: str) -> None:
        self._predictions, self._task = predictions, task
        self._first: str | None = next((p["model_version"] for p in predictions if p.get("model_version")), None)
        self._next = 0
        self._serving: tuple[str, Challenger] | None = None
        self._known: dict[str, Challenger] = {}
        self._block: list[dict[str, Any]] = []

    def deployed(self, version: str, challenger: Challenger) -> None:
        """From the next row on it answers."""
        self._known[version] = challenger
        self.back_to(version)

    def back_to(self, version: str) -> None:
        """From the next row on this version answers, one that did before; the recorded one if it is none of ours."""
        challenger = self._known.get(version)
        self._serving = (version, challenger) if challenger is not None else None
        self._block = []

    def answer(self) -> dict[str, Any]:
        """The next recorded prediction, as the model in service answers it. Raises RetrainError."""
        event = self._predictions[self._next]
        self._next += 1
        if self._serving is None:
            return event if event.get("model_version") == self._first else event | {"model_version": self._first}
        if not self._block:
            self._block = self._ask(*self._serving, self._predictions[self._next - 1 : self._next - 1 + BLOCK])[::-1]
        return self._block.pop()

    def _ask(self, version: str, challenger: Challenger, events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        rows = [_shown(event) for event in events]
        answers = [plain(answer) for answer in challenger.predict([dict(row) for row in rows])]
        given = challenger.scores(rows) if challenger.scores is not None else None
        scores = [None] * len(rows) if given is None else list(given)
        if not len(answers) == len(scores) == len(rows):
            raise RetrainError(f"predict got {len(rows)} rows and gave {len(answers)} answers")
        name = "score" if self._task == "binary" else "scores"
        return [
            {k: v for k, v in event.items() if k not in _ANSWERS}
            | {"prediction": answer, "model_version": version}
            | ({} if score is None else {name: _score(score)})
            for event, answer, score in zip(events, answers, scores, strict=True)
        ]


def _score(score: Any) -> Any:
    if isinstance(score, Mapping):
        return {str(name): float(value) for name, value in score.items()}
    return float(score)


def _shown(event: Mapping[str, Any]) -> dict[str, Any]:
    row = {name: event.get(name) for name in SHOWN_TO_PREDICT}
    return row | {"features": row["features"] or {}, "segments": row["segments"] or {}}
