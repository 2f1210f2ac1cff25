"""Lint of a model's section, beside its policies."""

from __future__ import annotations

from collections.abc import Iterator

from streamproc.check.guards import lint_segments
from streamproc.check.names import without_clashes
from streamproc.check.policies import lint_condition, lint_policies
from streamproc.check.site import Site
from streamproc.config.detectors import BINARY, Custom
from streamproc.config.findings import Finding
from streamproc.config.model import Model
from streamproc.config.nodes import Mark
from streamproc.config.retrain import Gate, Retrain
from streamproc.config.scalar import meaning
from streamproc.config.units import format_duration
from streamproc.errors import ConditionError, ConfigError
from streamproc.monitor.detectors.custom import probe
from streamproc.monitor.names import comparable, quantities
from streamproc.monitor.signals import FEATURE
from streamproc.retrain.gate import compile_gate

_TRUTH_OF_YAML_1_1 = frozenset({"y", "yes", "on", "n", "no", "off"})


def lint_model(model: Model, site: Site) -> tuple[list[Finding], set[Mark]]:
    """What there is to say about one model, and the places of the named things that its conditions use."""
    sound, findings = without_clashes(model, site)
    of_policies, used = lint_policies(model, quantities(sound), site)
    findings += of_policies
    places = set[Mark]()
    for is_used, finding in _named(model, sound, used, site):
        if is_used:
            places.add(Mark(finding.line, finding.column))
        else:
            findings.append(finding)
    findings += lint_segments(model, site)
    findings += _lint_detectors(model, site)
    findings += [*_lint_measures(model, site), *_lint_positive_label(model, site), *_lint_retrain(model, site)]
    findings += _lint_probation(model, site)
    return findings, places


def _named(model: Model, sound: Model, used: set[str], site: Site) -> Iterator[tuple[bool, Finding]]:
    """Everything that exists to be named in conditions: whether it is, and what to say if it is not."""
    for name in sound.detectors:
        message = "no condition of this model names this detector: it can fire nothing"
        yield name in used, site.at("detectors", name).name("unused-detector", message)
    if sound.drift is not None:
        message = "no condition of this model looks at drift: it can fire nothing"
        looked_at = any(name.split(".")[0] == "drift" for name in used)
        yield looked_at, site.at("drift").name("unused-drift", message)
    for name in sound.metric_windows:
        message = "no condition of this model names a metric over this window: it can fire nothing"
        yield (
            any(word.endswith(f".{name}") for word in used),
            site.at("metric_windows", name).name("unused-window", message),
        )
    for index, name in enumerate(model.external_metrics):
        if name in sound.external_metrics:
            message = "no condition of this model names this metric: it can fire nothing"
            yield name in used, site.at("external_metrics", index).value("unused-metric", message)


def _lint_detectors(model: Model, site: Site) -> Iterator[Finding]:
    """Settings that would make a detector deaf, and classes that cannot be used."""
    for name, detector in model.detectors.items():
        here = site.at("detectors", name)
        if isinstance(detector, BINARY) and not _is_zero_or_one(detector.signal, model):
            message = (
                f"{detector.type} takes 0 and 1 and nothing else, and {detector.signal} has other values: "
                "use adwin, page_hinkley, cusum or ewma"
            )
            yield here.at("signal").value("detector-signal", message)
        if detector.signal == "confidence" and model.task == "regression":
            message = "a regression has no confidence: watch its error, score or prediction"
            yield here.at("signal").value("detector-signal", message)
        if isinstance(detector, Custom):
            try:
                probe(detector)
            except ConfigError as fault:
                yield here.at("class").value("detector-class", str(fault))


def _is_zero_or_one(signal: str, model: Model) -> bool:
    """Whether it may be: nobody knows what a feature holds."""
    if signal.startswith((FEATURE, "missing")):
        return True
    return (signal == "error" and model.task != "regression") or (signal == "prediction" and model.task == "binary")


def _lint_measures(model: Model, site: Site) -> Iterator[Finding]:
    if model.task == "multiclass":
        for name, detector in model.detectors.items():
            if detector.signal == "prediction":
                message = "predictions of a multiclass model are text, and detectors take numbers: use `drift` for them"
                yield site.at("detectors", name, "signal").value("text-signal", message)
    signals = model.drift.signals if model.drift else ()
    for place, signal in enumerate(signals):
        if signal in signals[:place]:
            message = f"{signal} stands here twice: remove one"
            yield site.at("drift", "signals", place).value("duplicate-signal", message)
    if "min_samples" in model.model_fields_set and model.min_samples > model.window:
        message = f"this is more than the window of {model.window} holds: metrics have values once the window is full"
        yield site.at("min_samples").value("min-samples", message)


