"""A whole streamproc.yaml, as frozen models. Loading is in `load.py`; linting is in `streamproc.check`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from streamproc.config.base import Count, Name, Positive, Section
from streamproc.config.base import no_truth as _no_truth
from streamproc.config.base import written as _written
from streamproc.config.model import Model
from streamproc.config.policies import Budget, Incidents
from streamproc.config.units import DAY, Duration, PositiveDuration, parse_duration

Slug = Annotated[
    str, _written(r"^[a-z][a-z0-9_-]{0,63}$", "write a-z, 0-9, - and _, at most 64 of them, beginning with a letter")
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
    commit_interval: Annotated[Duration, Field(description="the longest a transaction stays open under load")] = 100
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
