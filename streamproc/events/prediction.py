"""A prediction that a model made: written by the user's model server, keyed by prediction_id."""

from __future__ import annotations

from streamproc.events.base import Answer, Event, Features, Id, Number, Probability, Time, Weight


class Prediction(Event):
    """One answer of one model version."""

    prediction_id: Id
    model_id: Id
    model_version: Id | None = None
    time: Time
    """When it was made."""
    prediction: Answer
    """The class that was answered, or the number."""
    score: Number | None = None
    """Binary tasks: the probability of the positive label."""
    scores: dict[str, Probability] | None = None
    """Multiclass tasks: the probability of each class, by the class as text."""
    lower: Number | None = None
    upper: Number | None = None
    """Regression: the interval that the label is predicted to lie in."""
    features: Features | None = None
    segments: dict[str, Id] | None = None
    weight: Weight | None = None
