"""The journal: everything the monitor may react to, in one ordered log per model.

Internal, but documented, because replays read it. Each record is the event it carries, flat, with its `kind`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, RootModel

from streamproc.events.base import Answer, Event, Id, Time
from streamproc.events.command import Command
from streamproc.events.deploy import Deploy
from streamproc.events.metric import Metric
from streamproc.events.prediction import Prediction


class JournalPrediction(Prediction):
    """A prediction, for models with a monitor that needs no label."""

    kind: Literal["prediction"]


class Outcome(Prediction):
    """A prediction with its label. `time` is the prediction's."""

    kind: Literal["outcome"]
    label: Answer
    label_time: Time
    revises: Answer | None = None
    """The label before, when this is a revision."""


class JournalMetric(Metric):
    """Outside numbers."""

    kind: Literal["metric"]


class JournalCommand(Command):
    """A command."""

    kind: Literal["command"]


class JournalDeploy(Deploy):
    """A deploy event."""

    kind: Literal["deploy"]


class Tick(Event):
    """The clock, written by the owner of the partition into the partition."""

    kind: Literal["tick"]
    time: Time


class JournalConfig(Event):
    """From here on the configuration with this hash decides about the model's triggers; written by the monitor."""

    kind: Literal["config"]
    model_id: Id
    config_hash: str
    time: Time


class JournalClaim(Event):
    """A model would fire, and shares a budget or incidents with others: decided where this is read back.

    Every model of the partition counts it; so all of them know what they share from the log alone.
    """

    kind: Literal["claim"]
    model_id: Id
    number: int
    """Of this model's claims."""
    time: Time


class JournalRecord(
    RootModel[
        Annotated[
            JournalPrediction
            | Outcome
            | JournalMetric
            | JournalCommand
            | JournalDeploy
            | JournalConfig
            | JournalClaim
            | Tick,
            Field(discriminator="kind"),
        ]
    ]
):
    """One record of the journal."""
