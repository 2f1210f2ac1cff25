"""Windowed metrics: how good the newest outcomes were, how late their labels, and how sound the features."""

from __future__ import annotations

from streamproc.monitor.metrics.labels import LabelCoverage
from streamproc.monitor.metrics.table import FeatureMetrics, WindowedMetrics

__all__ = ["FeatureMetrics", "LabelCoverage", "WindowedMetrics"]
