"""Challengers trained side by side, and which of them meets the champion: the one with the smallest mean error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

from streamproc.errors import RetrainError
from streamproc.events.summary import Summary, summarise
from streamproc.events.trigger import Trigger
from streamproc.retrain.api import Challenger, Row, TrainingData
from streamproc.retrain.challenger import checked, guarded
from streamproc.retrain.division import Division, Lesson
from streamproc.retrain.paired import pairs
from streamproc.retrain.score import challenged

Train = Callable[[Trigger, TrainingData], Any]


@dataclass(frozen=True, slots=True)
class Contender:
    """A trained challenger, and what it was trained on."""

    words: str
    rows: int
    challenger: Challenger
    directory: Path
    reference: Summary
    """Of its training rows, before the function could change them."""
    error: float | None = None
    """Mean error on the rows that choose; None: nobody had to be chosen."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Who was chosen, of whom, and who was left out."""

    chosen: Contender
    contenders: tuple[Contender, ...]
    left_out: tuple[str, ...]

    def figures(self) -> dict[str, dict[str, float]]:
        """For the deploy event: of each window the rows and the error that chose."""
        if len(self.contenders) + len(self.left_out) == 1:
            return {}
        return {
            each.words: {"training": each.rows, **({"error": each.error} if each.error is not None else {})}
            for each in self.contenders
        }

    def __str__(self) -> str:
        """What to add to the reason; empty for a single window."""
        if len(self.contenders) + len(self.left_out) == 1:
            return ""
        said = f"; trained on {self.chosen.words}"
        if len(self.contenders) > 1:
            said += ", the best of " + ", ".join(f"{c.words} (error {c.error:.4g})" for c in self.contenders)
        return said + "".join(f"; left out: {why}" for why in self.left_out)


@dataclass(frozen=True, slots=True)
class Trainer:
    """Who trains: the user's function or command."""

    name: str
    function: Train
    trigger: Trigger
    task: str
    find_champion: Callable[[Path], Path | None]
    """A directory to fetch it into -> the artifact of the version in service."""
    mixed: Sequence[Row]
    """Reference rows, which come before all others."""

    def train(self, lesson: Lesson, directory: Path, holdout: int) -> Contender:
        """Raises RetrainError."""
        rows = [*map(dict, self.mixed), *lesson.rows]
        find = partial(self.find_champion, directory.with_name("champion"))
        data = TrainingData(rows, directory, self.task, holdout, find, lesson.words)  # type: ignore[arg-type]
        reference = summarise(rows)
        challenger = checked(guarded(self.name, lambda: self.function(self.trigger, data)), self.name, directory)
        return Contender(lesson.words, len(lesson.rows), challenger, directory, reference)


def contest(trainer: Trainer, division: Division, directory: Path) -> Outcome:
    """Train one challenger on each window, and choose. Who cannot be trained or asked is left out.

    Raises RetrainError if that is everybody.
    """
    if len(division.lessons) == 1:
        (lesson,) = division.lessons
        only = trainer.train(lesson, directory, division.holdout)
        return Outcome(only, (only,), division.left_out)
    contenders, left_out = list[Contender](), list(division.left_out)
    for number, lesson in enumerate(division.lessons):
        place = directory / f"{number}" / "artifact"
        place.mkdir(parents=True)
        # Another challenger may change its rows: each has its own.
        own = Lesson(lesson.words, [_copied(row) for row in lesson.rows])
        try:
            contender = trainer.train(own, place, division.holdout)
            contenders.append(_measured(contender, division.choosing, trainer.task))
        except RetrainError as error:
            if len(division.lessons) == len(left_out) - len(division.left_out) + 1:
                raise
            left_out.append(f"{lesson.words}: {str(error).partition(chr(10))[0]}")
    chosen = min(contenders, key=lambda each: float("inf") if each.error is None else each.error)
    return Outcome(chosen, tuple(contenders), tuple(left_out))


def _measured(contender: Contender, choosing: Sequence[Row], task: str) -> Contender:
    answered = guarded("Challenger.predict", lambda: challenged(contender.challenger, choosing, task))
    errors = [own for _, own in pairs(choosing, answered, task)]
    if not errors:
        raise RetrainError("its answers cannot be compared with the labels")
    return Contender(
        contender.words, contender.rows, contender.challenger, contender.directory, contender.reference, fmean(errors)
    )


def _copied(row: Row) -> Row:
    return {**row, "features": dict(row["features"]), "segments": dict(row["segments"])}
