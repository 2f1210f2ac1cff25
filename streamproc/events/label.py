"""What really was: written by the user, keyed by prediction_id, seconds to weeks after the prediction."""

from __future__ import annotations

from streamproc.events.base import Answer, Event, Id, Time


class Label(Event):
    """The truth about one prediction; a later, different label is a revision."""

    prediction_id: Id
    label: Answer
    time: Time
    """When the label became known."""
