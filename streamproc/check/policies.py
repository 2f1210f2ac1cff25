"""Lint of policies: their names, conditions and parameters; the guards are in `guards.py`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from streamproc.check.guards import lint_guards, lint_schedule
from streamproc.check.site import Site
from streamproc.config.findings import Finding
from streamproc.config.model import Model
from streamproc.config.policies import Policy
from streamproc.errors import ConditionError
from streamproc.monitor.names import METRICS
from streamproc.policy.analysis import analyse
from streamproc.policy.condition import Condition, compile_condition
from streamproc.policy.quantity import Quantity
from streamproc.policy.tree import Number, Reading, named
from streamproc.policy.ways import Fact, TooMany, possible, ways

Known = Mapping[str, Quantity]

RESERVED = "manual"
"""What triggers by command have in the place of a policy's name."""
_REMARKS = {"never": "never-true", "always": "always-true", "when_good": "fires-when-good"}
_NAME = re.compile(r"[\w.]+")


def lint_policies(model: Model, known: Known, site: Site) -> tuple[list[Finding], set[str]]:
    """What there is to say about the policies of a model, and the names that their conditions use."""
    findings: list[Finding] = []
    used: set[str] = set()
    for place, policy in enumerate(model.policies):
        here = site.at("policies", place)
        findings += _lint_name(policy, model.policies[:place], here)
        compiled = dict[str, Condition]()
        for setting, text in policy.conditions.items():
            try:
                compiled[setting] = condition = compile_condition(text, known, policy.parameters)
            except ConditionError as fault:
                findings.append(here.at(setting).condition(fault, _advice(fault, model)))
                used |= known.keys()  # nothing can be said of what it meant to use
            else:
                used.update(condition.names)
                findings += lint_condition(condition, here.at(setting), of_policy=setting == "condition")
        if "condition" in compiled:
            findings += _lint_cooldown(policy, compiled["condition"], model, here)
        if len(compiled) == len(policy.conditions):
            findings += _lint_parameters(policy, compiled.values(), here)
        if policy.schedule is not None:
            findings += lint_schedule(policy.schedule.cron, policy.schedule.time_zone, here.at("schedule"))
        findings += lint_guards(policy, model, compiled, here)
    return findings, used


def lint_condition(condition: Condition, site: Site, *, of_policy: bool = True) -> Iterator[Finding]:
    """What the analysis remarks. That a condition holds for a good model is a fault in a policy only."""
    for remark in analyse(condition):
        if of_policy or remark.kind != "when_good":
            yield site.within(_REMARKS[remark.kind], remark.message, condition.text, remark.column)


def _lint_name(policy: Policy, before: tuple[Policy, ...], site: Site) -> Iterator[Finding]:
    name = site.at("name")
    if policy.name == RESERVED:
        yield name.value("reserved-name", f"{RESERVED!r} is the name of triggers by command: choose another one")
    if any(other.name == policy.name for other in before):
        yield name.value("duplicate-policy", f"another policy of this model is called {policy.name!r}: rename one")


def _advice(fault: ConditionError, model: Model) -> str:
    """What may be missing from the model where a name is not known."""
    match = _NAME.match(fault.text, fault.column)
    if match is None or not fault.message.startswith("unknown name"):
        return ""
    name = match.group()
    tasks = next((metric.tasks for metric in METRICS if metric.name == name), None)
    if tasks is not None and model.task not in tasks:
        return f"; {name} is measured where the task is {' or '.join(sorted(tasks))}, and this one is {model.task}"
    if name.split(".")[0] == "drift" and model.drift is None:
        return "; drift is measured if the model has a `drift` section"
    return "" if "did you mean" in fault.message else "; numbers from the metrics topic must stand in external_metrics"


def _lint_cooldown(policy: Policy, condition: Condition, model: Model, site: Site) -> Iterator[Finding]:
    if policy.cooldown > 0:
        return
    try:
        true = filter(possible, ways(condition.root, wanted=True))
        lasting = [name for way in true if (name := _lasting(way, model))]
    except TooMany:
        lasting = [name for name in condition.names if name not in model.external_metrics]
    if lasting:
        yield site.at("condition").value(
            "retrain-loop",
            f"after a retrain that was rejected or failed, {lasting[0]} is what it was before, so this may fire again "
            "at once, for ever: give the policy a cooldown, such as `cooldown: 1h`",
        )


def _lasting(way: tuple[Fact, ...], model: Model) -> str | None:
    """A number because of which this way of being true outlasts a rejection; None if it needs new evidence.

    A rejection spends detectors' flags and forgets external metrics: see `Gauges.spent`.
    """
    numbers: list[str] = []
    for fact in way:
        if isinstance(fact, tuple):
            if fact[1]:
                return None
        else:
            parts = [*named(fact.left), *named(fact.right)]
            numbers += [part.quantity.name for part in parts if isinstance(part, Reading)]
    return numbers[0] if numbers and not set(numbers) & set(model.external_metrics) else None


def _lint_parameters(policy: Policy, conditions: Iterable[Condition], site: Site) -> Iterator[Finding]:
    parts = [part for condition in conditions for part in named(condition.root)]
    used = {part.parameter for part in parts if isinstance(part, Number)}
    for name in policy.parameters:
        if name not in used:
            yield site.at("parameters", name).name("unused-parameter", "the policy's condition does not use this")
