"""Change detectors: river's, control charts and the user's own, with a direction, a latched flag and the evidence.

river is imported by this package and nothing else. A detector says "changed" at one value only, and starts afresh at
the next one. So what follows a detection is the same for all: the new level becomes the normal one and is not reported
again while it lasts. A condition would see it only if it happened to look at that very value; hence `flag`, which stays
up until `reset()`, after a deploy. What a retrain that came to nothing does to it is in `latch.py`.

What a restart means. ADWIN forgets only the values before the change, and looks again after `grace_period` values. All
others forget everything, and are silent until they have seen as many values as they need at first.

When the change was. The estimates tend to lie too early. ADWIN keeps all values that may belong to the new level, some
of the old ones too when the change is large. The extreme that Page-Hinkley, DDM and EDDM go by may stem from noise long
before. KSWIN and FHDDM only say how long their window is.

Granularity. ADWIN and KSWIN look for a change at every `clock`-th value only, so a detection may be up to `clock` - 1
values late. All but KSWIN suppose a signal without extreme outliers: one of a million in an absolute error hides
smaller changes for long.

Detectors take numbers. Text and non-finite numbers are ignored, so that nothing can blind them: `signals.py` lets
none through, and no detector would take any. docs/detectors.md says which is for what.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streamproc.config.base import Section
from streamproc.config.detectors import (
    ALL_FEATURES,
    SURPRISE,
    Adwin,
    AnyDetector,
    Custom,
    Cusum,
    Ddm,
    Eddm,
    Ewma,
    Fhddm,
    HddmA,
    HddmW,
    Kswin,
    PageHinkley,
)
from streamproc.monitor.detectors.adwin import AdwinDetector
from streamproc.monitor.detectors.custom import CustomDetector
from streamproc.monitor.detectors.cusum import CusumDetector
from streamproc.monitor.detectors.ddm import DdmDetector, EddmDetector
from streamproc.monitor.detectors.each import EachFeature
from streamproc.monitor.detectors.ewma import EwmaDetector
from streamproc.monitor.detectors.fhddm import FhddmDetector
from streamproc.monitor.detectors.hddm import HddmADetector, HddmWDetector
from streamproc.monitor.detectors.kswin import KswinDetector
from streamproc.monitor.detectors.page_hinkley import PageHinkleyDetector
from streamproc.monitor.detectors.protocol import ChangeDetector, Evidence, watched
from streamproc.monitor.detectors.surprise import Surprise

__all__ = ["BUILDERS", "ChangeDetector", "EachFeature", "Evidence", "build", "watched"]

BUILDERS: dict[type[Section], Callable[[Any], ChangeDetector]] = {
    Adwin: AdwinDetector,
    PageHinkley: PageHinkleyDetector,
    Kswin: KswinDetector,
    Ddm: DdmDetector,
    Eddm: EddmDetector,
    Fhddm: FhddmDetector,
    HddmA: HddmADetector,
    HddmW: HddmWDetector,
    Cusum: CusumDetector,
    Ewma: EwmaDetector,
    Custom: CustomDetector,
}


def build(config: AnyDetector) -> ChangeDetector:
    """The detector that a configuration asks for. Loads river if it is one of river's. Raises ConfigError."""
    builder = BUILDERS[type(config)]
    if config.signal == ALL_FEATURES:
        return EachFeature(lambda: builder(config))
    detector = builder(config)
    return Surprise(detector) if config.signal.startswith(SURPRISE) else detector
