"""What became of a retrain: written by the worker, or by the user's own pipeline, keyed by model_id."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import StringConstraints, model_validator

from streamproc.events.base import Event, Id, Number, Time
from streamproc.events.summary import Summary

MAX_REASON_CHARACTERS = 8192

Status = Literal[
    "started",
    "attempt_failed",
    "given_back",
    "waiting",
    "failed",
    "rejected",
    "superseded",
    "deployed",
    "confirmed",
    "rolled_back",
]
STATUSES: frozenset[str] = frozenset(get_args(Status))
"""The journal of a newer streamproc may hold others."""
IN_SERVICE: frozenset[Status] = frozenset({"deployed", "rolled_back"})
"""What puts a version in service."""
FINAL: frozenset[Status] = frozenset({"failed", "rejected", "superseded", "deployed"})
"""The statuses that end a retrain: each trigger gets exactly one of them."""
Reason = Annotated[str, StringConstraints(strict=True, max_length=MAX_REASON_CHARACTERS)]
"""Room for a traceback, or the last output of a process that failed."""


class Artifact(Event):
    """Where the trained model lies."""

    uri: str
    """A path below the configured `artifacts` directory, or a URL."""
    sha256: str | None = None
    bytes: int | None = None


class Deploy(Event):
    """A step in the life of a model version. `deployed` and `rolled_back` put `model_version` in service.

    A retrain begins with `started` and ends with `deployed`, `rejected` or `failed`. In between there may be attempts
    that end with `attempt_failed`, `given_back` or `waiting`; each is followed by another `started`. One that nothing
    runs for ends with `superseded` as soon as there is a newer trigger of the model. The monitor writes how a
    probation ends: `confirmed`, which changes nothing, or `rolled_back`.
    """

    model_id: Id
    status: Status
    time: Time
    deploy_id: Id | None = None
    trigger_id: Id | None = None
    model_version: Id | None = None
    previous_version: Id | None = None
    attempt: int | None = None
    artifact: Artifact | None = None
    metrics: dict[str, dict[str, Number]] | None = None
    """`{"champion": {"accuracy": ...}, "challenger": {...}}` on the same rows."""
    rows: dict[str, int] | None = None
    """`{"training": ..., "holdout": ..., "compared": ...}`; with `needed` where they were too few."""
    holdout_to: int | None = None
    """The journal offset where the holdout ends, exclusive, if it goes on beyond the trigger's range."""
    reference: Summary | None = None
    """With `deployed`: what the training data looked like; drift is then measured against it."""
    data_sha256: str | None = None
    """Of the window's rows; `streamproc data TRIGGER_ID` tells the same one, as long as the journal is the same."""
    window: str | None = None
    """What the challenger was trained on, in words; of several windows, that of the one that did best."""
    mixed_with: Artifact | None = None
    """The file of reference rows that were trained on as well."""
    reason: Reason | None = None
    retry_at: Time | None = None
    """With `attempt_failed` and `waiting`: the next attempt does not start before."""
    superseded_by: Id | None = None
    """With `superseded`: the trigger that is answered instead."""
    supersedes: tuple[Id, ...] | None = None
    """The triggers that were superseded by this one, the newest of them."""

    @model_validator(mode="after")
    def _version_in_service_has_a_name(self) -> Deploy:
        if self.status in ("deployed", "rolled_back") and self.model_version is None:
            raise ValueError(f"a deploy event with status {self.status} needs model_version")
        return self
