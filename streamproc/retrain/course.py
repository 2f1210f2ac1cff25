"""The course of one retrain, in its own process: window, training, comparison, artifact."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from streamproc.config.model import Gate
from streamproc.errors import RetrainError
from streamproc.events.summary import summarise
from streamproc.events.trigger import Trigger
from streamproc.policy.condition import Condition
from streamproc.retrain.api import Challenger, Row, TrainingData
from streamproc.retrain.artifact import install
from streamproc.retrain.challenger import checked, guarded, load
from streamproc.retrain.executors.command import trainer
from streamproc.retrain.gate import CHALLENGER, CHAMPION, Judgement, Metrics, compile_gate, judge, unproven
from streamproc.retrain.job import Job, Result
from streamproc.retrain.paired import Harm, harmed, paired_test, pairs
from streamproc.retrain.rows import content_hash
from streamproc.retrain.score import Measure, challenged
from streamproc.retrain.window import Window, answered_by, read_window, split

MakeMeasure = Callable[[Job], Measure]


class Later(NamedTuple):
    """What the journal partition of a trigger holds behind the trigger's range."""

    end: int
    """The offset where it ends, exclusive."""
    values: Iterable[bytes | None]


def nothing_later() -> Later | None:
    """The trigger's range is all there is."""
    return None


@dataclass(frozen=True, slots=True)
class _Rows:
    training: list[Row]
    holdout: int
    compared: list[Row]
    """The holdout rows that the champion answered."""
    holdout_to: int | None = None
    """The offset where the holdout ends, if that is behind the trigger's range."""

    def counts(self) -> dict[str, int]:
        return {"training": len(self.training), "holdout": self.holdout, "compared": len(self.compared)}


def retrain(
    job: Job,
    values: Iterable[bytes | None],
    measure: Measure,
    directory: Path,
    later: Callable[[], Later | None] = nothing_later,
) -> Result:
    """Go through with a job. `values` are the journal records of the trigger's range, `directory` is for the artifact.

    `later` is asked for what has come since, where the range holds too few rows to judge by.

    Raises RetrainError, ConditionError, OSError and what reading `values` raises: each of them is a failed retrain.
    """
    condition = compile_gate(job.gate, measure.quantities) if job.gate else None
    name, function = _trainer(job)
    window = read_window(values, job.model_id, job.outcomes, job.trigger.data.outcomes)
    rows, sha256 = _divide(job, window), content_hash(window.rows)
    if _lacks_rows(job, rows):
        rows = _with_later(job, rows, later())
    if job.gate is not None and _lacks_rows(job, rows):
        return Result(
            status="waiting",
            reason=_with_gap(_too_few(job, rows, job.gate), window),
            rows={**rows.counts(), "needed": job.gate.min_rows},
            holdout_to=rows.holdout_to,
            data_sha256=sha256,
        )
    data = TrainingData(rows.training, directory, job.task, rows.holdout, _champion_artifact(job))
    reference = summarise(rows.training)  # before the function can change them
    challenger = checked(guarded(name, lambda: function(job.trigger, data)), name, directory)
    judgement, metrics = _compare(job, condition, challenger, rows.compared, measure)
    if challenger.metrics:
        metrics["reported"] = challenger.metrics
    return Result(
        status="deployed" if judgement.passed else "rejected",
        reason=_with_gap(judgement.reason, window),
        model_version=challenger.version or job.version,
        artifact=install(job, directory, challenger.artifact) if judgement.passed else None,
        metrics={side: {k: v for k, v in known.items() if v is not None} for side, known in metrics.items()} or None,
        rows=rows.counts(),
        holdout_to=rows.holdout_to,
        reference=reference if judgement.passed else None,
        data_sha256=sha256,
    )


def _trainer(job: Job) -> tuple[str, Callable[[Trigger, TrainingData], Any]]:
    """Who trains, and its name. Raises RetrainError."""
    if job.command is not None:
        return job.command[0], trainer(job.command, job.predict)
    name = str(job.function)
    return name, load(name)


def _divide(job: Job, window: Window) -> _Rows:
    """Raises RetrainError when there is nothing to train on."""
    training, holdout = split(window.rows, job.gate.holdout if job.gate else 0.0)
    if not training:
        why = "the model has no labelled rows yet"
        if window.missing:
            why = f"the journal no longer holds the {window.expected} labelled rows that the trigger names (retention)"
        elif window.rows:
            why = f"the window holds {len(window.rows)} labelled rows only"
        raise RetrainError(f"there is nothing to train on: {why}")
    compared = answered_by(holdout, job.trigger.model_version, job.champion_since)
    return _Rows(training, len(holdout), compared)


def _lacks_rows(job: Job, rows: _Rows) -> bool:
    """Whether the gate could not pass whatever is trained. Looked at before the training, to spare it."""
    return job.gate is not None and len(rows.compared) < job.gate.min_rows


def _with_later(job: Job, rows: _Rows, later: Later | None) -> _Rows:
    """The same rows to train on, and to judge by also those that have come since; neither model has trained on them."""
    if later is None:
        return rows
    newer = read_window(later.values, job.model_id, job.outcomes, 0).rows
    compared = [*rows.compared, *answered_by(newer, job.trigger.model_version, job.champion_since)]
    return replace(rows, holdout=rows.holdout + len(newer), compared=compared, holdout_to=later.end)


def _too_few(job: Job, rows: _Rows, gate: Gate) -> str:
    version = job.trigger.model_version
    whose = f" that version {version} answered" if version is not None else ""
    return (
        f"{len(rows.compared)} of the {rows.holdout} newest rows are ones{whose}; gate.min_rows asks for "
        f"{gate.min_rows}"
    )


def _compare(
    job: Job, condition: Condition | None, challenger: Challenger, compared: list[Row], measure: Measure
) -> tuple[Judgement, dict[str, Metrics]]:
    gate = job.gate
    if condition is None or gate is None:
        return Judgement(passed=True, reason="deployed without a comparison: no gate is configured"), {}
    answered = guarded("Challenger.predict", lambda: challenged(challenger, compared, job.task))
    champion, ours = measure.of(compared), measure.of(answered)
    test = paired_test(pairs(compared, answered, job.task), job.task)
    bound, harms = gate.max_segment_loss, list[Harm]()
    if bound is not None:
        harms = harmed(compared, answered, job.task, job.segment_by, bound=bound, min_rows=gate.min_rows)
    judgement = unproven(judge(condition, champion, ours, len(compared)), gate, test, harms)
    return judgement, {CHAMPION: champion, CHALLENGER: ours, "paired": test.figures()}


def _with_gap(reason: str, window: Window) -> str:
    if not window.missing:
        return reason
    return (
        f"{reason}; the journal no longer holds the beginning of the window (retention): "
        f"{window.missing} of {window.expected} outcomes are gone"
    )


def _champion_artifact(job: Job) -> Path | None:
    """None unless it lies in the artifacts directory: deploy events come from anybody, and models are often pickles."""
    if job.champion_artifact is None:
        return None
    root = Path(job.artifacts).resolve()
    path = (root / job.champion_artifact).resolve()
    return path if path.is_relative_to(root) and path.exists() else None
