"""The default: the `artifacts` directory. What is in service stands in the log alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from streamproc.retrain.artifact import install
from streamproc.retrain.job import Job, Result


class LocalStore:
    """Implements `Store`."""

    def earlier(self, job: Job) -> Result | None:
        """Each attempt has a directory of its own: what one left that did not come to its end is nobody's."""
        return None

    def keep(self, job: Job, directory: Path, chosen: Path, fields: Mapping[str, Any]) -> Result:
        return Result(**fields, artifact=install(job, directory, chosen))

    def champion(self, job: Job, scratch: Path) -> Path | None:
        """Only what lies in the artifacts directory: deploy events come from anybody, and models are often pickles."""
        if job.champion_artifact is None:
            return None
        root = Path(job.artifacts).resolve()
        path = (root / job.champion_artifact).resolve()
        return path if path.is_relative_to(root) and path.exists() else None
