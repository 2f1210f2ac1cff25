"""What there is to see of a run, for whoever shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from streamproc.demo.page import Figures
from streamproc.demo.settings import FIRST_VERSION
from streamproc.demo.tally import Tally

Kind = Literal["trigger", "deployed", "rejected", "failed", "suppressed"]


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that is worth a line."""

    seconds: float
    """Since the feed began."""
    row: int
    kind: Kind
    text: str


@dataclass(slots=True)
class Status:
    """The run at this moment."""

    tally: Tally
    address: str
    """Of the broker."""
    hold: bool = True
    """Whether the feed waits while streamproc is busy."""
    seconds: float = 0.0
    """Since the feed began."""
    rate: float = 0.0
    """Rows a second of late; 0 while the feed waits."""
    labels: int = 0
    """Labels written to Kafka."""
    version: str = FIRST_VERSION
    """In service."""
    waits_for: Literal["retrain", "labels"] | None = None
    """Why the feed waits, if it does: a retrain runs, or streamproc has many labels still to read."""
    figures: Figures = field(default_factory=Figures)
    """From the metrics page of `streamproc run`."""
    versions: Mapping[str, int] = field(default_factory=dict)
    """At the end: labelled predictions in the journal by the version that made them."""


class Display(Protocol):
    """A way to show a run."""

    def say(self, text: str) -> None:
        """A step of the preparations."""
        ...

    def tell(self, moment: Moment, status: Status) -> None:
        """Something has happened."""
        ...

    def refresh(self, status: Status) -> None:
        """Called often; shows what has changed, as seldom as it likes."""
        ...

    def close(self, status: Status | None = None) -> None:
        """Nothing more will come; with `status` show how it ended."""
        ...
