"""How a model is retrained, what the new version must show, and what follows a failure."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, StringConstraints, model_validator

from streamproc.config.base import MOST, Callable, CountOrAll, Name, Positive, Section, Share
from streamproc.config.base import no_truth as _no_truth
from streamproc.config.base import written as _written
from streamproc.config.units import DAY, HOUR, MINUTE, Duration, PositiveDuration, format_duration, parse_duration


class Window(Section):
    """Which outcomes a retrain reads: the newest before the trigger, as far back as all of these settings allow."""

    outcomes: Annotated[
        CountOrAll,
        Field(description="at most so many; with last_deploy and with a period, all unless a number is written"),
    ] = 5000
    since: Annotated[
        Literal["change_point", "last_deploy"] | None,
        Field(
            description="none from before the estimated change (if the trigger has no estimate, as without this), or "
            "before the version in service was deployed"
        ),
    ] = None
    period: Annotated[
        PositiveDuration | None, Field(description="none whose label came longer than this before the trigger")
    ] = None

    @model_validator(mode="after")
    def _has_one_beginning(self) -> Window:
        if self.since is not None and self.period is not None:
            raise ValueError("write `since` or `period`, not both")
        if (self.period is not None or self.since == "last_deploy") and "outcomes" not in self.model_fields_set:
            self.__dict__["outcomes"] = "all"  # frozen from here on
        return self

    @property
    def most(self) -> int:
        """Outcomes at most."""
        return MOST if self.outcomes == "all" else self.outcomes

    @property
    def words(self) -> str:
        """What it is called in events."""
        if self.period is not None:
            return f"the last {format_duration(self.period)}"
        if self.since is not None:
            return f"since the {self.since.replace('_', ' ')}"
        return "everything" if self.outcomes == "all" else f"the newest {self.outcomes}"


class Gate(Section):
    """What a challenger must show, on the newest rows, before it may replace the champion."""

    condition: Annotated[str, Field(description="for a regression, the default compares the mean absolute errors")] = (
        "challenger.accuracy > champion.accuracy"
    )
    holdout: Annotated[Share, Field(description="the newest share of the window, kept from training")] = 0.25
    min_rows: Annotated[
        Positive, Field(description="holdout rows that the champion answered; while there are fewer, the retrain waits")
    ] = 50
    wait: Annotated[
        Duration,
        PlainSerializer(format_duration, when_used="json"),  # a job is told its gate as JSON
        Field(description="how long after the trigger it waits for min_rows; then it is rejected; 0: at once"),
    ] = 6 * HOUR
    confidence: Annotated[
        Share | None,
        Field(description="how sure a paired test must be that the challenger is better; null: the condition alone"),
    ] = 0.9
    max_segment_loss: Annotated[
        Share | None,
        Field(
            description="by how much the error of a segment may grow, unless that may be luck (confidence); of a "
            "regression, as a share of it; null: any"
        ),
    ] = None
    segments: Annotated[
        tuple[Name, ...], Field(description="fields that divide the rows for max_segment_loss; empty: segment_by")
    ] = ()


class Probation(Section):
    """A version that was deployed is compared with what the one before it did; clearly worse, it is rolled back."""

    outcomes: Annotated[
        int,
        Field(ge=1, le=100_000, description="outcomes of the new version that are compared, at most"),
        BeforeValidator(_no_truth),
    ] = 1000
    duration: Annotated[PositiveDuration, Field(description="and for how long, at most")] = 7 * DAY
    alpha: Annotated[
        Share, Field(description="the largest chance of rolling back a version that is no worse, over all looks")
    ] = 0.01
    tolerance: Annotated[
        float,
        Field(ge=0, lt=1, description="by how much its error may be larger; of a regression, as a share of it"),
        BeforeValidator(_no_truth),
    ] = 0.0


class Retries(Section):
    """What follows a run that did not come to its end: another one, later and later, and at last a dead letter."""

    attempts: Annotated[Positive, Field(description="runs that may fail; the last one's failure is final")] = 3
    backoff: Annotated[Duration, Field(description="the wait after the first failure; each further one doubles it")] = (
        MINUTE
    )
    max_backoff: Annotated[PositiveDuration, Field(description="the longest wait")] = HOUR
    cut_offs: Annotated[
        Positive,
        Field(description="runs that may die with their worker, killed or out of memory, before no more are started"),
    ] = 5


class Webhook(Section):
    """A retrain that another service does: it gets the trigger, signed by the Standard Webhooks specification."""

    url: Annotated[str, _written(r"^https?://[^\s/]+(/[^\s]*)?$", "write a URL that begins with https:// or http://")]
    secrets: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=1)], ...],
        Field(min_length=1, repr=False, description="keys to sign with (whsec_...), newest first; as ${VARIABLE}"),
    ]
    completion: Annotated[
        Literal["response", "event"],
        Field(description="how the end is told: in the answer (or where a 202 says), or by a deploy event"),
    ] = "response"
    headers: Annotated[dict[str, str], Field(repr=False, description="of every request, such as Authorization")] = {}
    payload: Annotated[dict[str, str], Field(description="fields beside the trigger")] = {}
    trigger_at: Annotated[
        str,
        _written(r"^([^\s.]+(\.[^\s.]+)*)?$", "write names joined by dots, such as client_payload.trigger"),
        Field(description="where in the body the trigger stands; empty: it is the body"),
    ] = ""
    request_timeout: Annotated[PositiveDuration, Field(description="for one request")] = parse_duration("30s")
    attempts: Annotated[Positive, Field(description="requests before this run has failed")] = 5
    poll_interval: Annotated[PositiveDuration, Field(description="between questions after a 202")] = parse_duration(
        "10s"
    )


Arguments = Annotated[tuple[Annotated[str, StringConstraints(min_length=1)], ...], Field(min_length=1)]


def _one_of(*names: str) -> dict[str, Any]:
    """JSON Schema: one of these fields is there."""
    return {"anyOf": [{"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in names]}


class Retrain(Section):
    """Who retrains, on what, how the result is judged, and what follows a failure."""

    model_config = ConfigDict(json_schema_extra=_one_of("function", "command", "webhook"))

    function: Annotated[Callable | None, Field(description="a Python function: module:function")] = None
    command: Annotated[Arguments | None, Field(description="a program and its arguments; no shell")] = None
    predict: Annotated[Arguments | None, Field(description="with `command`: how a gate asks the new model")] = None
    webhook: Webhook | None = None
    window: Window = Window()
    side_by_side: Annotated[
        tuple[Window, ...],
        Field(
            max_length=8,
            description="instead of `window`: one challenger is trained on each of these, and the best one meets the "
            "champion",
        ),
    ] = ()
    reference: Annotated[
        str | None, Field(description="a file of labelled rows (.jsonl or .parquet) that are trained on as well")
    ] = None
    gate: Gate | None = Gate()
    time_limit: PositiveDuration = HOUR
    retries: Retries = Retries()
    priority: Annotated[
        int,
        Field(ge=-1000, le=1000, description="who goes first when several models wait: the highest, then the oldest"),
        BeforeValidator(_no_truth),
    ] = 0

    @model_validator(mode="after")
    def _somebody_retrains(self) -> Retrain:
        if sum(each is not None for each in (self.function, self.command, self.webhook)) != 1:
            raise ValueError("say who retrains: one of function, command and webhook")
        if self.predict is not None and self.command is None:
            raise ValueError("predict belongs to a command; a function gives back a Challenger that predicts")
        if self.command is not None and self.predict is None and self.gate is not None:
            raise ValueError(
                "a gate has to ask the new model: set predict, the command that answers rows, or write `gate: null`"
            )
        return self

    @model_validator(mode="after")
    def _windows_can_be_compared(self) -> Retrain:
        if not self.side_by_side:
            return self
        if "window" in self.model_fields_set:
            raise ValueError("write `window` or `side_by_side`, not both")
        if len({window.words for window in self.side_by_side}) < len(self.side_by_side) or len(self.side_by_side) == 1:
            raise ValueError("side_by_side needs several windows, each another one")
        if self.gate is None or self.webhook is not None:
            raise ValueError("side_by_side needs a gate, whose holdout chooses, and a function or a command")
        return self

    @property
    def windows(self) -> tuple[Window, ...]:
        """What challengers are trained on, one on each."""
        return self.side_by_side or (self.window,)