def _lint_positive_label(model: Model, site: Site) -> Iterator[Finding]:
    if "positive_label" not in model.model_fields_set:
        return
    label, place = model.positive_label, site.at("positive_label")
    leaf = place.leaf()
    if model.task != "binary":
        yield place.value("positive-label", f"a {model.task} model has no positive label: remove the line")
    elif isinstance(label, float) and not label.is_integer():
        yield place.value("positive-label", "a label of a binary model is seldom a fraction: is this a threshold?")
    elif not isinstance(label, str) or leaf is None:
        return
    elif leaf.variables and not isinstance(meaning(label), str):
        message = "a variable is always text, and text never equals a number: write the label itself"
        yield place.value("positive-label", message)
    elif leaf.plain and not leaf.variables and label.lower() in _TRUTH_OF_YAML_1_1:
        message = f'`{label}` is text here, as in all of YAML 1.2: write true or false, or "{label}" if text is meant'
        yield place.value("positive-label", message)


def _lint_retrain(model: Model, site: Site) -> Iterator[Finding]:
    retrain = model.retrain
    if not model.policies:
        yield site.name("no-policy", "this model has no policies: only `streamproc trigger` starts a retrain")
    if retrain is None:
        if model.policies:
            message = "this model has no `retrain` section: its triggers are published, and retraining is left to you"
            yield site.name("no-retrain", message)
        return
    here = site.at("retrain")
    if retrain.time_limit > model.retrain_timeout:
        message = (
            f"a retrain may take {format_duration(retrain.time_limit)}, but its trigger is given up after "
            f"{format_duration(model.retrain_timeout)} (retrain_timeout): raise that, or lower this"
        )
        yield here.at("time_limit").value("time-limit", message)
    yield from _lint_change_point(retrain, model, here)
    if retrain.gate is not None:
        yield from _lint_gate(retrain.gate, max(window.most for window in retrain.windows), model, here.at("gate"))


def _lint_change_point(retrain: Retrain, model: Model, site: Site) -> Iterator[Finding]:
    """Only detectors of a labelled signal tell where a change began."""
    if any(detector.signal in ("error", "loss") for detector in model.detectors.values()):
        return
    for number, window in enumerate(retrain.windows):
        if window.since == "change_point":
            here = site.at("side_by_side", number) if retrain.side_by_side else site.at("window")
            message = (
                "no detector of this model watches error or loss, so no change point is ever known: the newest "
                f"{window.outcomes} outcomes are meant then"
            )
            yield here.at("since").value("change-point", message)


def _lint_probation(model: Model, site: Site) -> Iterator[Finding]:
    probation = model.probation
    if probation is not None and probation.outcomes < model.min_samples:
        message = (
            f"only {probation.outcomes} outcomes of a version are kept to compare the next one with, and a probation "
            f"needs {model.min_samples} to begin (min_samples): no version would ever be on probation; raise this"
        )
        yield site.at("probation", "outcomes").value("probation", message)


def _lint_gate(gate: Gate, outcomes: int, model: Model, site: Site) -> Iterator[Finding]:
    if "wait" in gate.model_fields_set and gate.wait > model.retrain_timeout:
        message = (
            f"a retrain may wait {format_duration(gate.wait)} for rows, but its trigger is given up after "
            f"{format_duration(model.retrain_timeout)} (retrain_timeout): raise that, or lower this"
        )
        yield site.at("wait").value("gate-wait", message)
    try:
        condition = compile_gate(gate, comparable(model.task))
    except ConditionError as fault:
        yield site.at("condition").condition(fault)
    else:
        yield from lint_condition(condition, site.at("condition"), of_policy=False)
    held_out = round(outcomes * gate.holdout)
    if held_out < gate.min_rows:
        effect = "every retrain would wait for later ones" if gate.wait else "every challenger would be rejected"
        message = (
            f"{gate.min_rows} rows are asked for, but {gate.holdout:g} of a window of {outcomes} is {held_out} rows: "
            f"{effect}; lower this, or raise `holdout` or the window"
        )
        yield site.at("min_rows").value("gate-rows", message)
