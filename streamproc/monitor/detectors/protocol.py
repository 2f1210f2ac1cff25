"""What a detector is to the rest of the monitor."""

from __future__ import annotations

from typing import Protocol

from streamproc.config.detectors import ONE_WAY, AnyDetector, Custom, worse_upwards
from streamproc.stateful import Restorable

Evidence = dict[str, float | int | None]


class ChangeDetector(Restorable, Protocol):
    """Watches one stream of numbers for a change of its mean in one direction, or in both."""

    @property
    def flag(self) -> bool:
        """Whether there was a detection since the last reset, of a change that still stands."""
        ...

    @property
    def detections(self) -> int:
        """How many detections since the last reset, in the watched direction."""
        ...

    def update(self, x: float) -> bool:
        """Take the next value. True if it completed a detection in the watched direction."""
        ...

    def reset(self) -> None:
        """Forget everything: the same as a new detector."""
        ...

    def spend(self) -> None:
        """A retrain came to nothing: the flag goes down until further values show that the change still stands."""
        ...

    def evidence(self) -> Evidence:
        """What the newest detection rests on, as JSON numbers. All but `n` and `detections` are None before the first.

        - `n`: values taken since the reset,
        - `detections`: as the property,
        - `mean_before`, `mean_after`: means of the values on either side of the estimated change, at the detection,
        - `width`: values after the estimated change, at the detection: those in `mean_after`,
        - `change_age`: values after the estimated change by now. The newest `change_age` ones are the new concept.
        """
        ...


def watched(config: AnyDetector) -> str:
    """`up`, `down` or `both`: what `direction: degradation` means for the signal.

    Errors, losses, delays and missing values get worse upwards; nothing is known of the others, so that any change
    counts. A detector that sees one direction only looks upwards.
    """
    if isinstance(config, Custom):
        return "both"  # its class decides
    if config.direction != "degradation":
        return config.direction
    return "up" if isinstance(config, ONE_WAY) or worse_upwards(config.signal) else "both"
