"""How long a monitor takes to be live again: from snapshots, and from the journal alone.

python benchmarks/monitor_restore.py [--models N] [--outcomes N]

Each model has ADWIN and Page-Hinkley on its errors, ADWIN on its scores, and a windowed accuracy. The journal is filled
with outcomes and run to its end; then for half a minute 5,000 outcomes come each second, the engine is dropped without
a word in the midst of it, and a new one opens the same partitions. Seconds are from the assignment until it is live.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # it is run as a script, from anywhere

import orjson
from confluent_kafka import Producer

from benchmarks.traffic import PARTITIONS, configuration
from streamproc.app.layout import plan
from streamproc.app.run import wall_clock
from streamproc.config.load import from_mapping
from streamproc.config.pipeline import Config
from streamproc.engine.loop import Engine, Settings
from streamproc.kafka import properties
from streamproc.kafka.admin import Admin
from streamproc.kafka.broker import EmbeddedBroker
from streamproc.kafka.client import ConfluentKafka
from streamproc.monitor.stage import MonitorStage

RATE, SECONDS, ACCURACY = 5_000, 30.0, 0.9
MODEL: dict[str, Any] = {
    "detectors": {
        "error_adwin": {"type": "adwin"},
        "error_ph": {"type": "page_hinkley", "threshold": 50},
        "score_adwin": {"type": "adwin", "signal": "score"},
    },
    "policies": [{"name": "worse", "condition": "error_adwin and error_ph and accuracy < 0.5"}],
}


class Member:
    """A monitor's engine in a thread, which can be dropped in the midst of its work."""

    def __init__(self, config: Config, *, snapshots: bool = True) -> None:
        self.stage = MonitorStage(config, PARTITIONS)
        if not snapshots:
            self.stage.snapshots = None  # type: ignore[assignment] # as if there were none
        settings = Settings(config.pipeline, "0", config.topics.dead_letters)
        self.engine = Engine(self.stage, ConfluentKafka(config.kafka), settings, wall_clock)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self.engine.start()
        while not self._stop.is_set():
            self.engine.step()
        self.engine.close()  # what is open is aborted, as after a kill

    def wait_live(self) -> None:
        while not self.engine.progress.live:
            if not self._thread.is_alive():
                raise RuntimeError("the monitor has ended")
            time.sleep(0.02)

    def wait_for(self, outcomes: int) -> None:
        while self.stage.gauges()["monitor_outcomes"] < outcomes:
            if not self._thread.is_alive():
                raise RuntimeError("the monitor has ended")
            time.sleep(0.1)

    def drop(self) -> None:
        self._stop.set()
        self._thread.join()


class Outcomes:
    """Writes outcomes into the journal, in place of a join."""

    def __init__(self, config: Config) -> None:
        self._models, self._journal, self._count = list(config.models), config.topics.journal, 0
        self._producer, self._rng = Producer(properties.producer(config.kafka)), random.Random(1)  # noqa: S311 - data

    def write(self, count: int) -> None:
        for _ in range(count):
            self._count += 1
            model, now = self._rng.choice(self._models), wall_clock()
            event = {"kind": "outcome", "model_id": model, "prediction_id": f"{self._count:036d}", "time": now}
            event |= {"prediction": 1, "score": self._rng.random(), "label": int(self._rng.random() < ACCURACY)}
            self._send(orjson.dumps(event | {"label_time": now}), model.encode())
        self._producer.flush(60)

    def _send(self, value: bytes, key: bytes) -> None:
        while True:
            try:
                self._producer.produce(self._journal, value, key)
            except BufferError:
                self._producer.poll(0.05)
            else:
                return


def main() -> int:
    """Measure, print; 1 if a model had to be rebuilt."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=10_000)
    parser.add_argument("--outcomes", type=int, default=1_000_000, help="before the half minute")
    options = parser.parse_args()
    with EmbeddedBroker() as broker:
        written = configuration(broker.bootstrap_servers, MODEL, f"r{uuid.uuid4().hex[:8]}")
        written["kafka"]["session.timeout.ms"] = 6_000
        one = from_mapping(written)
        (model, *_) = one.models.values()
        # A file of so many models would have more values than a configuration may.
        config = one.model_copy(update={"models": {f"model-{n:05d}": model for n in range(options.models)}})
        Admin(config.kafka).create(plan(config))
        source, first = Outcomes(config), Member(config)
        source.write(options.outcomes)
        first.wait_for(options.outcomes)
        began = time.monotonic()
        while (passed := time.monotonic() - began) < SECONDS:
            source.write(RATE // 10)
            time.sleep(max(0.0, began + passed + 0.1 - time.monotonic()))
        snapshot_bytes = first.stage.gauges()["monitor_snapshot_bytes"]
        first.drop()
        result = {"models": options.models, "outcomes": options.outcomes, "snapshot_mb": round(snapshot_bytes / 1e6, 1)}
        result |= {"snapshots": _restore(config, snapshots=True), "journal": _restore(config, snapshots=False)}
    for way in ("snapshots", "journal"):
        print(f"from the {way}: {result[way]}")
    print(json.dumps(result))
    return int(result["snapshots"]["rebuilt_models"] > 0)


def _restore(config: Config, *, snapshots: bool) -> dict[str, float]:
    member = Member(config, snapshots=snapshots)
    member.wait_live()
    progress = member.engine.progress
    found = {
        "seconds": progress.restore_seconds,
        "records": progress.restored_records,
        "rebuilt_models": member.stage.gauges()["monitor_rebuilt_models"],
    }
    member.drop()
    return found


if __name__ == "__main__":
    sys.exit(main())
