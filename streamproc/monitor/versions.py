"""Which version of a model is in service, and which outcomes count for it."""

from __future__ import annotations

from typing import Any

from streamproc.stateful import COUNT, INTEGER, TEXT, Stateful, fields, mapping, optional

MAX_OTHERS = 100
"""Other versions that are counted by name."""


class VersionInService(Stateful):
    """Only outcomes of the version in service are watched; those of others are counted apart, never mixed in.

    Until the first deploy event the first version that is seen is taken to be in service. Predictions without a
    version count from the moment of the deploy on.
    """

    FIELDS = fields(version=optional(TEXT), since=INTEGER, others=mapping(TEXT, COUNT))

    def __init__(self) -> None:
        self.version: str | None = None
        self.since: int = 0
        self.others: dict[str, int] = {}

    def counts(self, record: dict[str, Any]) -> bool:
        version = record.get("model_version")
        if version == self.version:
            return version is not None or record["time"] >= self.since
        if version is None:
            return bool(record["time"] >= self.since)
        if self.version is None:
            self.version = version
            return True
        if len(self.others) < MAX_OTHERS or version in self.others:
            self.others[version] = self.others.get(version, 0) + 1
        return False

    def deployed(self, version: str, time: int) -> None:
        """A deploy event put `version` in service at `time` (epoch ms)."""
        self.version, self.since = version, time
        self.others = {}
