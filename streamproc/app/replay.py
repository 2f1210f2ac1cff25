"""Puts a replay together: a recording, the arms to compare, and what each of them comes to."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from streamproc.app.retrain_child import measure
from streamproc.config.pipeline import Config
from streamproc.errors import UserError
from streamproc.replay.again import Again
from streamproc.replay.arms import Arm, baselines, configured
from streamproc.replay.recorded import Recorded, events_of_journal
from streamproc.replay.results import Figures, Question, Replayed, results
from streamproc.replay.world import Training, World, models_that_retrain
from streamproc.stage import Record

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Recording:
    """What is replayed: events, or the records of a journal."""

    events: Sequence[Recorded] | None = None
    journal: Callable[[], Iterable[Record]] | None = None
    """Gives the records anew each time."""
    partitions: int = 1
    numbered: bool = True
    """The journal's offsets are its own."""
    rejected: Mapping[str, int] = field(default_factory=dict)
    """What could not be read as events."""

    def as_events(self) -> Sequence[Recorded]:
        """Also of a journal: its outcomes as predictions and labels."""
        if self.events is not None:
            return self.events
        assert self.journal is not None  # noqa: S101 - one of the two
        return sorted(events_of_journal(self.journal(), with_deploys=False))


def replay(
    recording: Recording,
    configs: Mapping[str, Config],
    question: Question,
    say: Say,
    everies: Sequence[int] | None = None,
    *,
    crons: Sequence[str] = (),
) -> Figures:
    """All configurations, by name, and the baselines: every so many outcomes, by cron, and so on; none if None.

    Raises UserError, BrokerUnavailable.
    """
    if question.deploys == "retrain":
        recording = Recording(events=recording.as_events(), rejected=recording.rejected)
        _refuse_without_training(configs)
    done: list[Replayed] = []
    for name, config in configs.items():
        done.append(_run(configured(name, config), recording, question, say))
    if everies is not None:
        config = next(iter(configs.values()))
        wanted = dict.fromkeys([*everies, *_as_many(done[0])])
        for arm in baselines(config, list(wanted), crons):
            done.append(_run(arm, recording, question, say))  # noqa: PERF401 - each takes seconds, and says so
    return results(question, done, _notes(done, question))


def _run(arm: Arm, recording: Recording, question: Question, say: Say) -> Replayed:
    began = time.perf_counter()
    drifts = question.drifts or ()
    rejected = Counter(recording.rejected)
    if recording.events is None:
        again = Again(
            arm,
            recording.partitions,
            "none" if question.deploys == "none" else "recorded",  # to retrain, a journal is read as events
            drifts,
            numbered=recording.numbered,
        )
        assert recording.journal is not None  # noqa: S101 - one of the two
        tally = again.run(recording.journal())
        rejected += again.rejected
    else:
        with tempfile.TemporaryDirectory(prefix="streamproc-replay-") as directory:
            takes = question.takes or 0
            training = Training(measure, takes, Path(directory)) if question.deploys == "retrain" else None
            world = World(arm, recording.events, question.deploys, training, drifts)
            tally = world.run()
        rejected.update(error.code for _, error in world.pipeline.rejected)
    replayed = Replayed(arm, tally, rejected, time.perf_counter() - began)
    say(_progress(replayed))
    return replayed


def _progress(replayed: Replayed) -> str:
    outcomes = sum(model.outcomes for model in replayed.tally.models.values())
    triggers = sum(len(model.raised) for model in replayed.tally.models.values())
    return f"{replayed.arm.name}: {outcomes:,} outcomes, {triggers:,} triggers, {replayed.seconds:.1f} s"


def _refuse_without_training(configs: Mapping[str, Config]) -> None:
    for name, config in configs.items():
        if not any(models_that_retrain(config)):
            raise UserError(
                f"{name}: no model has a `retrain` section with a function, so nothing can be retrained in the replay\n"
                "  Add one, or ask for --deploys recorded or none."
            )


def _as_many(first: Replayed) -> list[int]:
    """Of which N a retrain every N outcomes is as many retrains as the first configuration's; of its busiest model."""
    busiest = max(first.tally.models.values(), key=lambda model: len(model.raised))
    return [max(1, busiest.outcomes // len(busiest.raised))] if busiest.raised else []


def _notes(done: Sequence[Replayed], question: Question) -> list[str]:
    notes = []
    if not any(model.outcomes for model in done[0].tally.models.values()):
        notes.append("there is no outcome in the recording: no label met a prediction")
    if question.deploys == "recorded":
        triggers = [raised for each in done for model in each.tally.models.values() for raised in model.raised]
        unanswered = sum(raised.status == "open" for raised in triggers)
        if unanswered:
            notes.append(
                f"{unanswered} triggers have no answer in the recording; each kept its model from firing until the "
                "next recorded deploy or retrain_timeout. --deploys none answers all at once, --deploys retrain runs "
                "the retrains"
            )
    return notes
