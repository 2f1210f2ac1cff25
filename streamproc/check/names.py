"""Which of a model's names conditions can use; the others are reported one by one."""

from __future__ import annotations

from streamproc.check.site import Site
from streamproc.config.findings import Finding
from streamproc.config.model import Model
from streamproc.errors import ConfigError
from streamproc.monitor.names import quantities


def without_clashes(model: Model, site: Site) -> tuple[Model, list[Finding]]:
    """A model of those names alone that can be used, so that its conditions can be looked at all the same."""
    sound, faults = Model(task=model.task), list[Finding]()

    def add(place: Site, **part: object) -> None:
        nonlocal sound
        larger = sound.model_copy(update=part)
        try:
            quantities(larger)
        except ConfigError as fault:
            faults.append(place.name("name-clash", str(fault)))
        else:
            sound = larger

    if model.drift is not None:
        add(site.at("drift", "signals"), drift=model.drift)
    for name, window in model.metric_windows.items():
        add(site.at("metric_windows", name), metric_windows={**sound.metric_windows, name: window})
    for place, name in enumerate(model.external_metrics):
        add(site.at("external_metrics", place), external_metrics=(*sound.external_metrics, name))
    for name, detector in model.detectors.items():
        add(site.at("detectors", name), detectors={**sound.detectors, name: detector})
    return sound, faults
