"""Detectors in a streamproc.yaml: one section type for each, told apart by `type`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from streamproc.config.base import Callable, Name, Positive, Scalar, Section, Share, no_truth, written

_PATTERN = r"^(error|loss|score|prediction|confidence|label_delay|missing|features|(feature|surprise|missing)\.[^\s]+)$"
Signal = Annotated[
    str,
    written(
        _PATTERN,
        "write error, loss, score, prediction, confidence, label_delay, missing, features, feature.<name>, "
        "surprise.<name> or missing.<name>",
    ),
]
DriftSignal = Annotated[
    str,
    written(
        r"^(error|loss|score|prediction|confidence|label_delay|feature\.[^\s]+)$",
        "write error, loss, score, prediction, confidence, label_delay or feature.<name>",
    ),
]
LABELLED_SIGNALS = frozenset({"error", "loss", "label_delay"})
"""Those that are known once the label is there."""
ALL_FEATURES = "features"
SURPRISE, MISSING = "surprise.", "missing"

Direction = Annotated[
    Literal["degradation", "up", "down", "both"],
    Field(description="degradation: up for error, loss, label_delay and missing, any change of the others"),
]
OneWay = Annotated[
    Literal["degradation", "up", "down"],
    Field(description="more ones (up) or fewer (down); it sees one direction only; degradation: up"),
]
Above = Annotated[float, Field(gt=0), BeforeValidator(no_truth)]
ClockDescription = "look for a change every so many values"


def worse_upwards(signal: str) -> bool:
    """Whether a rise of this signal, and nothing else, is a degradation."""
    return signal in LABELLED_SIGNALS or signal.split(".", maxsplit=1)[0] == MISSING


class Adwin(Section):
    """ADWIN: a change of the mean, with an adaptive window (Bifet and Gavaldà 2007)."""

    type: Literal["adwin"] = "adwin"
    signal: Signal = "error"
    direction: Direction = "degradation"
    delta: Share = 0.002
    clock: Annotated[Positive, Field(description=ClockDescription)] = 32
    grace_period: Positive = 10


class PageHinkley(Section):
    """Page-Hinkley: a cumulative sum of deviations from the running mean (Page 1954).

    The defaults are for signals in [0, 1], such as 0/1 errors.
    """

    type: Literal["page_hinkley"] = "page_hinkley"
    signal: Signal = "error"
    direction: Direction = "degradation"
    min_instances: Positive = 100
    delta: Annotated[float, Field(ge=0), BeforeValidator(no_truth)] = 0.005
    threshold: Above = 20.0
    alpha: Annotated[float, Field(gt=0, le=1), BeforeValidator(no_truth)] = 0.9999


class Kswin(Section):
    """KSWIN: a change of the distribution, by Kolmogorov-Smirnov tests of the newest values (Raab et al. 2020)."""

    type: Literal["kswin"] = "kswin"
    signal: Signal = "score"
    direction: Annotated[
        Literal["degradation", "up", "down", "both"],
        Field(description="up, down: only changes in which the mean went that way"),
    ] = "degradation"
    alpha: Annotated[Share, Field(description="a test's p-value at or below which it is a change")] = 0.0001
    window_size: Annotated[int, Field(ge=4, le=10_000), BeforeValidator(no_truth)] = 600
    stat_size: Annotated[
        int,
        Field(ge=2, le=1000, description="newest values, compared with as many drawn from those before them"),
        BeforeValidator(no_truth),
    ] = 200
    seed: Annotated[int, Field(ge=0, lt=2**63, description="of the draws"), BeforeValidator(no_truth)] = 1
    clock: Annotated[Positive, Field(description=ClockDescription)] = 20

    @model_validator(mode="after")
    def _windows_fit(self) -> Kswin:
        if self.window_size < 2 * self.stat_size:
            raise ValueError(
                f"stat_size values are drawn from the window_size - stat_size before them: give window_size "
                f"{2 * self.stat_size} or more, or lower stat_size"
            )
        return self


class Ddm(Section):
    """DDM: an error rate that left its lowest level by so many standard deviations (Gama et al. 2004)."""

    type: Literal["ddm"] = "ddm"
    signal: Signal = "error"
    direction: OneWay = "degradation"
    warm_start: Annotated[Positive, Field(description="values before the first detection")] = 30
    drift_threshold: Annotated[Above, Field(description="standard deviations above the lowest level")] = 3.0


class Eddm(Section):
    """EDDM: errors that come in quicker succession than they did (Baena-García et al. 2006)."""

    type: Literal["eddm"] = "eddm"
    signal: Signal = "error"
    direction: OneWay = "degradation"
    warm_start: Annotated[Positive, Field(description="errors before the first detection")] = 30
    beta: Annotated[Share, Field(description="distance of errors, as a share of its largest, below which it fires")] = (
        0.9
    )


class Fhddm(Section):
    """FHDDM: a sliding window with more errors than its best, by Hoeffding's bound (Pesaranghader and Viktor 2016)."""

    type: Literal["fhddm"] = "fhddm"
    signal: Signal = "error"
    direction: OneWay = "degradation"
    sliding_window_size: Annotated[int, Field(ge=2, le=100_000), BeforeValidator(no_truth)] = 100
    confidence_level: Annotated[Share, Field(description="smaller: surer, and later")] = 0.000001


