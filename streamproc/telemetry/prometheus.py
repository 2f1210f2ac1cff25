"""Metrics for Prometheus: a collector that reads what engines and stages know, when it is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Protocol, runtime_checkable

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from streamproc.events.dead_letter import REASONS
from streamproc.telemetry.names import ENGINE, METRICS, MODELS, QUANTITY, SCRAPE_ERRORS, STAGES, Metric

_STAGE_METRICS = {metric.key: metric for metric in STAGES}
_MODEL_METRICS = {metric.key: metric for metric in MODELS}


class Durations(Protocol):
    """What is read of `streamproc.engine.progress.Durations`."""

    @property
    def bounds(self) -> Sequence[float]: ...
    @property
    def counts(self) -> Sequence[int]:
        """By bound; one more for those beyond the last."""
        ...

    @property
    def total(self) -> float: ...


class Progress(Protocol):
    """What is read of `streamproc.engine.progress.Progress`, beside the fields that `names.ENGINE` lists."""

    @property
    def live(self) -> bool: ...
    @property
    def restores(self) -> int: ...
    @property
    def rejected(self) -> Mapping[str, int]: ...
    @property
    def last_step_ms(self) -> int: ...
    @property
    def paused(self) -> int: ...
    @property
    def restored(self) -> Mapping[str, float]:
        """The stage's gauges when it last went live: what they then had of records that were only read again."""
        ...


class Engine(Protocol):
    """What is read of an engine."""

    @property
    def progress(self) -> Progress: ...


class Stage(Protocol):
    """What is read of a stage."""

    @property
    def name(self) -> str: ...
    def gauges(self) -> Mapping[str, float]: ...


@runtime_checkable
class HasModels(Protocol):
    """A stage that knows values of single models. Called from another thread than the one that runs the stage."""

    def model_gauges(self) -> Iterable[tuple[str, str, float]]:
        """(name, model_id, value): the names of `names.MODELS`, and any others, which become quantities."""
        ...


Running = Sequence[tuple[Stage, Engine]]
"""The stages of this process and their engines; it may grow while it is watched."""
Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily
Families = dict[str, Family]
_FAMILIES = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily, "histogram": HistogramMetricFamily}


class EngineCollector(Collector):
    """All metrics of `names`, of the stages that run in this process."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._totals: dict[int, Totals] = {}
        self._errors: dict[str, int] = {}
        self._log: Any = structlog.get_logger()

    def describe(self) -> Iterable[Family]:
        """Nothing: a registry then does not collect only to learn the names."""
        return ()

    def collect(self) -> Iterator[Family]:
        """One family for each metric that has a value. A stage that cannot be read is left out, and counted."""
        families: Families = {}
        for stage, engine in list(self._running):
            _engine(families, stage.name, engine.progress)
            self._errors.setdefault(stage.name, 0)
            try:
                self._stage(families, stage, engine)
            except Exception:  # noqa: BLE001 - whatever a stage raises, the other metrics must not go with it
                self._errors[stage.name] += 1
                if self._errors[stage.name] == 1:  # not at every scrape
                    self._log.warning("a stage's metrics could not be read", stage=stage.name, exc_info=True)
        for name, count in self._errors.items():
            _add(families, SCRAPE_ERRORS, (name,), count)
        order = {metric.name: place for place, metric in enumerate(METRICS)}
        yield from sorted(families.values(), key=lambda family: order.get(family.name, len(order)))

    def _stage(self, families: Families, stage: Stage, engine: Engine) -> None:
        totals = self._totals.setdefault(id(engine), Totals())
        counted = totals.of(stage.gauges(), engine.progress)
        for key, value in counted.items():
            metric = _STAGE_METRICS.get(key)
            if metric is not None:
                _add(families, metric, (), value)
        if isinstance(stage, HasModels):
            for key, model_id, value in stage.model_gauges():
                metric = _MODEL_METRICS.get(key)
                if metric is not None:
                    _add(families, metric, (model_id,), value)
                else:
                    _add(families, QUANTITY, (model_id, key), value)


class Totals:
    """Counters out of a stage's gauges, which fall when partitions leave, and rise while a state is rebuilt.

    What is counted is what was added while the stage was live. What was added between the last scrape and the loss
    of a partition is not known here and left out: a counter may be a little low after a rebalance, never too high.
    """

    def __init__(self) -> None:
        self._lives = 0
        self._before: dict[str, float] = {}
        self._now: dict[str, float] = {}

    def of(self, gauges: Mapping[str, float], progress: Progress) -> Mapping[str, float]:
        """The values to show: gauges as they are, counters since the start."""
        lives, at_start = progress.restores, progress.restored
        if lives != self._lives:
            self._lives = lives
            self._before = {
                key: self._before.get(key, 0) + self._now.get(key, 0) for key in {*self._before, *self._now}
            }
            self._now = {}
        shown = dict(gauges)
        for key, value in gauges.items():
            if key in _STAGE_METRICS and _STAGE_METRICS[key].kind == "counter":
                if progress.live:
                    self._now[key] = max(self._now.get(key, 0), value - at_start.get(key, 0))
                shown[key] = self._before.get(key, 0) + self._now.get(key, 0)
        return shown


def registry(running: Running) -> CollectorRegistry:
    """A registry of its own with the metrics of these stages."""
    made = CollectorRegistry()
    made.register(EngineCollector(running))
    return made


def _engine(families: Families, stage: str, progress: Progress) -> None:
    for metric in ENGINE:
        if metric.key == "rejected":
            rejected = progress.rejected
            for reason in (*REASONS, *sorted(rejected.keys() - set(REASONS))):
                _add(families, metric, (stage, reason), rejected.get(reason, 0))
        elif metric.kind == "histogram":
            _add_durations(families, metric, (stage,), getattr(progress, metric.key))
        elif metric.key == "last_step_ms":
            _add(families, metric, (stage,), progress.last_step_ms / 1000)
        else:
            _add(families, metric, (stage,), getattr(progress, metric.key))


def _add(families: Families, metric: Metric, labels: tuple[str, ...], value: float) -> None:
    _family(families, metric).add_metric(labels, value)


def _add_durations(families: Families, metric: Metric, labels: tuple[str, ...], durations: Durations) -> None:
    counts, bounds = accumulate(durations.counts), [*map(floatToGoString, durations.bounds), "+Inf"]
    _family(families, metric).add_metric(labels, list(zip(bounds, counts, strict=True)), durations.total)


def _family(families: Families, metric: Metric) -> Any:
    if metric.name not in families:
        families[metric.name] = _FAMILIES[metric.kind](metric.name, metric.help, labels=metric.labels)
    return families[metric.name]
