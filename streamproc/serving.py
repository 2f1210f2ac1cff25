"""For model servers written in Python: follow the deploys topic, and serve the version that is in service.

    server = ModelServer("fraud", load=joblib.load, artifacts="artifacts", kafka={"bootstrap.servers": "kafka-1:9092"})
    with server:                       # a thread follows the topic from here on
        version, model = server.current
        answer = model.predict(...)    # and send `version` as model_version with the prediction

A request takes `current` once and works with that: version and model change together, in one step, and never in the
midst of a request. A version that cannot be loaded, or whose file is not the one that the event names (SHA-256), is not
served: the one before goes on, and the log says why.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, NamedTuple, Self, TypeVar

import structlog

from streamproc.errors import BadRecord, BrokerUnavailable, RetrainError, TopicError, UserError
from streamproc.events.codec import DEPLOY
from streamproc.events.deploy import IN_SERVICE
from streamproc.kafka.properties import Properties
from streamproc.retrain.artifact import digest

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
    ) -> None:
        """`load` makes a model of an artifact's path; `first` is served until the first deploy event.

        `artifacts`: the directory that artifacts' paths are relative to, as in streamproc.yaml. A URL is given to
        `load` by none of this: such an event is passed over, with an error in the log.
        """
        self.model_id, self._load, self._artifacts = model_id, load, Path(artifacts)
        self._kafka, self._topic = kafka, topic
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
        if version == self._current.version:
            return False
        try:
            model = self._load(self._checked(artifact))
        except Exception as exc:  # noqa: BLE001 - whatever it is, requests go on with the version before
            self._log.error("not served", version=version, serving=self._current.version, reason=str(exc))
            return False
        self._current = Served(version, model)
        return True

    def _checked(self, artifact: Mapping[str, Any] | None) -> Path:
        """Raises RetrainError, OSError."""
        if artifact is None:
            raise RetrainError("the deploy event names no artifact")
        root = self._artifacts.resolve()
        path: Path = (root / artifact["uri"]).resolve()
        if not path.is_relative_to(root):  # deploy events come from anybody, and models are often pickles
            raise RetrainError(f"{artifact['uri']} lies outside of {root}")
        if not path.exists():
            raise RetrainError(f"there is no {path}")
        expected = artifact.get("sha256")
        if expected is not None and digest(path)[0] != expected:
            raise RetrainError(f"{path} is not the file that the deploy event names: its SHA-256 is another one")
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
