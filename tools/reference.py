"""Writes docs/reference.md from the tables in the code: `make reference`. A test fails when they differ."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from streamproc.config.base import Section
from streamproc.config.detectors import AnyDetector
from streamproc.config.model import Drift, MetricWindow, Model
from streamproc.config.pipeline import Config, DeadLetters, Engine, Inputs, Join, RetrainBudget, Topics, Worker
from streamproc.config.policies import Budget, Exclusion, Incidents, Policy, Schedule
from streamproc.config.retrain import Gate, Probation, Retrain, Retries, Window
from streamproc.config.units import format_duration
from streamproc.events.dead_letter import REASONS
from streamproc.events.topics import INTERNAL, TOPICS
from streamproc.monitor.names import METRICS, Metric
from streamproc.policy import guards
from streamproc.policy.lifecycle import mermaid
from streamproc.telemetry import names

PAGE = Path(__file__).parents[1] / "docs" / "reference.md"
SECTIONS: tuple[tuple[str, type[Section]], ...] = (
    ("(top level)", Config),
    ("topics", Topics),
    ("inputs", Inputs),
    ("join", Join),
    ("engine", Engine),
    ("dead_letters", DeadLetters),
    ("worker", Worker),
    ("worker.budget", RetrainBudget),
    ("models.<model_id>", Model),
    ("models.<model_id>.metric_windows.<name>", MetricWindow),
    ("models.<model_id>.drift", Drift),
    ("models.<model_id>.policies[]", Policy),
    ("models.<model_id>.policies[].schedule", Schedule),
    ("models.<model_id>.policies[].exclude[]", Exclusion),
    ("models.<model_id>.budget, budget", Budget),
    ("incidents", Incidents),
    ("models.<model_id>.probation", Probation),
    ("models.<model_id>.retrain", Retrain),
    ("models.<model_id>.retrain.window, side_by_side[]", Window),
    ("models.<model_id>.retrain.gate", Gate),
    ("models.<model_id>.retrain.retries", Retries),
)
DURATIONS = {
    "label_ttl",
    "max_future",
    "commit_interval",
    "volume_period",
    "label_horizon",
    "cooldown",
    "max_cooldown",
    "hold_for",
    "armed_for",
    "approval_expires",
    "within",
    "lasts",
    "retrain_timeout",
    "time_limit",
    "wait",
    "backoff",
    "max_backoff",
}
WHY = {
    "empty": "the record has no value",
    "too_large": "more than 256 KiB",
    "too_deep": "nested deeper than 32 levels",
    "not_json": "not JSON, or not UTF-8; NaN and Infinity are not JSON",
    "not_an_object": "JSON, but not an object",
    "invalid_field": "a field of the wrong type or out of its range; the detail names it",
    "missing_field": "a required field is missing; the detail names it",
    "unknown_model": "the model is not in the configuration",
    "time_out_of_range": "the event's time is further ahead of its record than `join.max_future`",
    "retrain_failed": "a trigger whose retrain has failed for good; the detail says why. Written back, it does "
    "nothing: a trigger is answered once",
    "label_mismatch": "the label does not fit its prediction: text against number, or no number for a regression",
}


def page() -> str:
    """The whole page."""
    return "\n".join(
        [
            "# Reference",
            "",
            "Written from the code by `make reference`; do not edit.",
            "",
            "## Topics",
            "",
            *_topics(),
            "",
            "## Settings",
            "",
            "Every setting of streamproc.yaml with its default. Durations are written with a unit: `30s`, `10m`, `7d`.",
            "",
            *_settings(),
            "## Names in conditions",
            "",
            "[Metrics and drift](metrics.md) says what they are of, and how drift is measured.",
            "",
            "Beside these: `missing.<feature>`, `unseen.<feature>` and `out_of_range.<feature>`, the share of the",
            "predictions in the window that lack this feature, or whose text or number the reference does not have;",
            "`drift.<feature>`;",
            "`<metric>.<window>` for each further window;",
            "each detector by its name (true once it has seen a change), the names under",
            "`external_metrics`, a policy's own `parameters`.",
            "",
            *_quantities(),
            "",
            "## Detectors",
            "",
            *_detectors(),
            "",
            "## What keeps a policy from firing",
            "",
            "Looked at in this order; the first that says no is named in the decision.",
            "",
            *(f"{n}. `{rule}`" for n, (rule, _) in enumerate(guards.RULES, start=1)),
            "",
            "## Lifecycle of a model",
            "",
            "```mermaid",
            mermaid(),
            "```",
            "",
            "## Reasons of dead letters",
            "",
            "| reason | when |",
            "|---|---|",
            *(f"| `{reason}` | {WHY[reason]} |" for reason in REASONS),
            "",
            "## Metrics",
            "",
            names.markdown().strip(),
            "",
        ]
    )


def _topics() -> list[str]:
    names_of_topics = Topics()
    rows = [
        f"| `{getattr(names_of_topics, t.name)}` | {t.writer} | {t.key} | {t.carries} | {_days(t.retention_ms)} |"
        for t in TOPICS
    ]
    rows += [
        f"| `{getattr(names_of_topics, t.name)}` | {t.writer} | {t.key} | {t.carries} | {kept} |"
        for t, kept in zip(INTERNAL, ("the newest of each key", "14 days", "14 days"), strict=True)
    ]
    return ["| topic | who writes | key | what it carries | kept, as created |", "|---|---|---|---|---|", *rows]


def _settings() -> list[str]:
    lines = []
    for title, section in SECTIONS:
        lines += [f"### `{title}`", "", "| setting | default | |", "|---|---|---|"]
        for name, field in section.model_fields.items():
            if field.is_required():
                default = "required"
            else:
                value = field.get_default(call_default_factory=True)
                default = f"see `{name}`" if isinstance(value, Section) else f"`{_shown(name, value)}`"
            lines.append(f"| `{name}` | {default} | {(field.description or '').replace(chr(10), ' ')} |")
        lines.append("")
    return lines


def _shown(name: str, value: object) -> object:
    if isinstance(value, int) and name in DURATIONS:
        return format_duration(value)
    return value if value not in ((), {}, None) else "none"


def _days(retention_ms: int) -> str:
    return "for ever" if retention_ms < 0 else f"{retention_ms // 86_400_000} days"


def _quantities() -> list[str]:
    rows = [
        f"| `{m.name}` | {', '.join(sorted(m.tasks))} | {m.quantity.low:g} to {m.quantity.high:g} "
        f"| {m.quantity.better or '-'} | {_summary(m)} |"
        for m in METRICS
    ]
    return ["| name | tasks | range | better | what it is |", "|---|---|---|---|---|", *rows]


def _summary(metric: Metric) -> str:
    source = f" ({metric.source})" if metric.source else ""
    return metric.quantity.summary.replace("|", "\\|") + source


def _detectors() -> list[str]:
    rows = []
    for model in get_args(AnyDetector):
        settings = ", ".join(
            f"`{name}` {field.default}" for name, field in model.model_fields.items() if name != "type"
        )
        rows.append(
            f"| `{model.model_fields['type'].default}` | {settings} | {(model.__doc__ or '').split(chr(10))[0]} |"
        )
    return ["| type | settings and their defaults | what it sees |", "|---|---|---|", *rows]


if __name__ == "__main__":
    PAGE.write_text(page())
