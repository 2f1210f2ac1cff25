"""The one table of metrics: what each is called in Prometheus, and what it says.

Names are `streamproc_<stage>_<what>_<unit>`; counters end in `_total`. All of them are counted in this process, and
counters count from its start: what a stage reads again to rebuild its state is not counted a second time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `key` is its name in the code: of a field of `Progress`, of a stage's gauge, of a model's value."""

    key: str
    name: str
    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    labels: tuple[str, ...]
    help: str

    @property
    def exposed(self) -> str:
        """The name of its series; a histogram has three."""
        return f"{self.name}_total" if self.kind == "counter" else self.name

    @property
    def series(self) -> tuple[str, ...]:
        """The names of all of its series."""
        if self.kind == "histogram":
            return tuple(f"{self.name}_{part}" for part in ("bucket", "count", "sum"))
        return (self.exposed,)


_STAGE = ("stage",)
_MODEL = ("model_id",)

ENGINE: tuple[Metric, ...] = (
    Metric("records", "streamproc_engine_records", "counter", "", _STAGE, "Records taken from Kafka and processed."),
    Metric("sent", "streamproc_engine_outputs", "counter", "", _STAGE, "Records written, dead letters left out."),
    Metric("commits", "streamproc_engine_commits", "counter", "", _STAGE, "Transactions that went through."),
    Metric(
        "commit_seconds",
        "streamproc_engine_commit_seconds",
        "histogram",
        "seconds",
        _STAGE,
        "How long commits took: outputs, offsets and the end of the transaction.",
    ),
    Metric(
        "recoveries",
        "streamproc_engine_recoveries",
        "counter",
        "",
        _STAGE,
        "Transactions that did not go through; nothing was lost, the state was restored.",
    ),
    Metric("restores", "streamproc_engine_restores", "counter", "", _STAGE, "Times the state was complete again."),
    Metric(
        "restored_records",
        "streamproc_engine_restored_records",
        "counter",
        "",
        _STAGE,
        "Records read again to rebuild the state.",
    ),
    Metric(
        "restore_seconds",
        "streamproc_engine_restore_seconds",
        "gauge",
        "seconds",
        _STAGE,
        "How long the newest restore took, from the assignment of the partitions until they were live.",
    ),
    Metric(
        "rejected",
        "streamproc_engine_dead_letters",
        "counter",
        "",
        ("stage", "reason"),
        "Records that could not be used; the dead letter topic holds them.",
    ),
    Metric(
        "paused",
        "streamproc_engine_paused_partitions",
        "gauge",
        "",
        _STAGE,
        "Input partitions that are stopped because too much of them is unusable: somebody must look at them.",
    ),
    Metric(
        "live",
        "streamproc_engine_live",
        "gauge",
        "",
        _STAGE,
        "1 while partitions are owned and their state is complete; 0 while there are none, or it is restored.",
    ),
    Metric(
        "last_step_ms",
        "streamproc_engine_last_step_timestamp_seconds",
        "gauge",
        "seconds",
        _STAGE,
        "When the loop last went round (Unix time): long ago, if it hangs.",
    ),
)
"""Of every stage, from its engine's `Progress`."""

