"""What a streamproc.yaml says, as frozen models. Loading is in `load.py`; linting is in `streamproc.check`."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Any, Literal

import orjson
from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PrivateAttr,
    StringConstraints,
    model_validator,
)

from streamproc.config.base import MOST, Callable, Count, CountOrAll, Name, Number, Positive, Scalar, Section, Share
from streamproc.config.base import no_truth as _no_truth
from streamproc.config.base import written as _written
from streamproc.config.detectors import LABELLED_SIGNALS, Detector, DriftSignal
from streamproc.config.units import Duration, PositiveDuration, format_duration, parse_duration
from streamproc.events.base import Time
from streamproc.events.summary import Summary

MINUTE, HOUR, DAY = (parse_duration(text) for text in ("1m", "1h", "1d"))

Slug = Annotated[
    str, _written(r"^[a-z][a-z0-9_-]{0,63}$", "write a-z, 0-9, - and _, at most 64 of them, beginning with a letter")
]
DottedName = Annotated[
    str,
    _written(
        r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$",
        "write letters, digits and _, not beginning with a digit; dots may join several such names",
    ),
]
TopicName = Annotated[
    str, _written(r"^[A-Za-z0-9._-]{1,200}$", "write a topic's name: letters, digits, dots, - and _, at most 200")
]
ModelId = Annotated[
    str,
    StringConstraints(min_length=1, max_length=256),
    _written(r"^[^\x00-\x1f\x7f]+$", "write an id without control characters"),
]
JsonPath = Annotated[
    str, _written(r"^\$(\.[^.\[\]\s]+)+$", "write a path into the payload, such as `$.request.id`; lists have no paths")
]
Address = Annotated[
    str, _written(r"^([^\s:/]*:[0-9]{1,5}|\[[0-9a-fA-F:.]+\]:[0-9]{1,5})?$", "write host:port, such as 127.0.0.1:9464")
]
WindowSize = Annotated[int, Field(ge=50, le=1_000_000), BeforeValidator(_no_truth)]
NOT_DECIDING = {"function", "command", "predict", "webhook", "gate", "time_limit", "retries", "priority", "reference"}
"""Of `retrain`: what makes no difference to triggers."""
OF_PREDICTIONS = frozenset(
    {"label_coverage", "unmatched_rate", "missing_rate", "unseen_category_rate", "out_of_range_rate"}
)
"""Quantities that are measured of predictions, labelled or not."""
_WORD = re.compile(r"[A-Za-z_]\w*")
_RATE_OF_FEATURE = re.compile(r"(?<![\w.])(?:missing|unseen|out_of_range)\.([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)")
"""`missing.amount`: a rate of one feature, measured of predictions too."""
REGRESSION_GATE = "challenger.mae < champion.mae"


class Drift(Section):
    """A numeric distance of recent values from a reference: the training data's, or the first ones after a deploy."""

    signals: Annotated[tuple[DriftSignal, ...], Field(min_length=1)]
    distance: Annotated[
        Literal["psi", "ks", "js"],
        Field(
            description="psi: population stability index; ks: Kolmogorov-Smirnov's D; js: Jensen-Shannon distance; the "
            "last two lie between 0 and 1"
        ),
    ] = "psi"
    use_training_data: Annotated[
        bool,
        Field(
            description="compare with the training data's summary where the deploy event brings one (`reference`), and "
            "only else with the first values"
        ),
    ] = True
    reference_file: Annotated[
        str | None,
        Field(
            description="a summary, as `streamproc reference` writes it, of the data to compare with while no deploy "
            "event has brought one; the path is from the directory of streamproc.yaml"
        ),
    ] = None
    reference: Annotated[WindowSize, Field(description="first values after a deploy that form the reference")] = 1000
    window: Annotated[WindowSize, Field(description="newest values compared with it")] = 1000
    bins: Annotated[int, Field(ge=2, le=50), BeforeValidator(_no_truth)] = 10
    _summary: Summary | None = PrivateAttr(None)

    @property
    def summary(self) -> Summary | None:
        """What `reference_file` holds; None without one."""
        return self._summary

    def with_summary(self, summary: Summary) -> Drift:
        """The same, with what its file holds."""
        drift = self.model_copy()
        drift._summary = summary  # noqa: SLF001 - its own class
        return drift


class Schedule(Section):
    """A cron schedule: five fields, in a named time zone."""

    cron: str
    time_zone: str = "UTC"


