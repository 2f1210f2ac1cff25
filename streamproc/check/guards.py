"""Lint of what keeps policies from firing, and of their schedules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from streamproc.check.site import Site
from streamproc.config.findings import Finding
from streamproc.config.model import Model
from streamproc.config.pipeline import Config
from streamproc.config.policies import Policy
from streamproc.config.units import format_duration
from streamproc.errors import ConfigError, ScheduleError
from streamproc.policy.condition import Condition
from streamproc.policy.schedule import Schedule
from streamproc.policy.tree import Every
from streamproc.policy.ways import TooMany, possible, ways
from streamproc.retrain.queue import budgets

_EVERY_MINUTE = "* * * * *"
_OF_CONDITIONS = ("hold_for", "hold_outcomes", "clear", "arm")
"""Guards that a schedule passes by."""


def lint_guards(policy: Policy, model: Model, conditions: Mapping[str, Condition], site: Site) -> Iterator[Finding]:
    """What there is to say about the guards of one policy; `conditions` are those that could be compiled."""
    for setting in _OF_CONDITIONS:
        if policy.condition is None and setting in policy.model_fields_set:
            message = "this concerns a condition, and the policy has none: a schedule passes it by"
            yield site.at(setting).name("useless-guard", message)
    for setting, owner in (("armed_for", "arm"), ("approval_expires", "approval")):
        if setting in policy.model_fields_set and owner not in policy.model_fields_set:
            yield site.at(setting).name("useless-guard", f"this means something with `{owner}` only, which is not set")
    if policy.dry_run and policy.approval == "required":
        yield site.at("approval").value("useless-guard", "a dry run raises nothing that could be approved")
    yield from _lint_clear(conditions, site)
    yield from _lint_budget(policy, model, site)
    for place, exclusion in enumerate(policy.exclude):
        if exclusion.cron is not None:
            yield from lint_schedule(exclusion.cron, exclusion.time_zone, site.at("exclude", place))
    if policy.per_segment and not model.segment_by:
        message = (
            "this model has no `segment_by`: name the fields that divide its traffic, such as segment_by: [country]"
        )
        yield site.at("per_segment").value("no-segments", message)


def lint_schedule(cron: str, time_zone: str, site: Site) -> Iterator[Finding]:
    """Whether a cron expression and its time zone can be used."""
    for text, zone, place in ((cron, "UTC", "cron"), (_EVERY_MINUTE, time_zone, "time_zone")):
        try:
            Schedule.parse(text, zone)
        except ScheduleError as fault:
            yield site.at(place).value("schedule", str(fault))


def lint_segments(model: Model, site: Site) -> Iterator[Finding]:
    """Segments that nobody looks at."""
    if model.segment_by and not any(policy.per_segment for policy in model.policies):
        message = "no policy of this model is `per_segment: true`: its segments are not watched"
        yield site.at("segment_by").name("unused-segments", message)


def lint_shared(config: Config, site: Site) -> Iterator[Finding]:
    """What models share is divided among partitions, or known within one only."""
    budget, incidents, partitions = config.budget, config.incidents, config.topics.partitions
    if budget is not None and budget.triggers < min(partitions, len(config.models)):
        message = (
            f"{budget.triggers} triggers are divided among {partitions} partitions: in some of them no policy can ever "
            "fire; raise this, or give the topics fewer partitions"
        )
        yield site.at("budget", "triggers").value("budget-share", message)
    try:
        budgets(config, partitions)
    except ConfigError as fault:
        yield site.at("worker", "budget", "retrains").value("budget-share", str(fault))
    if incidents is not None and incidents.models > len(config.models):
        message = f"there are only {len(config.models)} models: this many never fire together"
        yield site.at("incidents", "models").value("useless-guard", message)


def _lint_clear(conditions: Mapping[str, Condition], site: Site) -> Iterator[Finding]:
    """`clear` and `condition` that can be true together are no hysteresis."""
    condition, clear = conditions.get("condition"), conditions.get("clear")
    if condition is None or clear is None:
        return
    try:
        both = any(possible(way) for way in ways(Every(0, 0, (condition.root, clear.root)), wanted=True))
    except TooMany:
        return
    if both and set(condition.names) == set(clear.names):
        message = "this can be true while the condition is: the policy would fire again at once"
        yield site.at("clear").value("clear", message)


def _lint_budget(policy: Policy, model: Model, site: Site) -> Iterator[Finding]:
    budget = model.budget
    if budget is not None and policy.cooldown >= budget.period and budget.triggers > 1 and len(model.policies) == 1:
        message = (
            f"a cooldown of {format_duration(policy.cooldown)} allows one trigger in the budget's period of "
            f"{format_duration(budget.period)}: the budget of {budget.triggers} never stops anything"
        )
        yield site.at("cooldown").value("useless-guard", message)