STAGES: tuple[Metric, ...] = (
    Metric("join_outcomes", "streamproc_join_outcomes", "counter", "", (), "Predictions that met their label."),
    Metric("join_revisions", "streamproc_join_revisions", "counter", "", (), "Labels that replaced an earlier one."),
    Metric(
        "join_duplicates",
        "streamproc_join_duplicates",
        "counter",
        "",
        (),
        "Predictions and labels that were there already, passed over.",
    ),
    Metric(
        "join_late", "streamproc_join_late_events", "counter", "", (), "Events from before the label TTL, passed over."
    ),
    Metric(
        "join_expired_predictions",
        "streamproc_join_expired_predictions",
        "counter",
        "",
        (),
        "Predictions whose label did not come within the label TTL.",
    ),
    Metric(
        "join_unmatched_labels",
        "streamproc_join_unmatched_labels",
        "counter",
        "",
        (),
        "Labels whose prediction did not come within the label TTL.",
    ),
    Metric("join_waiting", "streamproc_join_entries", "gauge", "", (), "Predictions and labels that the join holds."),
    Metric("monitor_outcomes", "streamproc_monitor_outcomes", "counter", "", (), "Outcomes that monitors have seen."),
    Metric("monitor_triggers", "streamproc_monitor_triggers", "counter", "", (), "Triggers raised."),
    Metric("monitor_rollbacks", "streamproc_monitor_rollbacks", "counter", "", (), "Deploys that were rolled back."),
    Metric("monitor_models", "streamproc_monitor_models", "gauge", "", (), "Models watched by this process."),
    Metric(
        "monitor_rebuilt_models",
        "streamproc_monitor_rebuilt_models",
        "gauge",
        "",
        (),
        "Models whose state had no usable snapshot when their partition was opened, and was rebuilt from the journal.",
    ),
    Metric(
        "monitor_snapshot_bytes",
        "streamproc_monitor_snapshot_bytes",
        "gauge",
        "",
        (),
        "Bytes of snapshots written by the owners of the present partitions since they were opened.",
    ),
    Metric("retrain_open", "streamproc_retrain_open_triggers", "gauge", "", (), "Triggers that are not answered yet."),
    Metric("retrain_running", "streamproc_retrain_running_jobs", "gauge", "", (), "Retrains that run at the moment."),
    Metric(
        "retrain_held",
        "streamproc_retrain_held_triggers",
        "gauge",
        "",
        (),
        "Triggers that only the retrain budget keeps waiting.",
    ),
    Metric("retrain_finished", "streamproc_retrain_finished_triggers", "counter", "", (), "Triggers answered."),
    Metric(
        "retrain_misplaced_deploys",
        "streamproc_retrain_misplaced_deploys",
        "counter",
        "",
        (),
        "Deploy events in a partition that their key does not lead to: their writer has another partitioner.",
    ),
    Metric(
        "retrain_registry_behind",
        "streamproc_retrain_registry_behind",
        "gauge",
        "",
        (),
        "Models whose alias `champion` in the model registry does not say yet what the deploys topic says.",
    ),
)
"""From `Stage.gauges()`."""

MODELS: tuple[Metric, ...] = (
    Metric(
        "model.state",
        "streamproc_monitor_model_state",
        "gauge",
        "",
        _MODEL,
        "Where the model is in the loop: 0 watching, 1 triggered, 2 retraining, 3 deployed, 4 warming up, "
        "5 rolling back.",
    ),
    Metric(
        "model.probation",
        "streamproc_monitor_model_probation",
        "gauge",
        "",
        _MODEL,
        "1 while the version in service is on probation.",
    ),
    Metric(
        "model.unacknowledged",
        "streamproc_monitor_model_unacknowledged",
        "gauge",
        "",
        _MODEL,
        "1 while no prediction carries the version that was deployed, past `acknowledge_within`: somebody must look.",
    ),
    Metric("model.paused", "streamproc_monitor_model_paused", "gauge", "", _MODEL, "1 while the model is paused."),
    Metric(
        "model.outcomes",
        "streamproc_monitor_model_outcomes",
        "gauge",
        "",
        _MODEL,
        "Outcomes of the version in service since its deploy.",
    ),
)
"""From a stage's `model_gauges()`: one series a model."""

QUANTITY = Metric(
    "",
    "streamproc_monitor_quantity",
    "gauge",
    "",
    ("model_id", "quantity"),
    "Present value of each name that a condition may use (accuracy, drift, ...; 1 for a detector that has fired); "
    "no series while a value is not known. policy_precision.<policy>: its true triggers / those that were judged.",
)
"""All other names of `model_gauges()`. Models and names come from the configuration, so their number is bounded."""

SCRAPE_ERRORS = Metric(
    "scrape_errors",
    "streamproc_telemetry_scrape_errors",
    "counter",
    "",
    _STAGE,
    "Times that a stage's own values could not be read.",
)

METRICS: tuple[Metric, ...] = (*ENGINE, *STAGES, *MODELS, QUANTITY, SCRAPE_ERRORS)


def markdown() -> str:
    """The table, for the documentation."""
    rows = [f"| `{m.exposed}` | {m.kind} | {', '.join(m.labels) or '-'} | {m.help} |" for m in METRICS]
    return "\n".join(["| metric | kind | labels | what it says |", "| --- | --- | --- | --- |", *rows])