class Budget(Section):
    """At most so many triggers in any period of this length, whatever the policies say."""

    triggers: Positive
    period: PositiveDuration


class Incidents(Section):
    """When so many models would be retrained within so short a time, one cause is likelier than many."""

    models: Annotated[
        int,
        Field(ge=2, le=50, description="distinct models that fire before it is one incident"),
        BeforeValidator(_no_truth),
    ] = 5
    within: Annotated[PositiveDuration, Field(description="the time in which they fire")] = 10 * MINUTE
    lasts: Annotated[PositiveDuration, Field(description="how long no further model is retrained")] = 6 * HOUR


class Exclusion(Section):
    """A time in which a policy does not fire: `duration` from each time of `cron`, or once from `begins` to `ends`."""

    cron: str | None = None
    duration: PositiveDuration | None = None
    time_zone: str = "UTC"
    begins: Time | None = None
    ends: Time | None = None

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Exclusion:
        parts = [self.cron is not None, self.duration is not None, self.begins is not None, self.ends is not None]
        if parts not in ([True, True, False, False], [False, False, True, True]):
            raise ValueError("write `cron` with `duration`, or `begins` with `ends`")
        if self.begins is not None and self.ends is not None and self.begins >= self.ends:
            raise ValueError("`ends` must be later than `begins`")
        return self


class Policy(Section):
    """When a model is worth a retrain: a condition, a schedule, or both (then either one fires)."""

    name: Name
    condition: str | None = None
    schedule: Schedule | None = None
    parameters: dict[Name, Number] = {}
    min_outcomes: Annotated[Count, Field(description="outcomes of the version in service before it may fire")] = 0
    min_label_coverage: Annotated[
        Share | None, Field(description="share of predictions with a label before it may fire; not known is too few")
    ] = None
    cooldown: Annotated[Duration, Field(description="quiet time after a trigger of this policy")] = 0
    max_cooldown: Annotated[
        Duration, Field(description="the cooldown doubles while triggers come to nothing one after another, up to this")
    ] = 7 * DAY
    hold_for: Annotated[Duration, Field(description="how long the condition must hold without a break")] = 0
    hold_outcomes: Annotated[Count, Field(description="for how many outcomes it must hold without a break")] = 0
    clear: Annotated[str | None, Field(description="once fired, it fires again only after this has been true")] = None
    arm: Annotated[str | None, Field(description="the condition counts only after this has been true")] = None
    armed_for: Annotated[PositiveDuration, Field(description="how long `arm` lasts after it was last true")] = 3 * DAY
    veto: Annotated[str | None, Field(description="while this is true, an incident is told instead of a trigger")] = (
        None
    )
    exclude: Annotated[tuple[Exclusion, ...], Field(description="times in which it does not fire")] = ()
    approval: Annotated[
        Literal["none", "required"], Field(description="required: a person must release the trigger")
    ] = "none"
    approval_expires: Annotated[PositiveDuration, Field(description="how long it waits for an answer")] = 7 * DAY
    dry_run: Annotated[bool, Field(description="only tell when it would have fired")] = False
    per_segment: Annotated[bool, Field(description="looked at for each segment instead of the whole model")] = False

    @model_validator(mode="after")
    def _has_a_reason_to_fire(self) -> Policy:
        if self.condition is None and self.schedule is None:
            raise ValueError("a policy needs a condition, a schedule, or both")
        return self

    @property
    def conditions(self) -> dict[str, str]:
        """Everything that is written as a condition, by its setting."""
        written = {"condition": self.condition, "clear": self.clear, "arm": self.arm, "veto": self.veto}
        return {name: text for name, text in written.items() if text is not None}


class Window(Section):
    """Which outcomes a retrain reads: the newest before the trigger, as far back as all of these settings allow."""

    outcomes: Annotated[
        CountOrAll,
        Field(description="at most so many; with last_deploy and with a period, all unless a number is written"),
    ] = 5000
    since: Annotated[
        Literal["change_point", "last_deploy"] | None,
        Field(
            description="none from before the estimated change (if the trigger has no estimate, as without this), or "
            "before the version in service was deployed"
        ),
    ] = None
    period: Annotated[
        PositiveDuration | None, Field(description="none whose label came longer than this before the trigger")
    ] = None

    @model_validator(mode="after")
    def _has_one_beginning(self) -> Window:
        if self.since is not None and self.period is not None:
            raise ValueError("write `since` or `period`, not both")
        if (self.period is not None or self.since == "last_deploy") and "outcomes" not in self.model_fields_set:
            self.__dict__["outcomes"] = "all"  # frozen from here on
        return self

    @property
    def most(self) -> int:
        """Outcomes at most."""
        return MOST if self.outcomes == "all" else self.outcomes

    @property
    def words(self) -> str:
        """What it is called in events."""
        if self.period is not None:
            return f"the last {format_duration(self.period)}"
        if self.since is not None:
            return f"since the {self.since.replace('_', ' ')}"
        return "everything" if self.outcomes == "all" else f"the newest {self.outcomes}"


