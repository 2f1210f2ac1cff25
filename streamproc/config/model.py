"""One model in production: how it is watched, and what is done about it."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Literal

import orjson
from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from streamproc.config.base import Count, Name, Positive, Scalar, Section
from streamproc.config.base import no_truth as _no_truth
from streamproc.config.base import written as _written
from streamproc.config.detectors import LABELLED_SIGNALS, Detector, DriftSignal
from streamproc.config.policies import Budget, Policy
from streamproc.config.retrain import Probation, Retrain
from streamproc.config.units import DAY, HOUR, PositiveDuration
from streamproc.events.summary import Summary

DottedName = Annotated[
    str,
    _written(
        r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$",
        "write letters, digits and _, not beginning with a digit; dots may join several such names",
    ),
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
