"""Values of single models for the metrics page.

Another thread reads them. It must not compute them: some are formed when they are asked for, in the very state that
decides about triggers. So the thread that runs the stage writes them down now and then, once somebody has asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from streamproc.monitor.model import ModelMonitor
from streamproc.policy.lifecycle import State

PUBLISH_MS = 1000
_STATES = {state: number for number, state in enumerate(State)}

ModelGauge = tuple[str, str, float]
"""(name, model_id, value)"""


def published(monitors: Iterable[ModelMonitor]) -> tuple[ModelGauge, ...]:
    """What `streamproc.telemetry.names.MODELS` lists, and each known value that a condition may use."""
    return tuple(gauge for monitor in monitors for gauge in _gauges(monitor))


def _gauges(monitor: ModelMonitor) -> Iterator[ModelGauge]:
    at, model_id = monitor.situation, monitor.model_id
    yield "model.state", model_id, _STATES[at.state]
    yield "model.probation", model_id, monitor.succession.on_probation
    yield "model.unacknowledged", model_id, monitor.succession.uptake.is_late
    yield "model.paused", model_id, at.paused
    yield "model.outcomes", model_id, monitor.gauges.outcomes
    for name, value in monitor.values(tuple(monitor.getters)).items():
        if value is not None and name != "outcomes":
            yield name, model_id, value
    for policy, share in monitor.ledger.precision().items():
        yield f"policy_precision.{policy}", model_id, share