class Gate(Section):
    """What a challenger must show, on the newest rows, before it may replace the champion."""

    condition: Annotated[str, Field(description="for a regression, the default compares the mean absolute errors")] = (
        "challenger.accuracy > champion.accuracy"
    )
    holdout: Annotated[Share, Field(description="the newest share of the window, kept from training")] = 0.25
    min_rows: Annotated[
        Positive, Field(description="holdout rows that the champion answered; while there are fewer, the retrain waits")
    ] = 50
    wait: Annotated[
        Duration,
        PlainSerializer(format_duration, when_used="json"),  # a job is told its gate as JSON
        Field(description="how long after the trigger it waits for min_rows; then it is rejected; 0: at once"),
    ] = 6 * HOUR
    confidence: Annotated[
        Share | None,
        Field(description="how sure a paired test must be that the challenger is better; null: the condition alone"),
    ] = 0.9
    max_segment_loss: Annotated[
        Share | None,
        Field(
            description="by how much the error of a segment may grow, unless that may be luck (confidence); of a "
            "regression, as a share of it; null: any"
        ),
    ] = None
    segments: Annotated[
        tuple[Name, ...], Field(description="fields that divide the rows for max_segment_loss; empty: segment_by")
    ] = ()


class Probation(Section):
    """A version that was deployed is compared with what the one before it did; clearly worse, it is rolled back."""

    outcomes: Annotated[
        int,
        Field(ge=1, le=100_000, description="outcomes of the new version that are compared, at most"),
        BeforeValidator(_no_truth),
    ] = 1000
    duration: Annotated[PositiveDuration, Field(description="and for how long, at most")] = 7 * DAY
    alpha: Annotated[
        Share, Field(description="the largest chance of rolling back a version that is no worse, over all looks")
    ] = 0.01
    tolerance: Annotated[
        float,
        Field(ge=0, lt=1, description="by how much its error may be larger; of a regression, as a share of it"),
        BeforeValidator(_no_truth),
    ] = 0.0


class Retries(Section):
    """What follows a run that did not come to its end: another one, later and later, and at last a dead letter."""

    attempts: Annotated[Positive, Field(description="runs that may fail; the last one's failure is final")] = 3
    backoff: Annotated[Duration, Field(description="the wait after the first failure; each further one doubles it")] = (
        MINUTE
    )
    max_backoff: Annotated[PositiveDuration, Field(description="the longest wait")] = HOUR
    cut_offs: Annotated[
        Positive,
        Field(description="runs that may die with their worker, killed or out of memory, before no more are started"),
    ] = 5


class Webhook(Section):
    """A retrain that another service does: it gets the trigger, signed by the Standard Webhooks specification."""

    url: Annotated[str, _written(r"^https?://[^\s/]+(/[^\s]*)?$", "write a URL that begins with https:// or http://")]
    secrets: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=1)], ...],
        Field(min_length=1, repr=False, description="keys to sign with (whsec_...), newest first; as ${VARIABLE}"),
    ]
    completion: Annotated[
        Literal["response", "event"],
        Field(description="how the end is told: in the answer (or where a 202 says), or by a deploy event"),
    ] = "response"
    headers: Annotated[dict[str, str], Field(repr=False, description="of every request, such as Authorization")] = {}
    payload: Annotated[dict[str, str], Field(description="fields beside the trigger")] = {}
    trigger_at: Annotated[
        str,
        _written(r"^([^\s.]+(\.[^\s.]+)*)?$", "write names joined by dots, such as client_payload.trigger"),
        Field(description="where in the body the trigger stands; empty: it is the body"),
    ] = ""
    request_timeout: Annotated[PositiveDuration, Field(description="for one request")] = parse_duration("30s")
    attempts: Annotated[Positive, Field(description="requests before this run has failed")] = 5
    poll_interval: Annotated[PositiveDuration, Field(description="between questions after a 202")] = parse_duration(
        "10s"
    )


Arguments = Annotated[tuple[Annotated[str, StringConstraints(min_length=1)], ...], Field(min_length=1)]


