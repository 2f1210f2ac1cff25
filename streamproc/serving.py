"""For model servers written in Python: follow the deploys topic, and serve the version that is in service.

    server = ModelServer("fraud", load=joblib.load, artifacts="artifacts", kafka={"bootstrap.servers": "kafka-1:9092"})
    with server:                       # a thread follows the topic from here on
        version, model = server.current
        answer = model.predict(...)    # and send `version` as model_version with the prediction

A request takes `current` once and works with that: version and model change together, in one step, and never in the
midst of a request. A version that cannot be loaded, or whose file is not the one that the event names (SHA-256), is not
served: the one before goes on, and the log says why. While MLflow's registry cannot be reached, it is asked again.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Self, TypeVar

import structlog

from streamproc.errors import BadRecord, BrokerUnavailable, RegistryUnavailable, RetrainError, TopicError, UserError
from streamproc.events.codec import DEPLOY
from streamproc.events.deploy import IN_SERVICE
from streamproc.kafka.properties import Properties
from streamproc.retrain.artifact import digest

if TYPE_CHECKING:
    from streamproc.retrain.registry.mlflow import MlflowRegistry

Model = TypeVar("Model")
WAIT_SECONDS = 0.2
RETRY_SECONDS = 2.0


class Served(NamedTuple, Generic[Model]):
    """A version and its model: they belong together."""

    version: str | None
    model: Model | None


class ModelServer(Generic[Model]):
    """Keeps the model that is in service; with `kafka`, by following the deploys topic once it is started."""

    def __init__(
        self,
        model_id: str,
        *,
        load: Callable[[Path], Model],
        artifacts: str | Path,
        kafka: Properties | None = None,
        topic: str = "deploys",
        first: tuple[str, Model] | None = None,
        registry: str | None = None,
    ) -> None:
        """`load` makes a model of an artifact's path; `first` is served until the first deploy event.

        `artifacts`: the directory that artifacts' paths are relative to, as in streamproc.yaml. `registry`: the URL of
        the MLflow server that `models:/` URIs are fetched from, into that directory. Other URLs are given to `load` by
        none of this: such an event is passed over, with an error in the log. Raises MissingExtra.
        """
        self.model_id, self._load, self._artifacts = model_id, load, Path(artifacts)
        self._kafka, self._topic = kafka, topic
        self._registry = _registry(registry) if registry is not None else None
        self._fetched: list[Path] = []
        self._again: Mapping[str, Any] | None = None
        """A deploy event that the registry could not be asked about."""
        self._current: Served[Model] = Served(*first) if first is not None else Served(None, None)
        self._log: Any = structlog.get_logger().bind(model=model_id)
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def current(self) -> Served[Model]:
        """What is in service now. Take it once for each request."""
        return self._current

    def deployed(self, event: Mapping[str, Any]) -> bool:
        """Take a deploy event (any status, any model) -> whether another version is served now. Raises nothing."""
        if event["model_id"] != self.model_id or event["status"] not in IN_SERVICE:
            return False
        version, artifact = event["model_version"], event.get("artifact")
        self._again = None
        if version == self._current.version:
            return False
        try:
            with self._found(artifact) as path:
                model = self._load(path)
        except Exception as exc:  # noqa: BLE001 - whatever it is, requests go on with the version before
            self._again = event if isinstance(exc, RegistryUnavailable) else None
            self._log.error("not served", version=version, serving=self._current.version, reason=str(exc))
            return False
        self._current = Served(version, model)
        return True

    @contextmanager
    def _found(self, artifact: Mapping[str, Any] | None) -> Iterator[Path]:
        """The artifact, checked. What was fetched stays until the next but one: requests may still go on with it.

        Raises RetrainError, RegistryUnavailable, OSError.
        """
        if artifact is None:
            raise RetrainError("the deploy event names no artifact")
        if not artifact["uri"].startswith("models:/"):
            yield _checked(self._below_artifacts(artifact["uri"]), artifact)
            return
        scratch = Path(tempfile.mkdtemp(prefix=".fetched-", dir=self._artifacts))
        try:
            yield _checked(self._from_registry(artifact["uri"], scratch), artifact)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise
        self._fetched.append(scratch)
        self._remove_fetched(keep=2)

    def _remove_fetched(self, keep: int) -> None:
        while len(self._fetched) > keep:
            shutil.rmtree(self._fetched.pop(0), ignore_errors=True)

    def _below_artifacts(self, uri: str) -> Path:
        root = self._artifacts.resolve()
        path: Path = (root / uri).resolve()
        if not path.is_relative_to(root):  # deploy events come from anybody, and models are often pickles
            raise RetrainError(f"{uri} lies outside of {root}")
        return path

    def _from_registry(self, uri: str, scratch: Path) -> Path:
        from streamproc.retrain.registry.mlflow import Place

        if self._registry is None:
            raise RetrainError(f"{uri} is in a model registry: give ModelServer its URL, as `registry`")
        place = Place.of(uri)
        path = self._registry.fetch(place, scratch) if place is not None else None
        if path is None:
            raise RetrainError(f"the registry has no {uri}")
        return path

    # -- following --

    def start(self) -> None:
        """Begin to follow; comes back when everything there was has been taken. Raises UserError, BrokerUnavailable."""
        from streamproc.kafka.admin import Admin

        if self._kafka is None:
            raise UserError("ModelServer needs `kafka`, the properties of the cluster, to follow its deploys")
        count = Admin(self._kafka).partitions().get(self._topic)
        if not count:
            raise TopicError(f"a topic is missing: {self._topic}\n  Make the topics with: streamproc topics create")
        self._thread = threading.Thread(target=self._follow, args=(self._kafka, count), name="deploys", daemon=True)
        self._thread.start()
        self._ready.wait()

    def close(self) -> None:
        """Follow no more; what is served stays."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._remove_fetched(keep=0)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _follow(self, kafka: Properties, count: int) -> None:
        from streamproc.kafka.plain import Follower

        try:
            with Follower(kafka, {self._topic: count}) as follower:
                newest: Mapping[str, Any] | None = None
                while not self._stop.is_set():
                    records = self._read(follower)
                    if self._again is not None and not records:
                        self._stop.wait(RETRY_SECONDS)
                        self._take(self._again)
                    for record in records:
                        try:
                            event = DEPLOY(record.value(), record.key(), record.timestamp()[1])
                        except BadRecord:
                            continue  # anybody may write there
                        if self._ready.is_set():
                            self._take(event)
                        elif event["model_id"] == self.model_id and event["status"] in IN_SERVICE:
                            newest = event
                    if not records and not self._ready.is_set():
                        if newest is not None:  # of all that was before, only the newest is worth loading
                            self._take(newest)
                        self._ready.set()
        finally:
            self._ready.set()

    def _take(self, event: Mapping[str, Any]) -> None:
        before = self._current.version
        if self.deployed(event):
            self._log.info("serving", version=self._current.version, before=before)

    def _read(self, follower: Any) -> list[Any]:
        try:
            return list(follower.read(timeout=WAIT_SECONDS if self._ready.is_set() else RETRY_SECONDS))
        except BrokerUnavailable as exc:
            self._log.warning("waiting for Kafka", detail=str(exc))
            self._stop.wait(RETRY_SECONDS)
            return []


def _registry(url: str) -> MlflowRegistry:
    """Raises MissingExtra."""
    from streamproc.retrain.registry.mlflow import MlflowRegistry

    return MlflowRegistry(url)


def _checked(path: Path, artifact: Mapping[str, Any]) -> Path:
    """Raises RetrainError, OSError."""
    if not path.exists():
        raise RetrainError(f"there is no {path}")
    expected = artifact.get("sha256")
    if expected is not None and digest(path)[0] != expected:
        raise RetrainError(f"{path} is not the file that the deploy event names: its SHA-256 is another one")
    return path
