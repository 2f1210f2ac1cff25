"""The course of one retrain, in its own process: window, training, comparison, artifact."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamproc.errors import RetrainError
from streamproc.events.summary import summarise
from streamproc.events.trigger import Trigger
from streamproc.policy.condition import Condition
from streamproc.retrain.api import Challenger, Row, TrainingData
from streamproc.retrain.challenger import checked, guarded, load
from streamproc.retrain.executors.command import trainer
from streamproc.retrain.gate import CHALLENGER, CHAMPION, Judgement, Metrics, compile_gate, judge, unproven
from streamproc.retrain.job import Job, Result
from streamproc.retrain.paired import Harm, harmed, paired_test, pairs
from streamproc.retrain.registry import Store
from streamproc.retrain.registry.local import LocalStore
from streamproc.retrain.rows import content_hash
from streamproc.retrain.score import Measure, challenged
from streamproc.retrain.window import Window, answered_by, read_window, split

MakeMeasure = Callable[[Job], Measure]
LOCAL = LocalStore()


@dataclass(frozen=True, slots=True)
class _Rows:
    training: list[Row]
    holdout: int
    compared: list[Row]
    """The holdout rows that the champion answered."""

    def counts(self) -> dict[str, int]:
        return {"training": len(self.training), "holdout": self.holdout, "compared": len(self.compared)}


def retrain(
    job: Job,
    values: Iterable[bytes | None],
    measure: Measure,
    directory: Path,
    store: Store = LOCAL,
) -> Result:
    """Go through with a job. `values` are the journal records of the trigger's range, `directory` is for the artifact.

    `store` is where the challenger goes if it passes. Raises RetrainError, ConditionError, RegistryUnavailable,
    OSError and what reading `values` raises: each of them is a failed retrain.
    """
    condition = compile_gate(job.gate, measure.quantities) if job.gate else None
    name, function = _trainer(job)
    if (earlier := store.earlier(job)) is not None:
        return earlier
    window = read_window(values, job.model_id, job.outcomes, job.trigger.data.outcomes)
    rows, sha256 = _divide(job, window), content_hash(window.rows)
    refusal = _too_few(job, rows)
    if refusal is not None:
        return Result(status="rejected", reason=_with_gap(refusal, window), rows=rows.counts(), data_sha256=sha256)
    data = TrainingData(
        rows.training, directory, job.task, rows.holdout, lambda: store.champion(job, directory.with_name("champion"))
    )
    reference = summarise(rows.training)  # before the function can change them
    challenger = checked(guarded(name, lambda: function(job.trigger, data)), name, directory)
    judgement, metrics = _compare(job, condition, challenger, rows.compared, measure)
    if challenger.metrics:
        metrics["reported"] = challenger.metrics
    fields = {
        "status": "deployed" if judgement.passed else "rejected",
        "reason": _with_gap(judgement.reason, window),
        "model_version": challenger.version or job.version,
        "metrics": {side: {k: v for k, v in known.items() if v is not None} for side, known in metrics.items()} or None,
        "rows": rows.counts(),
        "data_sha256": sha256,
    }
    if not judgement.passed:
        return Result.model_validate(fields)
    return store.keep(job, directory, challenger.artifact, {**fields, "reference": reference})


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


def _too_few(job: Job, rows: _Rows) -> str | None:
    """Why the gate could not pass whatever is trained. Said before the training, to spare it."""
    if job.gate is None or len(rows.compared) >= job.gate.min_rows:
        return None
    version = job.trigger.model_version
    whose = f" that version {version} answered" if version is not None else ""
    return (
        f"not trained: {len(rows.compared)} of the {rows.holdout} newest rows are ones{whose}; "
        f"gate.min_rows asks for {job.gate.min_rows}"
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