class HddmA(Section):
    """HDDM_A: means of 0/1 values before and after, by Hoeffding's bound (Frías-Blanco et al. 2015)."""

    type: Literal["hddm_a"] = "hddm_a"
    signal: Signal = "error"
    direction: Direction = "degradation"
    drift_confidence: Annotated[Share, Field(description="smaller: surer, and later")] = 0.001


class HddmW(Section):
    """HDDM_W: the same with exponential weights, by McDiarmid's bound (Frías-Blanco et al. 2015)."""

    type: Literal["hddm_w"] = "hddm_w"
    signal: Signal = "error"
    direction: Direction = "degradation"
    drift_confidence: Annotated[Share, Field(description="smaller: surer, and later")] = 0.001
    lambda_val: Annotated[Share, Field(description="weight of the newest value")] = 0.05


class Cusum(Section):
    """CUSUM chart: sums of deviations from a reference, in its standard deviations (Page 1954)."""

    type: Literal["cusum"] = "cusum"
    signal: Signal = "error"
    direction: Direction = "degradation"
    reference: Annotated[
        int,
        Field(ge=2, le=1_000_000, description="first values, of which mean and deviation are taken"),
        BeforeValidator(no_truth),
    ] = 1000
    slack: Annotated[
        float,
        Field(ge=0, description="standard deviations that do not count: half of the shift that matters"),
        BeforeValidator(no_truth),
    ] = 0.125
    threshold: Annotated[Above, Field(description="standard deviations")] = 50.0


class Ewma(Section):
    """EWMA chart: a moving average that left the mean of all values by so many of its deviations (Roberts 1959)."""

    type: Literal["ewma"] = "ewma"
    signal: Signal = "error"
    direction: Direction = "degradation"
    min_instances: Annotated[
        int, Field(ge=2, le=1_000_000, description="values before the first detection"), BeforeValidator(no_truth)
    ] = 1000
    weight: Annotated[Share, Field(description="weight of the newest value")] = 0.005
    threshold: Annotated[Above, Field(description="standard deviations of the average")] = 4.0


class Custom(Section):
    """A class of your own: see docs/detectors.md."""

    type: Literal["custom"] = "custom"
    signal: Signal = "error"
    class_: Annotated[Callable, Field(alias="class", description="module:Class, importable where streamproc runs")]
    settings: Annotated[dict[Name, Scalar], Field(description="what the class is called with")] = {}


BINARY: tuple[type[Section], ...] = (Ddm, Eddm, Fhddm, HddmA, HddmW)
"""They take 0 and 1, nothing else."""
ONE_WAY: tuple[type[Section], ...] = (Ddm, Eddm, Fhddm)

AnyDetector = Adwin | PageHinkley | Kswin | Ddm | Eddm | Fhddm | HddmA | HddmW | Cusum | Ewma | Custom
Detector = Annotated[AnyDetector, Field(discriminator="type")]
