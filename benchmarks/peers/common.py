"""What all peers' jobs do alike: the detector of each model, and telling how far they are. Needs orjson and river."""

from __future__ import annotations

import sys
import threading
from typing import Any

import orjson
from river.drift import ADWIN

BOOTSTRAP, PREDICTIONS, LABELS, TRIGGERS, GROUP = sys.argv[1:6] if len(sys.argv) > 5 else [""] * 5
"""The command line of every job."""
LOOK_SECONDS = 0.05


class Job:
    """Counts outcomes, and says when a model's error rate has changed."""

    def __init__(self) -> None:
        self.joined = self.triggers = 0
        self._detectors: dict[str, ADWIN] = {}
        threading.Thread(target=self._tell, daemon=True).start()

    def outcome(self, prediction: dict[str, Any], label: dict[str, Any]) -> bytes | None:
        """A pair -> a trigger event, or None."""
        model_id = prediction["model_id"]
        detector = self._detectors.get(model_id)
        if detector is None:
            detector = self._detectors[model_id] = ADWIN()
        before = detector.estimation
        detector.update(0.0 if prediction["prediction"] == label["label"] else 1.0)
        self.joined += 1
        if not detector.drift_detected or detector.estimation <= before:
            return None
        self.triggers += 1
        return orjson.dumps({"model_id": model_id, "error_rate": detector.estimation})

    def _tell(self) -> None:
        said, wait = -1, threading.Event()
        while not wait.wait(LOOK_SECONDS):
            if self.joined != said:
                said = self.joined
                print(f"joined {said} triggers {self.triggers}", flush=True)
