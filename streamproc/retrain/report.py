"""The deploy events that the worker writes, and the job description of a trigger."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import orjson

from streamproc.config.pipeline import Config
from streamproc.config.retrain import Retrain
from streamproc.config.units import format_duration
from streamproc.events.base import format_time
from streamproc.events.deploy import MAX_REASON_CHARACTERS, Deploy, Status
from streamproc.events.identity import cloud_event_headers, derived_id
from streamproc.events.trigger import Trigger
from streamproc.retrain.fold import RetrainState
from streamproc.retrain.gate import CHAMPION
from streamproc.retrain.job import Hook, Job, Result, failed, version_of
from streamproc.retrain.retries import Runs
from streamproc.retrain.spans import spans
from streamproc.stage import Outputs


def job_of(trigger: Trigger, attempt: int, config: Config, state: RetrainState) -> Job:
    """What a child process has to know. The model is configured and has a `retrain` section."""
    model, champion = config.models[trigger.model_id], state.champions.get(trigger.model_id)
    retrain = cast("Retrain", model.retrain)
    return Job(
        trigger=trigger,
        attempt=attempt,
        version=version_of(trigger.trigger_id, attempt),
        artifacts=str(Path(config.artifacts).resolve()),
        task=model.task,
        positive_label=model.positive_label,
        function=retrain.function,
        command=retrain.command,
        predict=retrain.predict,
        webhook=Hook(**retrain.webhook.model_dump(include=set(Hook.model_fields))) if retrain.webhook else None,
        spans=spans(trigger, config),
        reference=retrain.reference,
        gate=retrain.gate,
        segment_by=(retrain.gate and retrain.gate.segments) or model.segment_by,
        time_limit=retrain.time_limit,
        champion_since=champion.since if champion else 0,
        champion_artifact=champion.artifact if champion else None,
    )


def started(trigger: Trigger, attempt: int, state: RetrainState, now: int) -> Deploy:
    """A job is about to start."""
    return _event(trigger, "started", attempt, state, now, model_version=version_of(trigger.trigger_id, attempt))


def expired(trigger: Trigger, runs: Runs, limit: int, state: RetrainState, now: int) -> Deploy:
    """The monitor has given the trigger up (`retrain_timeout`, ms), and may have fired a newer one."""
    if runs.waits is not None:
        reason = f"{runs.waits}; not waited for any longer: {format_duration(limit)} have passed (retrain_timeout)"
        return _event(trigger, "rejected", runs.attempt + 1, state, now, reason=reason)
    reason = (
        f"given up: no run has ended within {format_duration(limit)} (retrain_timeout); the monitor waits no longer"
    )
    return _event(trigger, "failed", runs.attempt + 1, state, now, reason=reason)


def cut_off(trigger: Trigger, runs: Runs, state: RetrainState, now: int) -> Deploy:
    """Run after run has ended with its worker."""
    reason = (
        f"given up: {runs.cut_off + 1} runs were cut off (retrain.retries.cut_offs); their workers were killed, "
        "ran out of memory, or lost sight of Kafka"
    )
    return _event(trigger, "failed", runs.attempt, state, now, reason=reason)


def superseded(trigger: Trigger, by: str, runs: Runs, state: RetrainState, now: int) -> Deploy:
    """A newer trigger of the model is answered in its place."""
    reason = f"not retrained: {by} is newer, and is answered instead"
    if runs.waits is not None:
        reason += f"; until now: {runs.waits}"
    return _event(trigger, "superseded", runs.attempt + 1, state, now, superseded_by=by, reason=reason)


def checked(trigger: Trigger, result: Result, state: RetrainState) -> Result:
    """What has changed while the job ran: a result that was good may be of no use any more.

    A version that is in service already cannot be told from its predecessor: that run has failed. And a challenger that
    is better than a version which is not in service any more, because it was rolled back, has not met the champion.
    """
    champion = state.champions.get(trigger.model_id)
    if result.status != "deployed" or champion is None:
        return result
    if champion.version == result.model_version:
        return failed(f"version {champion.version} is in service already: Challenger.version must be a new name")
    met = trigger.model_version if CHAMPION in (result.metrics or {}) else None
    if met is not None and met != champion.version:
        why = f"it has only met version {met}, and by now {champion.version} is in service; {result.reason}"
        changes = {"status": "rejected", "reason": why[:MAX_REASON_CHARACTERS], "reference": None}
        return result.model_copy(update=changes)
    return result


def final(trigger: Trigger, attempt: int, result: Result, state: RetrainState, now: int) -> Deploy:
    """How the last job of a trigger ended; what waits no longer is rejected."""
    fields = checked(trigger, result, state).model_dump(exclude_none=True)
    if result.status == "waiting":
        fields |= {"status": "rejected", "reason": f"not trained: {result.reason}"}
    return _event(trigger, fields.pop("status"), attempt, state, now, **fields)


def attempt_failed(trigger: Trigger, attempt: int, state: RetrainState, now: int, **fields: object) -> Deploy:
    """A job has failed, for a `reason`; the next one does not start before `retry_at`."""
    version = version_of(trigger.trigger_id, attempt)
    return _event(trigger, "attempt_failed", attempt, state, now, model_version=version, **fields)


def waiting(
    trigger: Trigger, attempt: int, result: Result, state: RetrainState, now: int, *, until: int, retry_at: int
) -> Deploy:
    """Too few rows to judge by; they are counted again at `retry_at`, and `until` is the last time."""
    fields = result.model_dump(exclude_none=True, include={"rows", "holdout_to", "data_sha256"})
    reason = f"waits for rows until {format_time(until)}: {result.reason}"
    return _event(trigger, "waiting", attempt, state, now, reason=reason, retry_at=retry_at, **fields)


def given_back(trigger: Trigger, attempt: int, state: RetrainState, now: int) -> Deploy:
    """The worker stops; whoever has the trigger next runs it again."""
    version = version_of(trigger.trigger_id, attempt)
    return _event(trigger, "given_back", attempt, state, now, model_version=version, reason="its worker was stopped")


def send(event: Deploy, config: Config, out: Outputs) -> None:
    """Write it, keyed by model_id, with CloudEvents headers."""
    headers = cloud_event_headers("deploy", str(event.deploy_id), config.pipeline, event.model_id, event.time)
    out.send(config.topics.deploys, orjson.dumps(event.wire()), event.model_id.encode(), headers=headers)


def _event(trigger: Trigger, status: Status, attempt: int, state: RetrainState, now: int, **fields: object) -> Deploy:
    champion = state.champions.get(trigger.model_id)
    return Deploy.model_validate(
        {
            "model_id": trigger.model_id,
            "status": status,
            "time": now,
            "deploy_id": derived_id("dep", trigger.trigger_id, status, attempt),
            "trigger_id": trigger.trigger_id,
            "previous_version": champion.version if champion else trigger.model_version,
            "attempt": attempt,
            "supersedes": state.supersedes.get(trigger.trigger_id),
            **fields,
        }
    )
