"""Does the model server answer with the version that was deployed?

Often only outcomes are seen, and labels may take days: that nothing has come of a version proves nothing then. What
proves it is a prediction of another version that was made when the new one should have answered long since. So without
`acknowledge_within` only that is an alert, an hour after the deploy at the earliest. Whoever sets it wants to hear of
silence too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamproc.config.model import Model
from streamproc.config.units import HOUR, format_duration
from streamproc.monitor.notes import NOTHING, Note, Notes
from streamproc.policy.memory import TIME
from streamproc.stateful import COUNT, FLAG, INTEGER, Stateful, fields


class Uptake(Stateful):
    """Waits for the first record of a version; told once when none comes in time. Times are the journal's."""

    FIELDS = fields(_waits=FLAG, is_late=FLAG, _since=TIME, _deployed=INTEGER, _others=COUNT)

    def __init__(self, model: Model) -> None:
        self._is_silence_told = model.acknowledge_within is not None
        self._patience = model.acknowledge_within or HOUR
        self.reset()

    def reset(self) -> None:
        """Forget everything: the same as new."""
        self._waits = False
        self.is_late = False
        """It was told that nothing has come."""
        self._since = 0
        self._deployed = 0
        """The time of the deploy event: of the same clock as the predictions' times."""
        self._others = 0
        """Records of other versions whose predictions were made too late for that."""

    def deployed(self, time: int, now: int) -> None:
        """A version is in service, as a deploy event of this time says."""
        self.reset()
        self._waits, self._since, self._deployed = True, now, time

    def seen(self, version: str | None) -> Notes:
        """A record of the version in service has come."""
        if not self._waits:
            return NOTHING
        was_late = self.is_late
        self.reset()
        if not was_late:
            return NOTHING
        return [Note("acknowledged", "acknowledgement", f"version {version} answers now, later than it should")]

    def other(self, record: Mapping[str, Any]) -> None:
        """A record of another version."""
        if self._waits and record["time"] > self._deployed + self._patience:
            self._others += 1

    def overdue(self, version: str | None, now: int) -> Notes:
        """The alert, when it is time for it."""
        if not self._waits or self.is_late or now <= self._since + self._patience:
            return NOTHING
        if not self._others and not self._is_silence_told:
            return NOTHING
        self.is_late = True
        patience = format_duration(self._patience)
        instead = (
            f"{self._others} records of later predictions are of other versions: the server has not taken it up"
            if self._others
            else "nor has another version answered since: either nothing comes here, or the model server has stopped"
        )
        return [Note("unacknowledged", "acknowledgement", f"nothing of version {version} in {patience}; {instead}")]
