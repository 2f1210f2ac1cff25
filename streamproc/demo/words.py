"""Events in a line each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from streamproc.demo.tally import Retrain

_NAME = re.compile(r"[A-Za-z_][\w.]*")


def why(trigger: Mapping[str, Any]) -> str:
    """A trigger's reason with what its names stood at: `errors_rise (18% -> 36%) and accuracy 0.717 < 0.72`."""
    evidence = trigger.get("evidence") or {}
    shown = {
        name: f"{value:.3g}"
        for name, value in (evidence.get("values") or {}).items()
        if isinstance(value, float | int) and not isinstance(value, bool)
    }
    for name, detector in (evidence.get("detectors") or {}).items():
        before, after = detector.get("mean_before"), detector.get("mean_after")
        if before is not None and after is not None:
            shown[name] = f"({before:.0%} -> {after:.0%})"
    return _NAME.sub(lambda name: f"{name[0]} {shown[name[0]]}" if name[0] in shown else name[0], trigger["reason"])


def outcome(retrain: Retrain) -> str:
    """What became of a trigger."""
    if retrain.status == "deployed":
        return f"{retrain.version} in {retrain.seconds:.1f} s: {retrain.outcome}"
    return f"in {retrain.seconds:.1f} s: {retrain.outcome}"


def thousands(number: float) -> str:
    """44312 -> `44,312`."""
    return f"{number:,.0f}"


def clock(seconds: float) -> str:
    """83.2 -> `1:23`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def count(number: int, one: str, many: str | None = None) -> str:
    """(1, "retrain") -> `1 retrain`; (2, "retrain") -> `2 retrains`."""
    return f"{thousands(number)} {one if number == 1 else many or one + 's'}"
