"""A detector class beside streamproc.yaml is found, whichever way a process was started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CLASS = """
class Mine:
    def update(self, x): return x > 3
    def state(self): return None
    def restore(self, state): pass
"""
LOOK = """
from streamproc.config.detectors import Custom
from streamproc.monitor.detectors import build
print(build(Custom.model_validate({"class": "mine_beside:Mine"})).update(4.0))
"""
CONFIG = """
pipeline: t
models:
  m:
    detectors: {own: {type: custom, class: "mine_beside:Mine"}}
    policies: [{name: p, condition: own, cooldown: 1h}]
"""


def run(directory: Path, *command: str) -> str:
    (directory / "mine_beside.py").write_text(CLASS)
    (directory / "streamproc.yaml").write_text(CONFIG)
    done = subprocess.run([sys.executable, "-P", *command], cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_working_directory_is_searched(tmp_path: Path) -> None:
    """Also where Python does not do so by itself, as in a program that pip has installed."""
    assert run(tmp_path, "-c", LOOK).strip() == "True"


def test_check_finds_it(tmp_path: Path) -> None:
    """The command, as it is installed."""
    run(tmp_path, "-m", "streamproc.cli", "check")
