"""Which rows of a trigger's range a window of the configuration means: what it says, in numbers of rows. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from streamproc.config.pipeline import Config
from streamproc.config.retrain import Window
from streamproc.events.trigger import Trigger
from streamproc.retrain.job import Span


def spans(trigger: Trigger, config: Config) -> tuple[Span, ...]:
    """One for each window of the model, in the order of the configuration."""
    model = config.models.get(trigger.model_id)
    windows = model.retrain.windows if model is not None and model.retrain is not None else (Window(),)
    return tuple(_span(window, trigger) for window in windows)


def widest(of: Sequence[Span]) -> Span:
    """What has to be read for all of them."""
    return Span(words="", newest=max(span.newest for span in of), since=min(span.since for span in of))


def _span(window: Window, trigger: Trigger) -> Span:
    """A change point that is not known leaves the number of outcomes."""
    newest, data = window.most, trigger.data
    if window.since == "change_point" and data.change_point is not None:
        newest = min(newest, data.change_point.outcomes)
    if window.since == "last_deploy" and data.since_deploy is not None:
        newest = min(newest, data.since_deploy)
    since = trigger.time - window.period if window.period is not None else 0
    words = window.words
    if window.since == "change_point" and data.change_point is None:
        words = f"the newest {newest}, no change point is known"
    return Span(words=words, newest=newest, since=since)
