"""What the monitor's parts cost: µs an outcome and bytes an instance.

    python benchmarks/monitor.py [--quick] [--scale]

Each part takes outcomes (a seeded stream), spread round-robin over 1 to 10,000 instances, as the models of one
process would take them. All windows are full before the clock runs; they are of 50 outcomes, so that this takes no
minutes. Flat along a row means that the cost does not grow with the number of instances, but for the processor's
caches. The times hold the extraction of the signal from the record, and in rows that say `read` the reading of the
values after each outcome; an empty loop's time is taken off. It is the process's CPU time, which other programs
on the machine disturb less than the wall clock's; the best of several rounds counts.

Bytes: what Python allocated (tracemalloc) for one instance with a full window of the configuration's default, 1,000.
Memory that river's compiled ADWIN takes by itself is not in them.

Below the table: bytes of each part's state as it is saved, µs to write it down and to read it back, and the same for
10,000 models at once.

With --scale instead: the whole monitor over journal records (read, measured, looked at by a policy with ADWIN and
accuracy), spread round-robin over 1 to 10,000 models, and over 1 to 10,000 segments of at most 100 a model.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # it is run as a script, from anywhere

from benchmarks.monitor_scale import print_scale
from benchmarks.monitor_state import print_states
from streamproc.config.detectors import Adwin, PageHinkley
from streamproc.config.model import Drift, Model
from streamproc.monitor.detectors import build
from streamproc.monitor.drift import DriftGauge
from streamproc.monitor.metrics import FeatureMetrics, LabelCoverage, WindowedMetrics
from streamproc.monitor.signals import extractor, labelled
from streamproc.monitor.volume import Volume

Outcome = dict[str, Any]
Take = Callable[[Outcome], object]
Make = Callable[[int], Take]
"""Window -> a new instance of a part."""

ERROR_RATE = 0.1
WINDOW = 50
"""Small, so that the windows of 10,000 instances can be filled before the clock runs. It hardly changes the times."""


def outcomes(count: int, task: str) -> list[Outcome]:
    """Seeded outcomes: ERROR_RATE wrong; ten classes for multiclass; errors of deviation 1 for regression."""
    rng = random.Random(20)  # noqa: S311 - data, not secrets
    made = []
    for n in range(count):
        label: Any = {"binary": rng.randrange(2), "multiclass": f"class{rng.randrange(10)}"}.get(
            task, rng.gauss(100, 20)
        )
        wrong = rng.random() < ERROR_RATE
        prediction: Any = label + rng.gauss(0, 1) if task == "regression" else label
        if task == "binary" and wrong:
            prediction = 1 - label
        if task == "multiclass" and wrong:
            prediction = f"class{rng.randrange(10)}"
        made.append(
            {
                "kind": "outcome",
                "prediction_id": f"prediction-{n}",
                "model_id": "model",
                "time": 1_700_000_000_000 + 100 * n,
                "label_time": 1_700_000_000_000 + 100 * n + rng.randrange(100),
                "prediction": prediction,
                "score": (0.9 if prediction == 1 else 0.1) + rng.uniform(-0.09, 0.09),
                "scores": {f"class{n}": 0.1 for n in range(10)} if task == "multiclass" else None,
                "label": label,
                **({"lower": prediction - 2, "upper": prediction + 2} if task == "regression" else {}),
                "features": {"amount": rng.gauss(0, 1), "place": f"place{rng.randrange(20)}"},
            }
        )
    return made


def metric(task: str, *names: str, read: bool = False, period: bool = False, weight: float | None = None) -> Make:
    """A part that keeps these metrics, and with `read` also reads them after each outcome.

    `period`: the window is one of event time too, in which as many outcomes find room; `weight`: of every outcome.
    """

    def make(window: int) -> Take:
        model = Model(task=task, window=window, min_samples=window)  # type: ignore[arg-type]
        metrics = WindowedMetrics(model, names, window, 100 * window if period else None)
        if weight is not None:
            metrics.update({"prediction": 1, "label": 1, "weight": weight, "time": 0, "label_time": 0})
        getters = [metrics.getters()[name] for name in names]

        def take_and_read(outcome: Outcome) -> None:
            metrics.update(outcome)
            for getter in getters:
                getter()

        return take_and_read if read else metrics.update

    return make


def detector(config: Adwin | PageHinkley) -> Make:
    """A part that extracts the signal and updates the detector."""

    def make(_: int) -> Take:
        extract, update = labelled(config.signal, Model()), build(config).update

        def take(outcome: Outcome) -> None:
            value = extract(outcome)
            if value is not None:
                update(value)

        return take

    return make


def volume(_: int) -> Take:
    """A part that counts, and reads volume and increase."""
    counter = Volume(3_600_000)

    def take(outcome: Outcome) -> None:
        counter.update(outcome["label_time"])
        counter.volume()
        counter.increase()

    return take


def drift(signal: str, distance: Any = "psi", *, read: bool) -> Make:
    """A part with the drift of one feature."""

    def make(window: int) -> Take:
        gauge = DriftGauge(Drift(signals=(signal,), distance=distance, reference=2 * window, window=window))
        extract = extractor(signal, Model())

        def take(outcome: Outcome) -> None:
            value = extract(outcome)
            if value is not None:
                gauge.update(signal, value)
            if read:
                gauge.value()

        return take

    return make


def features(window: int) -> Take:
    """A part with the three rates of the features, read."""
    model = Model(window=window, min_samples=window, drift=Drift(signals=("score",), reference=50, window=50))
    rates = FeatureMetrics(model, ("missing_rate", "unseen_category_rate", "out_of_range_rate"))
    getters = list(rates.getters().values())

    def take(outcome: Outcome) -> None:
        rates.update(outcome)
        for getter in getters:
            getter()

    return take


def coverage(_: int) -> Take:
    """A part that counts a prediction and its label, and reads the coverage."""
    counter = LabelCoverage(3_600_000, 1)

    def take(outcome: Outcome) -> None:
        counter.prediction(outcome["time"])
        counter.label(outcome["time"])
        counter.value()

    return take


def whole_set(window: int) -> Take:
    """ADWIN, Page-Hinkley and accuracy on one signal, with the flags and the accuracy read after each outcome."""
    model = Model(window=window, min_samples=window)
    extract, adwin, page_hinkley = labelled("error", model), build(Adwin()), build(PageHinkley())
    metrics = WindowedMetrics(model, {"accuracy"})
    accuracy = metrics.getters()["accuracy"]

    def take(outcome: Outcome) -> None:
        error = extract(outcome)
        if error is not None:
            adwin.update(error)
            page_hinkley.update(error)
        metrics.update(outcome)
        _ = adwin.flag, page_hinkley.flag, accuracy()

    return take


_OF_CLASSES = ("precision", "recall", "balanced_accuracy")

PARTS: list[tuple[str, str, Make]] = [
    ("accuracy", "binary", metric("binary", "accuracy")),
    ("f1, binary", "binary", metric("binary", "f1")),
    ("log_loss, binary", "binary", metric("binary", "log_loss")),
    ("accuracy, f1, log_loss, read", "binary", metric("binary", "accuracy", "f1", "log_loss", read=True)),
    ("precision, recall, balanced, read", "binary", metric("binary", *_OF_CLASSES, read=True)),
    ("roc_auc, read", "binary", metric("binary", "roc_auc", read=True)),
    ("brier, read", "binary", metric("binary", "brier", read=True)),
    ("ece, read", "binary", metric("binary", "ece", read=True)),
    ("f1, 10 classes", "multiclass", metric("multiclass", "f1")),
    ("precision, recall, ..., 10 classes", "multiclass", metric("multiclass", *_OF_CLASSES, read=True)),
    ("brier, 10 classes", "multiclass", metric("multiclass", "brier")),
    ("mae", "regression", metric("regression", "mae")),
    ("rmse", "regression", metric("regression", "rmse")),
    ("mape", "regression", metric("regression", "mape")),
    ("r2, read", "regression", metric("regression", "r2", read=True)),
    ("interval_coverage, read", "regression", metric("regression", "interval_coverage", read=True)),
    ("accuracy in a period, read", "binary", metric("binary", "accuracy", read=True, period=True)),
    ("accuracy, weighted, read", "binary", metric("binary", "accuracy", read=True, weight=2.0)),
    ("roc_auc, weighted, read", "binary", metric("binary", "roc_auc", read=True, weight=2.0)),
    ("label_delay_p50, p95, read", "binary", metric("binary", "label_delay_p50", "label_delay_p95", read=True)),
    ("label_coverage, read", "binary", coverage),
    ("missing, unseen, range, 2 features", "binary", features),
    ("volume, read", "binary", volume),
    ("drift, number", "binary", drift("feature.amount", read=False)),
    ("drift, number, read", "binary", drift("feature.amount", read=True)),
    ("drift, text, read", "binary", drift("feature.place", read=True)),
    ("drift, number, js, read", "binary", drift("feature.amount", "js", read=True)),
    ("drift, number, ks, read", "binary", drift("feature.amount", "ks", read=True)),
    ("ADWIN", "binary", detector(Adwin())),
    ("ADWIN, clock 1", "binary", detector(Adwin(clock=1))),
    ("Page-Hinkley", "binary", detector(PageHinkley())),
    ("ADWIN+Page-Hinkley+accuracy, read", "binary", whole_set),
]


def microseconds(make: Make, records: list[Outcome], instances: int, rounds: int) -> float:
    """µs an outcome over `instances` instances in turn, without the loop; the best round."""
    takes = [make(WINDOW) for _ in range(instances)]
    for take in takes:
        for record in records[: 3 * WINDOW + 1]:
            take(record)
    turn = [takes[n % instances] for n in range(len(records))]
    best = min(_seconds(turn, records) for _ in range(rounds))
    idle = min(_seconds([_idle] * len(records), records) for _ in range(rounds))
    return (best - idle) / len(records) * 1e6


def _idle(_: Outcome) -> None:
    return None


def _seconds(turn: list[Take], records: list[Outcome]) -> float:
    gc.collect()
    start = time.process_time()
    for take, record in zip(turn, records, strict=True):
        take(record)
    return time.process_time() - start


def size(make: Make, records: list[Outcome]) -> int:
    """Bytes that Python holds for one instance after all the records: half of what two hold."""
    gc.collect()
    tracemalloc.start()
    takes = [make(1_000) for _ in range(2)]
    for take in takes:
        for record in records:
            take(record)
    gc.collect()
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return held // len(takes)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer records and rounds: seconds, but rougher")
    parser.add_argument("--scale", action="store_true", help="the whole monitor, by how many models and segments")
    given = parser.parse_args()
    quick = given.quick
    if given.scale:
        print_scale(quick=quick)
        return
    count, rounds, columns = (2_200, 1, (1, 50)) if quick else (10_000, 3, (1, 1_000, 10_000))
    streams = {task: outcomes(count, task) for task in ("binary", "multiclass", "regression")}
    print(f"{'µs an outcome, by number of instances':<38}", *(f"{n:>8,}" for n in columns), f"{'bytes':>10}")
    for name, task, make in PARTS:
        records = streams[task]
        costs = [microseconds(make, records, n, rounds) for n in columns]
        print(f"{name:<38}", *(f"{cost:8.2f}" for cost in costs), f"{size(make, records[:2_200]):10,}", flush=True)
    print_states(streams, models=columns[-1])


if __name__ == "__main__":
    main()
