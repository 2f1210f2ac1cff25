"""What a trigger or a decision was based on, put together when one is written (seldom)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from streamproc.config.retrain import Window
from streamproc.events.trigger import ChangePoint, DataWindow, Evidence
from streamproc.monitor.history import OutcomeHistory
from streamproc.monitor.model import ModelMonitor
from streamproc.monitor.scope import DEFAULT_WINDOW, Scope

LARGEST_DRIFTS = 5
"""Signals that are told of in the evidence of `drift`."""


def evidence(monitor: ModelMonitor, policy_name: str | None, segment: str | None = None) -> Evidence:
    """The values that a policy looked at, and what its detectors saw. Without a policy: the volume alone."""
    scope = monitor.scope(segment)
    watch = scope.policies.get(policy_name) if policy_name is not None else None
    if watch is None or not watch.names:
        return Evidence(outcomes=scope.gauges.outcomes)
    detectors = scope.gauges.detectors
    return Evidence(
        values={name: scope.getters[name]() if name in scope.getters else None for name in watch.names},
        terms=[
            f"{'' if setting == 'condition' else f'{setting}: '}{text}: "
            f"{'unknown' if result is None else str(result).lower()}"
            for setting, condition in watch.conditions.items()
            for text, result in condition.results(lambda name: scope.getters[name]())
        ],
        detectors={name: dict(detectors[name].evidence()) for name in watch.names if name in detectors},
        drift=_drift(scope, watch.names),
        outcomes=scope.gauges.outcomes,
    )


def _drift(scope: Scope, names: Collection[str]) -> dict[str, dict[str, Any]]:
    """What the condition's drift rests on: of `drift` the largest, and each signal that is named."""
    gauge = scope.gauges.drift
    if gauge is None or not any(name.split(".")[0] == "drift" for name in names):
        return {}
    found = gauge.evidence()
    largest = list(found)[:LARGEST_DRIFTS] if "drift" in names else []
    return {name: about for name, about in found.items() if name in names or name in largest}


def data_window(
    monitor: ModelMonitor, topic: str, partition: int, offset: int, segment: str | None = None
) -> DataWindow:
    """The newest outcomes up to and with the record at `offset`, as the model's retrain section asks.

    They are of all segments, also for a trigger of one: it is the whole model that is retrained.
    """
    windows = monitor.model.retrain.windows if monitor.model.retrain else (Window(outcomes=DEFAULT_WINDOW),)
    start, outcomes = min(_start(monitor.history, window) for window in windows)
    return DataWindow(
        topic=topic,
        partition=partition,
        from_offset=start,
        to_offset=offset + 1,
        outcomes=outcomes,
        change_point=_change_point(monitor.scope(segment)),
        since_deploy=monitor.history.since_deploy if any(w.since == "last_deploy" for w in windows) else None,
    )


def _start(history: OutcomeHistory, window: Window) -> tuple[int, int]:
    """(offset, outcomes from there on) that hold a window."""
    bounds = [(0, history.total) if window.outcomes == "all" else history.start_of(window.outcomes)]
    if window.since == "last_deploy":
        bounds.append(history.start_of_deploy())
    if window.period is not None:
        bounds.append(history.start_of_period())
    return max(bounds)


def _change_point(scope: Scope) -> ChangePoint | None:
    """The latest change among the flagged detectors of a labelled signal."""
    found = scope.newest_change()
    if found is None:
        return None
    name, age = found
    return ChangePoint(offset=scope.watched.start_of(age)[0], outcomes=age, detector=name)
