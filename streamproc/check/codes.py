"""The one table of what lint can find."""

from __future__ import annotations

from typing import NamedTuple

from streamproc.config.findings import Severity


class Code(NamedTuple):
    """How grave it is, and what it means whatever the case."""

    severity: Severity
    meaning: str


CODES: dict[str, Code] = {
    # conditions and schedules
    "condition": Code("error", "a condition is not in the language, or holds unknown names or wrong types"),
    "never-true": Code("error", "a condition can never be true"),
    "schedule": Code("error", "a cron expression or a time zone cannot be used"),
    "always-true": Code("warning", "a condition is always true"),
    "fires-when-good": Code("warning", "a condition is true of a model that does well"),
    "retrain-loop": Code("warning", "without a cooldown, a policy may fire again at once after a rejected retrain"),
    "unused-parameter": Code("warning", "a parameter stands in no condition of its policy"),
    # detectors
    "detector-signal": Code("error", "a detector of 0 and 1 watches a signal that has other values"),
    "detector-class": Code("error", "a detector's class cannot be loaded, or cannot do what it must"),
    # guards
    "useless-guard": Code("warning", "a guard that never stops anything"),
    "clear": Code("warning", "`clear` can be true while the condition is"),
    "no-segments": Code("error", "a policy for segments, of a model that has none"),
    "unused-segments": Code("warning", "segments that no policy looks at"),
    "budget-share": Code("warning", "a budget over all models that leaves partitions without a share"),
    # names
    "name-clash": Code("error", "two things would have one name in conditions, or a name cannot stand in them"),
    "duplicate-policy": Code("error", "two policies of a model have one name"),
    "reserved-name": Code("error", "a policy is named as streamproc names what people do"),
    "unknown-field": Code("error", "an input maps a field that its events do not have"),
    # what is measured
    "text-signal": Code("error", "a detector watches a signal that is text, and detectors take numbers"),
    "duplicate-signal": Code("error", "a drift section names a signal twice"),
    "min-samples": Code("warning", "min_samples is larger than the window"),
    "positive-label": Code("warning", "the positive label does not suit the task, or is not what it looks like"),
    "unused-detector": Code("warning", "a detector stands in no condition"),
    "unused-drift": Code("warning", "a drift section, but no condition on drift"),
    "unused-window": Code("warning", "a further window, but no condition on a metric over it"),
    "unused-metric": Code("warning", "an external metric stands in no condition"),
    # retraining
    "gate-rows": Code("error", "a gate asks for more rows than a retrain can hold out: each one waits, or is rejected"),
    "probation": Code("error", "a probation is shorter than what it needs to begin: none ever would"),
    "gate-wait": Code("warning", "a retrain may wait for rows longer than its trigger stays open"),
    "change-point": Code("warning", "a window begins at the change point, and nothing estimates one"),
    "time-limit": Code("warning", "a retrain may take longer than its trigger stays open"),
    "no-policy": Code("note", "nothing but a command starts a retrain of a model"),
    "no-retrain": Code("note", "triggers are published, and retraining is left to others"),
    # the pipeline
    "owned-property": Code("error", "a Kafka property that streamproc sets itself"),
    "no-bootstrap": Code("error", "the Kafka section does not say where Kafka is"),
    "plain-secret": Code("warning", "a secret stands in the file"),
    "label-ttl": Code("warning", "predictions wait longer for labels than their topic keeps them"),
}
"""Code -> its meaning. What the loader refuses has codes of its own: yaml, variable, unknown-setting, missing, empty,
invalid-value, unreadable, too-large; all of them errors."""
