"""river's detectors load nothing that they do not use, and nobody misses it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from streamproc.monitor.detectors.from_river import UNUSED, put_off

ALL = """
import sys
from typing import get_args
from streamproc.config import detectors
from streamproc.monitor.detectors import build
types = set(get_args(detectors.AnyDetector)) - {detectors.Custom}
assert len(types) == 10
for each in types:
    needed = {"reference": 50, "threshold": 5} if each.__name__ == "Cusum" else {}
    detector = build(each(**needed))
    for n in range(500):
        detector.update(float(n > 300))
"""
NOTHING = "print(sorted({'pandas', 'sklearn', 'river.datasets', 'scipy.stats'} & set(sys.modules)))"
EVERYTHING = """
from river import drift
kswin = drift.KSWIN(seed=1)
for n in range(500):
    kswin.update(float(n > 300) + n % 7 / 10)
import scipy.stats._stats_py
from scipy.stats import ks_2samp
assert ks_2samp is scipy.stats.ks_2samp
print(len(list(drift.datasets.AirlinePassengers())), drift.datasets is sys.modules["river.drift.datasets"])
"""


def run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.strip()


def test_no_detector_loads_data_frames_and_statistics() -> None:
    assert run(ALL + NOTHING) == "[]"


def test_river_and_scipy_are_whole_for_who_asks_for_more() -> None:
    """A user's function in the same process may use either."""
    assert run(ALL + EVERYTHING) == "468 True"


def test_they_are_modules_of_rivers() -> None:
    """A new version of river that imports them elsewhere would make `UNUSED` mean nothing."""
    assert run(f"import sys, river.drift\nprint(set({UNUSED!r}) <= set(sys.modules))") == "True"


@pytest.mark.parametrize("asks_within", [True, False])
def test_what_is_put_off_is_loaded_when_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, asks_within: bool
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "put_off_once.py").write_text("ANSWER = 42\n")
    with put_off("put_off_once"):
        import put_off_once as early  # type: ignore[import-not-found]

        assert "ANSWER" not in vars(early)
        if asks_within:
            assert early.ANSWER == 42
    import put_off_once as late

    assert late is not early
    assert late.ANSWER == early.ANSWER == 42
    with pytest.raises(AttributeError):
        _ = early.QUESTION
    del sys.modules["put_off_once"]
