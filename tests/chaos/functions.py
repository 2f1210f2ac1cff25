"""The retrain function of the models that are retrained here."""

from __future__ import annotations

import hashlib
import time

from streamproc import Challenger, TrainingData, Trigger


def retrain(trigger: Trigger, data: TrainingData) -> Challenger:
    """Takes up to two seconds, so that some are cut off; fails for one trigger in eight."""
    draw = hashlib.sha256(trigger.trigger_id.encode()).digest()
    time.sleep(draw[0] / 128)
    if draw[1] < 32:
        raise RuntimeError("as it happens")
    path = data.directory / "model.txt"
    path.write_text(str(len(data.rows)))
    return Challenger(artifact=path, predict=lambda rows: [0] * len(rows))
