"""The process of one retrain: `python -m streamproc.app.retrain_child JOB_DIRECTORY`. Started by the worker only."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from streamproc.config.model import Model
from streamproc.engine.ports import Kafka
from streamproc.errors import BrokerUnavailable
from streamproc.events.trigger import DataWindow
from streamproc.monitor.metrics import WindowedMetrics
from streamproc.monitor.names import comparable
from streamproc.retrain.child import Private, run_child
from streamproc.retrain.course import Later
from streamproc.retrain.job import Job
from streamproc.retrain.score import Measure

BATCH = 10_000
PATIENCE_SECONDS = 60.0
"""How long a broker may be away while the window is read: a retrain is worth a wait."""


def window_values(job: Job, private: Private) -> Iterator[bytes | None]:
    """The journal records that the trigger names, from Kafka."""
    from streamproc.kafka.client import ConfluentKafka

    return journal_values(ConfluentKafka(private["kafka"]), job.trigger.data)


def later_values(job: Job, private: Private) -> Later | None:
    """What the journal holds behind the trigger's range by now."""
    from streamproc.kafka.client import ConfluentKafka
    from streamproc.kafka.tail import end_of

    window = job.trigger.data
    end = max(window.to_offset, end_of(private["kafka"], (window.topic, window.partition)))
    rest = window.model_copy(update={"from_offset": window.to_offset, "to_offset": end})
    return Later(end, journal_values(ConfluentKafka(private["kafka"]), rest))


def journal_values(kafka: Kafka, window: DataWindow, pause: float = 1.0) -> Iterator[bytes | None]:
    """The committed records of a range, in order; reads on after an outage. Raises BrokerUnavailable, UserError."""
    place, deadline, done = window.from_offset, time.monotonic() + PATIENCE_SECONDS, False
    while not done:
        history = kafka.history({(window.topic, window.partition): (place, window.to_offset)})
        try:
            while not (done := history.done):
                records = history.read(BATCH, 1.0)
                for record in records:
                    place = record.offset() + 1
                    yield record.value()
                if records:
                    deadline = time.monotonic() + PATIENCE_SECONDS
                elif time.monotonic() > deadline:
                    _give_up(window)
        except BrokerUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(pause)
        finally:
            history.close()


def _give_up(window: DataWindow) -> NoReturn:
    where = f"{window.topic}, partition {window.partition}"
    raise BrokerUnavailable(f"{where} gave no record of the window for {PATIENCE_SECONDS:.0f} s")


def measure(job: Job) -> Measure:
    """The monitor's own metrics of the job's task, over all rows at once."""
    model = Model(task=job.task, positive_label=job.positive_label)
    quantities = comparable(job.task)
    names = frozenset(quantity.name for quantity in quantities)

    def of(rows: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
        whole = model.model_copy(update={"window": max(1, len(rows)), "min_samples": 1})
        metrics = WindowedMetrics(whole, names)
        for row in rows:
            metrics.update(row)
        return {name: value() for name, value in metrics.getters().items()}

    return Measure(quantities, of)


if __name__ == "__main__":
    run_child(Path(sys.argv[1]), window_values, measure, later_values)