def _one_of(*names: str) -> dict[str, Any]:
    """JSON Schema: one of these fields is there."""
    return {"anyOf": [{"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in names]}


class Retrain(Section):
    """Who retrains, on what, how the result is judged, and what follows a failure."""

    model_config = ConfigDict(json_schema_extra=_one_of("function", "command", "webhook"))

    function: Annotated[Callable | None, Field(description="a Python function: module:function")] = None
    command: Annotated[Arguments | None, Field(description="a program and its arguments; no shell")] = None
    predict: Annotated[Arguments | None, Field(description="with `command`: how a gate asks the new model")] = None
    webhook: Webhook | None = None
    window: Window = Window()
    side_by_side: Annotated[
        tuple[Window, ...],
        Field(
            max_length=8,
            description="instead of `window`: one challenger is trained on each of these, and the best one meets the "
            "champion",
        ),
    ] = ()
    reference: Annotated[
        str | None, Field(description="a file of labelled rows (.jsonl or .parquet) that are trained on as well")
    ] = None
    gate: Gate | None = Gate()
    time_limit: PositiveDuration = HOUR
    retries: Retries = Retries()
    priority: Annotated[
        int,
        Field(ge=-1000, le=1000, description="who goes first when several models wait: the highest, then the oldest"),
        BeforeValidator(_no_truth),
    ] = 0

    @model_validator(mode="after")
    def _somebody_retrains(self) -> Retrain:
        if sum(each is not None for each in (self.function, self.command, self.webhook)) != 1:
            raise ValueError("say who retrains: one of function, command and webhook")
        if self.predict is not None and self.command is None:
            raise ValueError("predict belongs to a command; a function gives back a Challenger that predicts")
        if self.command is not None and self.predict is None and self.gate is not None:
            raise ValueError(
                "a gate has to ask the new model: set predict, the command that answers rows, or write `gate: null`"
            )
        return self

    @model_validator(mode="after")
    def _windows_can_be_compared(self) -> Retrain:
        if not self.side_by_side:
            return self
        if "window" in self.model_fields_set:
            raise ValueError("write `window` or `side_by_side`, not both")
        if len({window.words for window in self.side_by_side}) < len(self.side_by_side) or len(self.side_by_side) == 1:
            raise ValueError("side_by_side needs several windows, each another one")
        if self.gate is None or self.webhook is not None:
            raise ValueError("side_by_side needs a gate, whose holdout chooses, and a function or a command")
        return self

    @property
    def windows(self) -> tuple[Window, ...]:
        """What challengers are trained on, one on each."""
        return self.side_by_side or (self.window,)


class MetricWindow(Section):
    """Another window of the windowed metrics: `accuracy.<name>` is over it."""

    outcomes: Annotated[Positive, Field(description="the newest outcomes, at most so many")] = 1000
    period: Annotated[
        PositiveDuration | None, Field(description="and none whose label came longer before the newest")
    ] = None


class Model(Section):
    """One model in production, and how it is watched."""

    task: Literal["binary", "multiclass", "regression"] = "binary"
    positive_label: Scalar = 1
    window: Annotated[Positive, Field(description="outcomes in the windowed metrics")] = 1000
    window_period: Annotated[
        PositiveDuration | None,
        Field(description="only outcomes whose label came so shortly before the newest; at most `window` of them"),
    ] = None
    metric_windows: Annotated[
        dict[Name, MetricWindow], Field(description="further windows: `accuracy.<name>` is the accuracy over one")
    ] = {}
    min_samples: Annotated[Positive, Field(description="outcomes before a windowed metric has a value")] = 100
    volume_period: PositiveDuration = HOUR
    label_horizon: Annotated[
        PositiveDuration, Field(description="the age at which a prediction should have its label, for label_coverage")
    ] = DAY
    detectors: dict[Name, Detector] = {}
    drift: Drift | None = None
    external_metrics: Annotated[
        tuple[DottedName, ...], Field(description="names whose values come from the metrics topic")
    ] = ()
    policies: tuple[Policy, ...] = ()
    budget: Annotated[Budget | None, Field(description="the most triggers in a period, over all policies")] = None
    segment_by: Annotated[
        tuple[Name, ...], Field(description="fields, of `segments` or else of `features`, that divide the traffic")
    ] = ()
    max_segments: Annotated[
        int, Field(ge=1, le=200, description="segments that are watched: the heaviest"), BeforeValidator(_no_truth)
    ] = 20
    warm_up: Annotated[Count, Field(description="outcomes after a deploy before policies are looked at")] = 0
    retrain_timeout: Annotated[PositiveDuration, Field(description="a trigger unanswered for so long is given up")] = (
        DAY
    )
    acknowledge_within: Annotated[
        PositiveDuration | None,
        Field(
            description="an alert, when so long after a deploy nothing has come of the new version; null: only when "
            "another version still answers an hour after it"
        ),
    ] = None
    probation: Annotated[
        Probation | None, Field(description="roll a deploy back that turns out clearly worse; null: leave it to people")
    ] = None
    retrain: Retrain | None = None

    @model_validator(mode="after")
    def _gate_suits_the_task(self) -> Model:
        retrain = self.retrain
        if self.task != "regression" or retrain is None or retrain.gate is None:
            return self
        if "condition" not in retrain.gate.model_fields_set:
            gate = retrain.gate.model_copy(update={"condition": REGRESSION_GATE})
            # The one place that sees both: frozen from here on.
            self.__dict__["retrain"] = retrain.model_copy(update={"gate": gate})
        return self

    @property
    def watches_predictions(self) -> bool:
        """Whether something needs predictions before their labels come, so that the journal must carry them."""
        watched = not OF_PREDICTIONS.isdisjoint(self.words_of_conditions) or self.rated_features
        return bool(self.label_free_signals or watched)

    @property
    def rated_features(self) -> tuple[str, ...]:
        """Features whose own rates conditions name: of `missing.amount` the `amount`."""
        texts = [text for policy in self.policies for text in policy.conditions.values()]
        return tuple(dict.fromkeys(name for text in texts for name in _RATE_OF_FEATURE.findall(text)))

    @property
    def words_of_conditions(self) -> frozenset[str]:
        """Every word in the policies' conditions: more than the names they use, and never less."""
        gated = {"label_coverage"} if any(policy.min_label_coverage is not None for policy in self.policies) else set()
        texts = [text for policy in self.policies for text in policy.conditions.values()]
        return frozenset(gated.union(*map(_WORD.findall, texts)))

    @property
    def label_free_signals(self) -> tuple[str, ...]:
        """The signals that need no label, in order of first use."""
        signals = [detector.signal for detector in self.detectors.values()]
        signals += self.drift.signals if self.drift else ()
        return tuple(dict.fromkeys(s for s in signals if s not in LABELLED_SIGNALS))

    @property
    def config_hash(self) -> str:
        """16 hexadecimal digits that change when what decides about triggers changes."""
        watched = self.model_dump(mode="json", exclude={"retrain": NOT_DECIDING})
        if self.drift is not None and self.drift.summary is not None:
            watched["reference"] = self.drift.summary.model_dump(mode="json")
        return hashlib.sha256(orjson.dumps(watched, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


class Fields(Section):
    """Where a payload holds what streamproc needs: `name: "$.path.in.payload"`; absent names are read as they are."""

    fields: dict[Name, JsonPath] = {}


class Inputs(Section):
    """How the user's own payloads map to streamproc's field names."""

    predictions: Fields = Fields()
    labels: Fields = Fields()
    metrics: Fields = Fields()


class Topics(Section):
    """The topics' names, and how `streamproc topics create` lays them out."""

    predictions: TopicName = "predictions"
    labels: TopicName = "labels"
    metrics: TopicName = "metrics"
    commands: TopicName = "commands"
    predictions_by_id: TopicName = "predictions-by-id"
    labels_by_id: TopicName = "labels-by-id"
    journal: TopicName = "journal"
    triggers: TopicName = "triggers"
    decisions: TopicName = "decisions"
    deploys: TopicName = "deploys"
    dead_letters: TopicName = "dead-letters"
    snapshots: TopicName = "snapshots"
    partitions: Positive = 4
    replication: Positive = 1

    @model_validator(mode="after")
    def _all_different(self) -> Topics:
        seen: dict[str, str] = {}
        for role, name in self:
            if isinstance(name, str) and seen.setdefault(name, role) != role:
                raise ValueError(f"{seen[name]} and {role} have one name: give each topic its own")
        return self


class Join(Section):
    """How predictions and labels find each other."""

    label_ttl: Annotated[PositiveDuration, Field(description="how long a prediction waits for its label")] = 7 * DAY
    co_partitioning: Annotated[
        Literal["check", "trust", "repartition"],
        Field(description="check: refuse topics whose equal ids do not meet; repartition: copy both topics by id"),
    ] = "check"
    max_future: Annotated[Duration, Field(description="an event further ahead of its record is refused")] = DAY
    store: Annotated[
        Literal["rocksdb", "memory"],
        Field(
            description="rocksdb: below state_directory, a restart goes on from there; memory: read again from Kafka"
        ),
    ] = "rocksdb"


class Engine(Section):
    """How much is done in one transaction, and where a metrics page is served."""

    batch: Annotated[
        int,
        Field(ge=1, le=100_000, description="records taken from Kafka at once"),
        BeforeValidator(_no_truth),
    ] = 5000
    commit_interval: Annotated[
        Duration, Field(description="the longest a transaction stays open: under load, or with nothing but offsets")
    ] = 100
    snapshot_interval: Annotated[
        PositiveDuration, Field(description="how often the monitor writes the state of models that have changed")
    ] = parse_duration("10s")
    truncated_journal: Annotated[
        Literal["stop", "rebuild"],
        Field(
            description="when the journal no longer reaches back as far as a monitor's state needs and there is no "
            "snapshot of it: stop, or rebuild the state from what is left"
        ),
    ] = "stop"
    http: Annotated[Address, Field(description="address of /metrics and /healthz; empty for none")] = "127.0.0.1:9464"


class DeadLetters(Section):
    """How much of an input partition may be unusable before it is paused, with an alert."""

    max_run: Annotated[Count, Field(description="so many unusable records in a row pause the partition; 0: never")] = (
        1000
    )
    max_share: Annotated[
        float,
        Field(gt=0, le=1, description="a larger share of the newest `window` records pauses it; 1: never"),
        BeforeValidator(_no_truth),
    ] = 0.5
    window: Annotated[
        int,
        Field(ge=50, le=100_000, description="records of the partition that the share is of; fewer have no share"),
        BeforeValidator(_no_truth),
    ] = 2000


class RetrainBudget(Section):
    """At most so many retrains begin in any period of this length, over all models."""

    retrains: Positive
    period: PositiveDuration


class Mlflow(Section):
    """MLflow's model registry: a deployed model becomes a model version, `champion` the alias of what is in service."""

    tracking_uri: Annotated[
        str,
        _written(
            r"^https?://[^\s/@]+(/[^\s]*)?$",
            "write the server's URL; credentials go into MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
        ),
    ]
    experiment: Annotated[str, StringConstraints(min_length=1), Field(description="that holds the retrains' runs")] = (
        "streamproc"
    )
    prefix: Annotated[
        str,
        _written(r"^[^/:\x00-\x1f\x7f]*$", "write text without / and :"),
        Field(description="before the model's id in the name of the registered model"),
    ] = ""


class Registry(Section):
    """Where models that have passed the gate are kept: the `artifacts` directory, or MLflow instead."""

    mlflow: Mlflow | None = None


class Worker(Section):
    """How the retrain worker treats its jobs."""

    max_jobs: Annotated[Positive, Field(description="retrains that run at once in one process")] = 1
    budget: Annotated[
        RetrainBudget | None,
        Field(description="the most retrains that begin in a period; divided among partitions, the others wait"),
    ] = None

    on_stop: Annotated[
        Literal["give_back", "finish"],
        Field(
            description="running retrains at SIGTERM: ended and given to the next worker, or waited for while the "
            "process takes no new ones"
        ),
    ] = "give_back"


class Config(Section):
    """A whole streamproc.yaml."""

    pipeline: Slug
    kafka: Annotated[
        dict[str, str | int | float | bool],
        Field(repr=False, description="any librdkafka property under its own name; secrets as ${VARIABLE}"),
    ] = {"bootstrap.servers": "localhost:9092"}
    topics: Topics = Topics()
    inputs: Inputs = Inputs()
    join: Join = Join()
    engine: Engine = Engine()
    dead_letters: DeadLetters = DeadLetters()
    worker: Worker = Worker()
    artifacts: Annotated[str, Field(description="directory of the models that retrains produce")] = "artifacts"
    registry: Registry = Registry()
    state_directory: Annotated[
        str, Field(description="directory of what the join holds: a cache of Kafka, on a disk of this machine")
    ] = "state"
    budget: Annotated[
        Budget | None, Field(description="the most triggers in a period, over all models; divided among partitions")
    ] = None
    incidents: Annotated[
        Incidents | None, Field(description="many models at once are one incident; within a partition of the journal")
    ] = None
    models: Annotated[dict[ModelId, Model], Field(min_length=1)]
