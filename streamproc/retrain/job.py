"""What the worker and a job's process tell each other: the job going in, the result coming out."""

from __future__ import annotations

import hashlib
import re
from typing import Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, model_validator

from streamproc.config.base import Scalar
from streamproc.config.retrain import Gate
from streamproc.events.base import Id, Number
from streamproc.events.deploy import MAX_REASON_CHARACTERS, Artifact, Reason
from streamproc.events.summary import Summary
from streamproc.events.trigger import Trigger

JOB_FILE = "job.json"
RESULT_FILE = "result.json"
ARTIFACT_DIRECTORY = "artifact"
"""Names inside of a job's directory."""

_DIGEST = re.compile(r"trg_([0-9a-f]{32})")
_MAX_NAME = 120


class Document(BaseModel):
    """A file that one process writes and another reads."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())


class Hook(Document):
    """What `config.retrain.Webhook` says, save its secrets: keys and headers go to the child in another way."""

    url: str
    completion: Literal["response", "event"] = "response"
    payload: dict[str, str] = {}
    trigger_at: str = ""
    request_timeout: int = 30_000
    attempts: int = 5
    poll_interval: int = 10_000
    """Times in milliseconds."""


class Span(Document):
    """A window of the configuration, for one trigger: of its rows the newest, none with a label from before `since`."""

    words: str
    newest: int
    since: int = 0
    """Epoch ms."""


class Job(Document):
    """One attempt at one retrain: all that a child process needs to know, save secrets."""

    trigger: Trigger
    attempt: int
    version: str
    """What the challenger is called unless the user's function names it."""
    artifacts: str
    """Absolute path of the configured `artifacts` directory."""
    task: Literal["binary", "multiclass", "regression"]
    positive_label: Scalar
    function: str | None = None
    command: tuple[str, ...] | None = None
    predict: tuple[str, ...] | None = None
    webhook: Hook | None = None
    spans: tuple[Span, ...]
    """The windows to train on, one challenger on each."""
    reference: str | None = None
    """A file of rows that are trained on as well: a path from the worker's working directory."""
    gate: Gate | None
    segment_by: tuple[str, ...] = ()
    """What divides the rows for `gate.max_segment_loss`."""
    time_limit: int
    """Milliseconds."""
    champion_since: int = 0
    """When the version in service came into service, epoch ms; 0: not known."""
    champion_artifact: str | None = None

    @property
    def model_id(self) -> str:
        """The model to retrain."""
        return self.trigger.model_id


class Result(Document):
    """How a job ended."""

    status: Literal["deployed", "rejected", "failed", "waiting"]
    """`waiting`: nothing was trained, since there are too few rows to judge by, and there may be more later."""
    reason: Reason
    model_version: Id | None = None
    artifact: Artifact | None = None
    metrics: dict[str, dict[str, Number]] | None = None
    rows: dict[str, int] | None = None
    holdout_to: int | None = None
    reference: Summary | None = None
    """Of the training rows: what drift is measured against once the model is in service."""
    data_sha256: str | None = None
    window: str | None = None
    """What the challenger was trained on; of several windows, that of the one which was chosen."""
    mixed_with: Artifact | None = None

    @model_validator(mode="after")
    def _what_is_deployed_can_be_found(self) -> Result:
        if self.status == "deployed" and (self.model_version is None or self.artifact is None):
            raise ValueError("a deployed result needs model_version and artifact")
        return self


def failed(reason: str) -> Result:
    """A result that says why there is no challenger; whatever is not text that can be written is replaced."""
    return Result(status="failed", reason=reason.encode("utf-8", "replace").decode()[:MAX_REASON_CHARACTERS])


def version_of(trigger_id: str, attempt: int) -> str:
    """The challenger's version: it follows from the trigger, and no two attempts share one.

    `trg_3f9c...` gives `r-3f9c...`, 12 hexadecimal digits, so that a person sees what belongs together; a second
    attempt `r-3f9c...-2`.
    """
    match = _DIGEST.fullmatch(trigger_id)
    digest = match[1] if match else hashlib.sha256(trigger_id.encode()).hexdigest()
    return f"r-{digest[:12]}" + (f"-{attempt}" if attempt > 1 else "")


def directory_name(model_id: str) -> str:
    """A model id as the name of a directory: no two ids share one, and none leads elsewhere or hides."""
    name = quote(model_id, safe="")
    if name.startswith("."):
        name = "%2E" + name[1:]
    if len(name) > _MAX_NAME:
        name = f"{name[:_MAX_NAME]}-{hashlib.sha256(model_id.encode()).hexdigest()[:16]}"
    return name
