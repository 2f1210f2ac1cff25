"""The user's retrain function, with what it gives back kept: a replay asks the new model itself for its answers.

In service the artifact is what counts. How to load it only the model server knows; the function's `predict` is what
the gate asks, and the replay goes on asking it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from streamproc.errors import RetrainError
from streamproc.retrain.api import Challenger
from streamproc.retrain.challenger import load
from streamproc.retrain.course import MakeMeasure
from streamproc.retrain.course import retrain as go_through
from streamproc.retrain.job import Job, Result

NAME = f"{__name__}:retrain"
_under_way: list[_Kept] = []


class _Kept:
    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.challengers: dict[str, Challenger | None] = {}
        """By the window that each was trained on."""

    def of(self, window: str | None) -> Challenger | None:
        return None if window is None else self.challengers.get(window)


def retrain(trigger: Any, data: Any) -> Any:
    """What the course of a retrain finds in the place of the user's function."""
    kept = _under_way[-1]
    given = kept.function(trigger, data)
    kept.challengers[data.window] = given if isinstance(given, Challenger) else None
    return given


def retrained(
    job: Job, values: Iterable[bytes | None], make_measure: MakeMeasure, directory: Path
) -> tuple[Result, Challenger | None]:
    """One real retrain in this process, gate included. Raises what `streamproc.retrain.course.retrain` raises."""
    name, function = _user(job)
    with _keeping(function) as kept:
        ours = job.model_copy(update={"function": NAME, "command": None, "predict": None})
        result = go_through(ours, values, make_measure(job), directory)
    return result.model_copy(update={"reason": result.reason.replace(NAME, name)}), kept.of(result.window)


def _user(job: Job) -> tuple[str, Callable[..., Any]]:
    """Who trains, by name. Raises RetrainError."""
    if job.function is not None:
        return job.function, load(job.function)
    raise RetrainError("only a retrain.function can be run in a replay, not a command or a webhook")


@contextmanager
def _keeping(function: Callable[..., Any]) -> Iterator[_Kept]:
    kept = _Kept(function)
    _under_way.append(kept)
    try:
        yield kept
    finally:
        _under_way.pop()
