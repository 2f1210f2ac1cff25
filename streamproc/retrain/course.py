"""The course of one retrain, in its own process: window, training, comparison, artifact."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from streamproc.config.retrain import Gate
from streamproc.events.deploy import Artifact
from streamproc.events.trigger import Trigger
from streamproc.policy.condition import Condition
from streamproc.retrain.api import Challenger, Row, TrainingData
from streamproc.retrain.artifact import digest
from streamproc.retrain.challenger import guarded, load
from streamproc.retrain.contest import Trainer, contest
from streamproc.retrain.division import Division, divide, lacks_rows, with_later
from streamproc.retrain.executors.command import trainer
from streamproc.retrain.gate import CHALLENGER, CHAMPION, Judgement, Metrics, compile_gate, judge, unproven
from streamproc.retrain.job import Job, Result
from streamproc.retrain.paired import Harm, harmed, paired_test, pairs
from streamproc.retrain.reference import read_reference
from streamproc.retrain.registry import Store
from streamproc.retrain.registry.local import LocalStore
from streamproc.retrain.rows import content_hash
from streamproc.retrain.score import Measure, challenged
from streamproc.retrain.spans import widest
from streamproc.retrain.window import Window, read_window

MakeMeasure = Callable[[Job], Measure]
LOCAL = LocalStore()


class Later(NamedTuple):
    """What the journal partition of a trigger holds behind the trigger's range."""

    end: int
    """The offset where it ends, exclusive."""
    values: Iterable[bytes | None]


def nothing_later() -> Later | None:
    """The trigger's range is all there is."""
    return None


def retrain(
    job: Job,
    values: Iterable[bytes | None],
    measure: Measure,
    directory: Path,
    *,
    later: Callable[[], Later | None] = nothing_later,
    store: Store = LOCAL,
) -> Result:
    """Go through with a job. `values` are the journal records of the trigger's range, `directory` is for the artifact.

    `later` is asked for what has come since, where the range holds too few rows to judge by; `store` is where the
    challenger goes if it passes.

    Raises RetrainError, ConditionError, RegistryUnavailable, OSError and what reading `values` raises: each of them is
    a failed retrain.
    """
    condition = compile_gate(job.gate, measure.quantities) if job.gate else None
    name, function = _trainer(job)
    if (earlier := store.earlier(job)) is not None:
        return earlier
    whole = widest(job.spans)
    window = read_window(values, job.model_id, whole.newest, job.trigger.data.outcomes, whole.since)
    division, sha256 = divide(job, window), content_hash(window.rows)
    if lacks_rows(job, division) and (more := later()) is not None:
        newer = read_window(more.values, job.model_id, whole.newest, 0)
        division = with_later(job, division, newer.rows, more.end)
    if job.gate is not None and lacks_rows(job, division):
        training = max(len(lesson.rows) for lesson in division.lessons)
        return Result(
            status="waiting",
            reason=_with_gap(_too_few(job, division, job.gate), window),
            rows={**division.counts(training), "needed": job.gate.min_rows},
            holdout_to=division.holdout_to,
            data_sha256=sha256,
        )
    mixed, source = _reference(job)
    trainer = Trainer(name, function, job.trigger, job.task, lambda scratch: store.champion(job, scratch), mixed)
    outcome = contest(trainer, division, directory)
    chosen = outcome.chosen
    judgement, metrics = _compare(job, condition, chosen.challenger, division.compared, measure)
    metrics |= outcome.figures()
    if chosen.challenger.metrics:
        metrics["reported"] = chosen.challenger.metrics
    counts = division.counts(chosen.rows)
    fields = {
        "status": "deployed" if judgement.passed else "rejected",
        "reason": _with_gap(f"{judgement.reason}{outcome}", window),
        "model_version": chosen.challenger.version or job.version,
        "metrics": {side: {k: v for k, v in known.items() if v is not None} for side, known in metrics.items()} or None,
        "rows": {**counts, "reference": len(mixed)} if source is not None else counts,
        "holdout_to": division.holdout_to,
        "data_sha256": sha256,
        "window": chosen.words,
        "mixed_with": source,
    }
    if not judgement.passed:
        return Result.model_validate(fields)
    return store.keep(job, chosen.directory, chosen.challenger.artifact, {**fields, "reference": chosen.reference})


def _trainer(job: Job) -> tuple[str, Callable[[Trigger, TrainingData], Any]]:
    """Who trains, and its name. Raises RetrainError."""
    if job.command is not None:
        return job.command[0], trainer(job.command, job.predict)
    name = str(job.function)
    return name, load(name)


def _reference(job: Job) -> tuple[list[Row], Artifact | None]:
    """The rows of the file that is mixed in, and which file that is."""
    if job.reference is None:
        return [], None
    path = Path(job.reference)
    rows = read_reference(path)
    sha256, size = digest(path)
    return rows, Artifact(uri=str(path), sha256=sha256, bytes=size)


def _too_few(job: Job, division: Division, gate: Gate) -> str:
    version = job.trigger.model_version
    whose = f" that version {version} answered" if version is not None else ""
    judged = division.holdout - len(division.choosing)
    return (
        f"{len(division.compared)} of the {judged} newest rows are ones{whose}; gate.min_rows asks for {gate.min_rows}"
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
        sure = gate.confidence
        harms = harmed(
            compared, answered, job.task, job.segment_by, bound=bound, min_rows=gate.min_rows, confidence=sure
        )
    judgement = unproven(judge(condition, champion, ours, len(compared)), gate, test, harms)
    return judgement, {CHAMPION: champion, CHALLENGER: ours, "paired": test.figures()}


def _with_gap(reason: str, window: Window) -> str:
    if not window.missing:
        return reason
    return (
        f"{reason}; the journal no longer holds the beginning of the window (retention): "
        f"{window.missing} of {window.expected} outcomes are gone"
    )
