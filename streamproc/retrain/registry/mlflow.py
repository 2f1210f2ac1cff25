"""MLflow's model registry: each deployed challenger is a model version, `champion` the alias of what is in service.

What is kept of a trigger, all of it in one MLflow run:

    <version>/         what the retrain function wrote
    <version>.json     the result, without which another attempt could not say the same
    a model version    made last; the one with the lowest number is the trigger's result

So an attempt that finds a model version of its trigger says what that one would have said, instead of training again,
and of two attempts at the same time one wins: a trigger never has two versions. A trigger is known by its id and its
time: the ids of an earlier life of the topics may be the same.
"""

from __future__ import annotations

import importlib.util
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from streamproc.errors import MissingExtra, RegistryUnavailable
from streamproc.events.identity import derived_id
from streamproc.retrain.artifact import digest
from streamproc.retrain.job import Job, Result, directory_name

ALIAS = "champion"
KEY = "streamproc.key"
_RESULT = "streamproc.result"
_URI = re.compile(r"models:/(?P<name>[^/]+)/(?P<number>[1-9]\d*)(?:/(?P<path>.+))?")
_NO_TAG = re.compile(r"[^\w ./-]", re.ASCII)
MAX_TAG_VALUE, MAX_NAME = 500, 250
_DEFAULTS = {
    # Of the client: its own are minutes. The worker's retries are the long ones, and they stand in the log.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


class Place(NamedTuple):
    """A model version, and a file in it, as `models:/name/number/path` names them."""

    name: str
    number: str
    path: str

    @classmethod
    def of(cls, uri: str) -> Place | None:
        """None for other URIs, and for paths that lead elsewhere: deploy events come from anybody."""
        match = _URI.fullmatch(uri)
        if match is None or ".." in (match["path"] or "").split("/"):
            return None
        return cls(match["name"], match["number"], match["path"] or "")

    @property
    def uri(self) -> str:
        """As in a deploy event."""
        return f"models:/{self.name}/{self.number}" + (f"/{self.path}" if self.path else "")


@dataclass(frozen=True)
class MlflowRegistry:
    """Implements `Store` and `Pointers`. Credentials are the client's own: MLFLOW_TRACKING_USERNAME and the like."""

    tracking_uri: str
    experiment: str = "streamproc"
    prefix: str = ""
    """Before the model's id in the name of the registered model."""

    def __post_init__(self) -> None:
        """Raises MissingExtra."""
        if importlib.util.find_spec("mlflow") is None:
            raise MissingExtra("registry.mlflow", "mlflow")

    # -- in a job's process --

    def earlier(self, job: Job) -> Result | None:
        with self._talking() as client:
            found = self._versions(client, job)
            return self._result_of(client, found[0]) if found else None

    def keep(self, job: Job, directory: Path, chosen: Path, fields: Mapping[str, Any]) -> Result:
        sha256, size = digest(chosen)
        # A model version is a directory: what MLflow itself has saved there can be loaded by the alias.
        is_directory = chosen.is_dir()
        folder = (chosen if is_directory else chosen.parent).relative_to(directory).as_posix()
        artifact = {"path": "" if is_directory else chosen.name, "sha256": sha256, "bytes": size}
        name, figures = self._name(job.model_id), _figures(fields.get("metrics") or {})
        with self._talking() as client:
            run = self._run(client, job)
            number = run.info.run_id
            client.log_artifacts(number, str(directory), job.version)
            client.log_text(number, _written(artifact, fields), f"{job.version}.json")
            client.log_batch(number, metrics=_points(figures, job.trigger.time))
            self._make_model(client, name)
            made = client.create_model_version(
                name,
                f"{run.info.artifact_uri}/{job.version}" + ("" if folder == "." else f"/{folder}"),
                number,
                tags=_tags(job, fields, sha256, figures),
                description=fields["reason"][:MAX_TAG_VALUE],
                await_creation_for=0,
            )
            client.set_terminated(number)
            first = self._versions(client, job)[0]
            if first.version != made.version:
                client.delete_model_version(name, made.version)
            return self._result_of(client, first)

    def champion(self, job: Job, scratch: Path) -> Path | None:
        place = Place.of(job.champion_artifact or "")
        if place is None or place.name != self._name(job.model_id):
            return None
        return self.fetch(place, scratch)

    def fetch(self, place: Place, scratch: Path) -> Path | None:
        """Fetch what a deploy event names into a directory; None when it is no longer there.

        Raises RegistryUnavailable.
        """
        with self._talking() as client:
            source = _unless_missing(lambda: client.get_model_version_download_uri(place.name, place.number))
            if source is None:
                return None
            scratch.mkdir(parents=True, exist_ok=True)
            uri = f"{source}/{place.path}" if place.path else source
            from mlflow.artifacts import download_artifacts

            found = download_artifacts(uri, dst_path=str(scratch), tracking_uri=self.tracking_uri)
            return Path(found)

    # -- in the worker --

    def point(self, model_id: str, uri: str | None) -> None:
        name, place = self._name(model_id), Place.of(uri or "")
        with self._talking() as client:
            model = _unless_missing(lambda: client.get_registered_model(name))
            current = None if model is None else dict(model.aliases).get(ALIAS)
            if place is not None and place.name == name:
                if current != place.number:
                    client.set_registered_model_alias(name, ALIAS, place.number)
            elif current is not None and KEY in client.get_model_version(name, current).tags:
                client.delete_registered_model_alias(name, ALIAS)  # an alias that a person has set stays

    # -- with the client --

    def _name(self, model_id: str) -> str:
        return self.prefix + directory_name(model_id)

    @contextmanager
    def _talking(self) -> Iterator[Any]:
        """MLflow's client. Raises RegistryUnavailable for whatever goes wrong with the server."""
        for setting, value in _DEFAULTS.items():
            os.environ.setdefault(setting, value)
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        try:
            yield MlflowClient(tracking_uri=self.tracking_uri, registry_uri=self.tracking_uri)
        except (MlflowException, OSError) as error:  # requests' errors are OSErrors
            raise RegistryUnavailable(f"MLflow at {self.tracking_uri} (registry.mlflow): {error}") from error

    def _versions(self, client: Any, job: Job) -> list[Any]:
        """Of this trigger, the lowest number first."""
        where = f"name='{self._name(job.model_id)}' and tags.`{KEY}`='{_key(job)}'"
        return sorted(client.search_model_versions(where), key=lambda found: int(found.version))

    def _result_of(self, client: Any, version: Any) -> Result:
        with tempfile.TemporaryDirectory() as scratch:
            file = client.download_artifacts(version.run_id, version.tags[_RESULT], scratch)
            written = orjson.loads(Path(file).read_bytes())
        artifact = written["artifact"]
        place = Place(version.name, version.version, artifact.pop("path"))
        return Result.model_validate_json(
            orjson.dumps({**written["result"], "artifact": {"uri": place.uri, **artifact}})
        )

    def _run(self, client: Any, job: Job) -> Any:
        """The run of the trigger: attempts share it."""
        experiment = client.get_experiment_by_name(self.experiment)
        if experiment is None:
            _unless_there(lambda: client.create_experiment(self.experiment))
            experiment = client.get_experiment_by_name(self.experiment)
        found = client.search_runs([experiment.experiment_id], f"tags.`{KEY}`='{_key(job)}'")
        if found:
            return found[0]
        tags = {KEY: _key(job), "mlflow.runName": job.version, "streamproc.trigger_id": job.trigger.trigger_id}
        return client.create_run(experiment.experiment_id, tags=tags)

    def _make_model(self, client: Any, name: str) -> None:
        _unless_there(lambda: client.create_registered_model(name, description="Retrained by streamproc"))


def _key(job: Job) -> str:
    return derived_id("key", job.trigger.trigger_id, job.trigger.time)


def _written(artifact: Mapping[str, Any], fields: Mapping[str, Any]) -> str:
    """What another attempt needs to say the same."""
    result = Result.model_construct(**fields).model_dump(mode="json", exclude_none=True)
    return orjson.dumps({"artifact": artifact, "result": result}).decode()


def _figures(metrics: Mapping[str, Mapping[str, float | None]]) -> dict[str, float]:
    """`challenger.accuracy` and so on, by names that MLflow takes."""
    return {
        _NO_TAG.sub("_", f"{side}.{name}")[:MAX_NAME]: float(value)
        for side, known in metrics.items()
        for name, value in known.items()
        if value is not None
    }


def _points(figures: Mapping[str, float], time: int) -> list[Any]:
    from mlflow.entities import Metric

    return [Metric(name, value, time, 0) for name, value in figures.items()]


def _tags(job: Job, fields: Mapping[str, Any], sha256: str, figures: Mapping[str, float]) -> dict[str, str]:
    trigger = job.trigger
    tags = {
        KEY: _key(job),
        _RESULT: f"{job.version}.json",
        "streamproc.trigger_id": trigger.trigger_id,
        "streamproc.pipeline": trigger.pipeline,
        "streamproc.model_id": job.model_id,
        "streamproc.model_version": fields["model_version"],
        "streamproc.previous_version": trigger.model_version,
        "streamproc.policy": trigger.policy,
        "streamproc.reason": trigger.reason,
        "streamproc.sha256": sha256,
        "streamproc.data_sha256": fields["data_sha256"],
        **{name: f"{value:.6g}" for name, value in figures.items()},
    }
    return {name: value[:MAX_TAG_VALUE] for name, value in tags.items() if value}


def _unless_missing(ask: Callable[[], Any]) -> Any:
    """None instead of an error when there is no such thing."""
    return _unless("RESOURCE_DOES_NOT_EXIST", ask)


def _unless_there(make: Callable[[], Any]) -> Any:
    """Make something that another may just have made."""
    return _unless("RESOURCE_ALREADY_EXISTS", make)


def _unless(code: str, call: Callable[[], Any]) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        return call()
    except MlflowException as error:
        if error.error_code != code:
            raise
        return None
