"""All that is measured of one model: detectors, windowed metrics, volume, drift, outside numbers."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from streamproc.config.detectors import LABELLED_SIGNALS
from streamproc.config.model import Model
from streamproc.events.summary import Summary
from streamproc.monitor.detectors import ChangeDetector, EachFeature, build
from streamproc.monitor.drift import DriftGauge
from streamproc.monitor.metrics import FeatureMetrics, LabelCoverage, WindowedMetrics
from streamproc.monitor.names import windowed
from streamproc.monitor.signals import extractor
from streamproc.monitor.volume import Volume
from streamproc.stateful import (
    COUNT,
    NAMED_PARTS,
    NUMBER,
    OPTIONAL_PART,
    PART,
    TEXT,
    Stateful,
    fields,
    mapping,
    require,
)

Getter = Callable[[], "float | bool | None"]
Extract = Callable[[dict[str, Any]], "float | str | None"]


class Gauges(Stateful):
    """The measurements of the version in service; a deploy begins new ones."""

    FIELDS = fields(
        outcomes=COUNT,
        detectors=NAMED_PARTS,
        metrics=PART,
        windows=NAMED_PARTS,
        features=PART,
        labels=OPTIONAL_PART,
        volume=PART,
        drift=OPTIONAL_PART,
        external=mapping(TEXT, NUMBER),
    )

    def __init__(
        self,
        model: Model,
        needed: Collection[str],
        volume: Volume | None = None,
        reference: Summary | None = None,
        file: Summary | None = None,
    ) -> None:
        """`needed`: the names that conditions use; metrics that nobody asks for are not computed.

        `volume` goes on through deploys: it is a property of the traffic, not of the version. `reference`: what the
        version was trained on; `file`: what stands for that where it is not known.
        """
        self._model = model
        self.outcomes = 0
        self.detectors: dict[str, ChangeDetector] = {name: build(d) for name, d in model.detectors.items()}
        needed = frozenset(needed) - frozenset(model.external_metrics)
        self.metrics = WindowedMetrics(model, needed)
        self.windows = {name: _window(model, name, needed) for name in model.metric_windows}
        self._kept = [window for window in (self.metrics, *self.windows.values()) if not window.is_empty]
        self.features = FeatureMetrics(model, needed, reference or file)
        self.labels: LabelCoverage | None = None
        if not needed.isdisjoint(LabelCoverage.NAMES):
            self.labels = LabelCoverage(model.label_horizon, model.min_samples)
        self.volume = volume or Volume(model.volume_period)
        self.drift = DriftGauge(model.drift, reference, file) if model.drift else None
        self.external: dict[str, float] = {}
        self._on_outcome: list[tuple[Extract, Callable[[Any], Any]]] = []
        self._on_prediction: list[tuple[Extract, Callable[[Any], Any]]] = []
        for name, detector in self.detectors.items():
            signal = model.detectors[name].signal
            self._fed_by(signal).append((extractor(signal, model), detector.update))
        if self.drift is not None and model.drift is not None:
            for signal in model.drift.signals:
                self._fed_by(signal).append((extractor(signal, model), partial(self.drift.update, signal)))

    def outcome(self, record: dict[str, Any], label_time: int) -> None:
        """A labelled prediction of the version in service."""
        self.outcomes += 1
        for window in self._kept:
            window.update(record, label_time)
        if self.labels is not None:
            self.labels.label(record["time"])
        for extract, update in self._on_outcome:
            if (value := extract(record)) is not None:
                update(value)

    def prediction(self, record: dict[str, Any], now: int | None = None) -> None:
        """A prediction of the version in service, before its label."""
        time = record.get("time", 0)
        if now is not None and time > now:
            time = now
        self.features.update(record, time)
        if self.labels is not None:
            self.labels.prediction(record["time"], now)
        for extract, update in self._on_prediction:
            value = extract(record)
            if value is not None:
                update(value)

    def advance(self, time: int) -> None:
        """It is that time now (epoch ms), though nothing came: windows of a period get empty, predictions grow old."""
        self.metrics.advance(time)
        for window in self.windows.values():
            window.advance(time)
        self.features.advance(time)
        if self.labels is not None:
            self.labels.advance(time)

    def _fed_by(self, signal: str) -> list[tuple[Extract, Callable[[Any], Any]]]:
        return self._on_outcome if signal in LABELLED_SIGNALS else self._on_prediction

    def spent(self) -> None:
        """A trigger came to nothing: outside numbers must come anew, and further values confirm what detectors saw."""
        self.external.clear()
        for detector in self.detectors.values():
            detector.spend()

    def _settle(self) -> None:
        require(self.external.keys() <= set(self._model.external_metrics), "a number that is not declared")

    def getters(self) -> dict[str, Getter]:
        """Every name that may stand in a condition -> its present value; None while it is not known."""
        getters: dict[str, Getter] = {
            "outcomes": lambda: self.outcomes,
            "data_volume": self.volume.volume,
            "data_volume_increase": self.volume.increase,
            **self.metrics.getters(),
            **{windowed(n, w): g for w, metrics in self.windows.items() for n, g in metrics.getters().items()},
            **self.features.getters(),
            **(self.labels.getters() if self.labels else {}),
            **(self.drift.getters() if self.drift else {}),
            **{name: _flag(detector) for name, detector in self.detectors.items()},
        }
        for name, detector in self.detectors.items():
            if isinstance(detector, EachFeature):
                getters[f"{name}.count"] = partial(getattr, detector, "count")
        for name in self._model.external_metrics:
            getters[name] = partial(self.external.get, name)
        return getters


def _flag(detector: ChangeDetector) -> Getter:
    read: Any = type(detector).flag  # a property: called itself, it is one call at each outcome instead of two
    return partial(read.fget, detector)


def _window(model: Model, name: str, needed: Collection[str]) -> WindowedMetrics:
    """One of the model's further windows, with what is asked of it."""
    window, ending = model.metric_windows[name], windowed("", name)
    wanted = {word.removesuffix(ending) for word in needed if word.endswith(ending)}
    return WindowedMetrics(model, wanted, window.outcomes, window.period)
