"""Drift as a number: how far the newest values of a signal are from a reference."""

from __future__ import annotations

from streamproc.monitor.drift.gauge import DriftGauge

__all__ = ["DriftGauge"]
