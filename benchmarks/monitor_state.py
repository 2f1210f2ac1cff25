"""What the monitor's state costs to write down and to read back: the second table of benchmarks/monitor.py."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import ormsgpack

from streamproc.config.detectors import Adwin, PageHinkley
from streamproc.config.model import Drift, Model
from streamproc.monitor.detectors import build
from streamproc.monitor.drift import DriftGauge
from streamproc.monitor.history import OutcomeHistory
from streamproc.monitor.metrics import WindowedMetrics
from streamproc.monitor.model import ModelMonitor
from streamproc.monitor.signals import extractor
from streamproc.monitor.snapshot import Mark, Saved, encode
from streamproc.monitor.volume import Volume
from streamproc.stateful import Restorable

Outcome = dict[str, Any]
ORIGIN = "journal/0"
MARK = Mark(upto=1_000_000, now=1_700_000_000_000, ticked=1_700_000_000_000)
WINDOW = 1_000
"""The configuration's default."""


def detector(config: Adwin | PageHinkley, records: list[Outcome]) -> Restorable:
    """A detector that has seen the errors of these outcomes."""
    made, extract = build(config), extractor(config.signal, Model())
    for record in records:
        value = extract(record)
        if isinstance(value, float):
            made.update(value)
    return made


def metric(task: str, name: str, records: list[Outcome]) -> Restorable:
    """A windowed metric of these outcomes."""
    made = WindowedMetrics(Model(task=task, window=WINDOW), {name})  # type: ignore[arg-type]
    for record in records:
        made.update(record)
    return made


def drift(signal: str, records: list[Outcome]) -> Restorable:
    """The drift of a feature of these outcomes."""
    made, extract = DriftGauge(Drift(signals=(signal,), reference=WINDOW, window=WINDOW)), extractor(signal, Model())
    for record in records:
        value = extract(record)
        if value is not None:
            made.update(signal, value)
    return made


def volume(records: list[Outcome]) -> Restorable:
    """The volume of these outcomes."""
    made = Volume(3_600_000)
    for record in records:
        made.update(record["label_time"])
    return made


def history(records: list[Outcome]) -> Restorable:
    """The offsets of 5,000 outcomes, a retrain's default."""
    made = OutcomeHistory(5_000)
    for offset in range(len(records)):
        made.add(3 * offset)
    return made


def print_states(streams: dict[str, list[Outcome]], models: int) -> None:
    """Bytes of each part's state, and µs to form it and to take it back; then all of so many models."""
    binary = streams["binary"]
    parts: list[tuple[str, Restorable, Callable[[], Restorable]]] = [
        ("ADWIN", detector(Adwin(), binary), lambda: build(Adwin())),
        ("Page-Hinkley", detector(PageHinkley(), binary), lambda: build(PageHinkley())),
        *(
            (f"{name}, {task}", metric(task, name, streams[task]), lambda t=task, n=name: metric(t, n, []))
            for task, name in (
                ("binary", "accuracy"),
                ("binary", "f1"),
                ("binary", "log_loss"),
                ("multiclass", "f1"),
                ("regression", "mae"),
                ("regression", "rmse"),
            )
        ),
        ("drift, number", drift("feature.amount", binary), lambda: drift("feature.amount", [])),
        ("drift, text", drift("feature.place", binary), lambda: drift("feature.place", [])),
        ("volume", volume(binary), lambda: volume([])),
        ("history of 5,000 outcomes", history(binary), lambda: history([])),
    ]
    print(f"\n{'state after ' + format(len(binary), ',') + ' outcomes':<38}{'bytes':>8} {'dump µs':>8} {'load µs':>8}")
    for name, part, make in parts:
        packed, fresh = ormsgpack.packb(part.state()), make()
        dumps = _microseconds(lambda part=part: ormsgpack.packb(part.state()))  # type: ignore[misc]
        loads = _microseconds(lambda fresh=fresh, packed=packed: fresh.restore(ormsgpack.unpackb(packed)))  # type: ignore[misc]
        print(f"{name:<38}{len(packed):8,} {dumps:8.1f} {loads:8.1f}", flush=True)
    _print_models(binary, models)


def _print_models(records: list[Outcome], models: int) -> None:
    model = Model.model_validate(
        {
            "detectors": {
                "error_adwin": {"type": "adwin"},
                "error_page_hinkley": {"type": "page_hinkley"},
                "score_adwin": {"type": "adwin", "signal": "score"},
            },
            "policies": [{"name": "worse", "condition": "error_adwin and error_page_hinkley and accuracy < 0.5"}],
        }
    )
    lived = ModelMonitor("model", model)
    for offset, record in enumerate(records):
        lived.prediction(record, record["time"])
        lived.outcome(record, 3 * offset, record["time"])
    state = lived.state()
    monitors = [ModelMonitor(f"model-{n}", model) for n in range(models)]
    for monitor in monitors:
        monitor.restore(state)
    start = time.process_time()
    written = [record for monitor in monitors for record in encode(monitor, MARK, ORIGIN)]
    dumped = time.process_time() - start
    for monitor in monitors:
        monitor.reset()
    start = time.process_time()
    saved = Saved(ORIGIN)
    for key, value in written:
        saved.add(key, value)
    restored = sum(saved.restore(monitor) == MARK for monitor in monitors)
    loaded = time.process_time() - start
    size = sum(len(key) + len(value) for key, value in written)
    print(
        f"{restored:,} models with 3 detectors and a metric: {size / 1e6:.1f} MB of records ({size // models:,} bytes "
        f"each), dumped in {dumped:.2f} s, loaded in {loaded:.2f} s"
    )


def _microseconds(run: Callable[[], object]) -> float:
    """The best of ten rounds, µs a call of CPU time."""
    best = float("inf")
    for _ in range(10):
        start = time.process_time()
        for _ in range(50):
            run()
        best = min(best, time.process_time() - start)
    return best / 50 * 1e6
