"""Where models that have passed go: a local directory, or MLflow's model registry.

A registry has two sides. In a job's process (`Store`) a challenger is kept there before its deploy event is written: a
registry that does not take it is a failed attempt, like any other. In the worker (`Follower`, `Pointers`) the
registry's name for what is in service follows the deploys topic, after the fact and until it is right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from streamproc.retrain.job import Job, Result


class Store(Protocol):
    """What a job's process knows of a registry."""

    def earlier(self, job: Job) -> Result | None:
        """What another attempt at this trigger has kept: that is the result of the trigger. Raises StreamprocError."""
        ...

    def keep(self, job: Job, directory: Path, chosen: Path, fields: Mapping[str, Any]) -> Result:
        """Keep the artifact `chosen`, which lies in `directory` or is it, and give the result that names it.

        `fields` are the result's others. When an attempt that ran at the same time was first, its result is given.
        Raises StreamprocError, OSError.
        """
        ...

    def champion(self, job: Job, scratch: Path) -> Path | None:
        """The artifact of the version in service; None when it is not to be had.

        `scratch` is a directory to make and fetch it into, if it has to be fetched. Raises StreamprocError.
        """
        ...


class Pointers(Protocol):
    """What the worker knows of a registry."""

    def point(self, model_id: str, uri: str | None) -> None:
        """Have the registry's name for what is in service be this artifact's; doing it again changes nothing.

        `uri`: as in the deploy event; what is not of this registry takes the name away. Raises RegistryUnavailable.
        """
        ...


class Follower(Protocol):
    """Has a registry follow the log. Give it what is in service as often as you like; only `close` waits."""

    def follow(self, in_service: Mapping[str, str | None]) -> None:
        """Model id -> URI of the artifact in service, of some models."""
        ...

    def forget(self, model_ids: Iterable[str]) -> None:
        """Models that another worker follows from now on."""
        ...

    @property
    def behind(self) -> int:
        """Models of which the registry does not say yet what the log says."""
        ...

    def close(self, seconds: float) -> None:
        """Stop, after what is being done; wait for that at most so long."""
        ...


class NoRegistry:
    """Of the local directory: what is in service stands in the log alone."""

    behind = 0

    def follow(self, in_service: Mapping[str, str | None]) -> None:
        """Nothing."""

    def forget(self, model_ids: Iterable[str]) -> None:
        """Nothing."""

    def close(self, seconds: float) -> None:
        """Nothing."""
