"""When a model is worth a retrain: policies, and what holds them back."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from streamproc.config.base import Count, Name, Number, Positive, Section, Share
from streamproc.config.base import no_truth as _no_truth
from streamproc.config.units import DAY, HOUR, MINUTE, Duration, PositiveDuration
from streamproc.events.base import Time


class Schedule(Section):
    """A cron schedule: five fields, in a named time zone."""

    cron: str
    time_zone: str = "UTC"


class Budget(Section):
    """At most so many triggers in any period of this length, whatever the policies say."""

    triggers: Positive
    period: PositiveDuration


class Incidents(Section):
    """When so many models would be retrained within so short a time, one cause is likelier than many."""

    models: Annotated[
        int,
        Field(ge=2, le=50, description="distinct models that fire before it is one incident"),
        BeforeValidator(_no_truth),
    ] = 5
    within: Annotated[PositiveDuration, Field(description="the time in which they fire")] = 10 * MINUTE
    lasts: Annotated[PositiveDuration, Field(description="how long no further model is retrained")] = 6 * HOUR


class Exclusion(Section):
    """A time in which a policy does not fire: `duration` from each time of `cron`, or once from `begins` to `ends`."""

    cron: str | None = None
    duration: PositiveDuration | None = None
    time_zone: str = "UTC"
    begins: Time | None = None
    ends: Time | None = None

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Exclusion:
        parts = [self.cron is not None, self.duration is not None, self.begins is not None, self.ends is not None]
        if parts not in ([True, True, False, False], [False, False, True, True]):
            raise ValueError("write `cron` with `duration`, or `begins` with `ends`")
        if self.begins is not None and self.ends is not None and self.begins >= self.ends:
            raise ValueError("`ends` must be later than `begins`")
        return self


class Policy(Section):
    """When a model is worth a retrain: a condition, a schedule, or both (then either one fires)."""

    name: Name
    condition: str | None = None
    schedule: Schedule | None = None
    parameters: dict[Name, Number] = {}
    min_outcomes: Annotated[Count, Field(description="outcomes of the version in service before it may fire")] = 0
    min_label_coverage: Annotated[
        Share | None, Field(description="share of predictions with a label before it may fire; not known is too few")
    ] = None
    cooldown: Annotated[Duration, Field(description="quiet time after a trigger of this policy")] = 0
    max_cooldown: Annotated[
        Duration, Field(description="the cooldown doubles while triggers come to nothing one after another, up to this")
    ] = 7 * DAY
    hold_for: Annotated[Duration, Field(description="how long the condition must hold without a break")] = 0
    hold_outcomes: Annotated[Count, Field(description="for how many outcomes it must hold without a break")] = 0
    clear: Annotated[str | None, Field(description="once fired, it fires again only after this has been true")] = None
    arm: Annotated[str | None, Field(description="the condition counts only after this has been true")] = None
    armed_for: Annotated[PositiveDuration, Field(description="how long `arm` lasts after it was last true")] = 3 * DAY
    veto: Annotated[str | None, Field(description="while this is true, an incident is told instead of a trigger")] = (
        None
    )
    exclude: Annotated[tuple[Exclusion, ...], Field(description="times in which it does not fire")] = ()
    approval: Annotated[
        Literal["none", "required"], Field(description="required: a person must release the trigger")
    ] = "none"
    approval_expires: Annotated[PositiveDuration, Field(description="how long it waits for an answer")] = 7 * DAY
    dry_run: Annotated[bool, Field(description="only tell when it would have fired")] = False
    per_segment: Annotated[bool, Field(description="looked at for each segment instead of the whole model")] = False

    @model_validator(mode="after")
    def _has_a_reason_to_fire(self) -> Policy:
        if self.condition is None and self.schedule is None:
            raise ValueError("a policy needs a condition, a schedule, or both")
        return self

    @property
    def conditions(self) -> dict[str, str]:
        """Everything that is written as a condition, by its setting."""
        written = {"condition": self.condition, "clear": self.clear, "arm": self.arm, "veto": self.veto}
        return {name: text for name, text in written.items() if text is not None}
