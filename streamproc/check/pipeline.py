"""Lint of what all models share: Kafka, inputs, the join."""

from __future__ import annotations

from collections.abc import Iterator

from streamproc.check.guards import lint_shared
from streamproc.check.site import Site
from streamproc.config.explain import names_like
from streamproc.config.findings import Finding
from streamproc.config.pipeline import Config
from streamproc.config.units import format_duration
from streamproc.events.base import Event
from streamproc.events.label import Label
from streamproc.events.metric import Metric
from streamproc.events.prediction import Prediction
from streamproc.events.topics import BY_NAME
from streamproc.owned import OWNED

_INPUTS: dict[str, type[Event]] = {"predictions": Prediction, "labels": Label, "metrics": Metric}
_SECRETS = ("password", "client.secret", "ssl.key.pem")


def lint_pipeline(config: Config, site: Site) -> Iterator[Finding]:
    """What there is to say outside of the models."""
    yield from _lint_kafka(config, site.at("kafka"))
    yield from _lint_inputs(config, site.at("inputs"))
    yield from _lint_join(config, site.at("join", "label_ttl"))
    yield from lint_shared(config, site)


def _lint_kafka(config: Config, site: Site) -> Iterator[Finding]:
    if not config.kafka.keys() & {"bootstrap.servers", "metadata.broker.list"}:
        yield site.name("no-bootstrap", "`bootstrap.servers` is missing: say where Kafka is, such as localhost:9092")
    for name in config.kafka:
        here = site.at(name)
        if name in OWNED:
            message = "streamproc sets this itself, exactly-once depends on it: remove the line"
            yield here.name("owned-property", message)
        leaf = here.leaf()
        if name.endswith(_SECRETS) and leaf is not None and leaf.written and not leaf.variables:
            yield here.value("plain-secret", "a secret stands in the file: write ${VARIABLE} or ${file:/path} instead")


def _lint_inputs(config: Config, site: Site) -> Iterator[Finding]:
    for name, section in config.inputs:
        for field in section.fields:
            known = _INPUTS[name].model_fields
            if field not in known:
                message = f"{name} have no such field; {names_like(field, known)}"
                yield site.at(name, "fields", field).name("unknown-field", message)


def _lint_join(config: Config, site: Site) -> Iterator[Finding]:
    ttl = config.join.label_ttl
    kept = min(BY_NAME["predictions"].retention_ms, BY_NAME["labels"].retention_ms)
    if ttl > kept:
        message = (
            f"predictions wait {format_duration(ttl)} for their labels, but their topic keeps them for "
            f"{format_duration(kept)} if `streamproc topics create` made it, and a restart reads them again: give the "
            "topics of predictions and labels a longer retention.ms"
        )
        yield site.value("label-ttl", message)
