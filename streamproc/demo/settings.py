"""The demo's streamproc.yaml."""

from __future__ import annotations

import json
from pathlib import Path

MODEL = "electricity"
DETECTOR = "errors_rise"
FIRST_VERSION = "v1"
TRAINING_ROWS = 1000
"""The first model is trained on so many rows, and then serves all the others."""

_TEXT = """\
# The configuration of `streamproc demo`.
pipeline: demo
kafka:
  bootstrap.servers: {bootstrap}
topics:
  partitions: 2
engine:
  http: {http}
artifacts: {artifacts}
state_directory: {state}
{models}"""

MODELS = f"""\
models:
  {MODEL}:
    task: binary
    window: 300                 # labelled predictions in `accuracy`
    detectors:
      {DETECTOR}: {{type: page_hinkley, signal: error, threshold: 25}}
    policies:
      - name: worse_than_before
        condition: {DETECTOR} and accuracy < 0.72
        min_outcomes: 200       # of a version, before it is judged
    retrain:
      function: streamproc.demo.train:retrain
      window: {{outcomes: 1500}}  # the newest labelled predictions
      gate:                     # train on the older 80 %, compare on the rest
        condition: challenger.accuracy > champion.accuracy
        holdout: 0.2
        confidence: 0.5         # a market in motion: better is enough
"""


def text(bootstrap: str, http: str, artifacts: Path, models: str = MODELS) -> str:
    """The file's content: `http` is the address of the metrics page. JSON strings are YAML strings."""
    return _TEXT.format(
        bootstrap=json.dumps(bootstrap),
        http=json.dumps(http),
        artifacts=json.dumps(str(artifacts)),
        state=json.dumps(str(artifacts.with_name("state"))),
        models=models,
    )
