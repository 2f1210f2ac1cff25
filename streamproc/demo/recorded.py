"""The demo's world as a recording: what `streamproc replay --demo` replays.

The first model answers all rows, at the times of the half-hours; labels come 100 rows later, shuffled as in the demo.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from streamproc.config.load import loads
from streamproc.config.pipeline import Config
from streamproc.demo import feed, settings
from streamproc.demo.market import HalfHour
from streamproc.demo.server import first_model
from streamproc.demo.train import matrix
from streamproc.events.base import parse_time
from streamproc.replay.recorded import Recorded, recorded

START = parse_time("1996-05-07T00:00:00Z")
"""The first half-hour, as if Sydney's clocks showed UTC."""
HALF_HOUR_MS = 1_800_000


def events(half_hours: Sequence[HalfHour], order: int = feed.SEED) -> list[Recorded]:
    """Predictions of the first model and their labels, sorted."""
    model = first_model(half_hours)
    probabilities = model.predict_proba(matrix(row.features for row in half_hours)).tolist()
    found: list[Recorded] = []
    now = START
    for number, (kind, row) in enumerate(feed.steps(settings.TRAINING_ROWS, len(half_hours), order)):
        features, label = half_hours[row]
        if kind == "label":
            # A label that becomes known behind the last row: the clock goes on all the same.
            found.append(recorded("labels", feed.label(row, now, label), number))
            continue
        now = START + row * HALF_HOUR_MS
        score = probabilities[row][1]
        answer = (int(score > probabilities[row][0]), score)
        event = feed.prediction(row, now, settings.FIRST_VERSION, answer, features)
        found.append(recorded("predictions", event, number))
    found.sort()
    return found


def config() -> Config:
    """The demo's policy."""
    return loads(settings.text("localhost:9092", "", Path("artifacts")), "the demo's configuration", {})
