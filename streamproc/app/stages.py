"""Configuration + the cluster's partitions -> stages. A process loads only the code of the stages that it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from streamproc.config.pipeline import Config
    from streamproc.join.store.disk import Disk
    from streamproc.retrain.registry.follower import PointerFollower
    from streamproc.stage import Stage

    Disks = Callable[[int], Disk]
    """The disk of a partition."""

    class Maker(Protocol):
        """Makes a stage, and those that it needs before it."""

        def __call__(
            self,
            config: Config,
            partitions: Mapping[str, int],
            stack: ExitStack,
            disks: Callable[[], Disks] | None = None,
        ) -> list[Stage]:
            """`disks` gives what keeps state on this machine; without, it is kept in memory alone."""
            ...


def _join(
    config: Config, partitions: Mapping[str, int], stack: ExitStack, disks: Callable[[], Disks] | None = None
) -> list[Stage]:
    from streamproc.join.inputs import source_topics
    from streamproc.join.repartition import RepartitionStage
    from streamproc.join.stage import JoinStage

    kept = disks() if disks is not None and config.join.store == "rocksdb" else None
    stages: list[Stage] = [JoinStage(config, partitions[source_topics(config)[0]], kept)]
    if config.join.co_partitioning == "repartition":
        stages.insert(0, RepartitionStage(config))
    return stages


def _monitor(
    config: Config, partitions: Mapping[str, int], stack: ExitStack, disks: Callable[[], Disks] | None = None
) -> list[Stage]:
    import structlog

    from streamproc.monitor.stage import MonitorStage

    log: Any = structlog.get_logger().bind(stage="monitor")

    def warn(alert: Mapping[str, str]) -> None:
        log.warning(ALERTS.get(alert["verdict"], alert["verdict"]), **alert)

    return [MonitorStage(config, partitions[config.topics.journal], warn)]


def _retrain(
    config: Config, partitions: Mapping[str, int], stack: ExitStack, disks: Callable[[], Disks] | None = None
) -> list[Stage]:
    if not any(model.retrain for model in config.models.values()):
        return []
    from streamproc.retrain.executors.process import ProcessExecutor
    from streamproc.retrain.stage import RetrainStage
    from streamproc.retrain.workspace import Workspace

    workspace = Workspace(config.artifacts)
    stack.callback(workspace.close)
    webhooks = {
        model_id: {"secrets": model.retrain.webhook.secrets, "headers": model.retrain.webhook.headers}
        for model_id, model in config.models.items()
        if model.retrain is not None and model.retrain.webhook is not None
    }
    mlflow = config.registry.mlflow.model_dump() if config.registry.mlflow is not None else None
    executor = ProcessExecutor({"kafka": config.kafka, "webhooks": webhooks, "mlflow": mlflow})
    stage = RetrainStage(config, partitions[config.topics.triggers], executor, workspace, registry=_pointers(mlflow))
    stack.callback(stage.close)
    return [stage]


ALERTS = {
    "worse": "a deployed version is worse than the one before",
    "unacknowledged": "a deployed version was not taken up",
}
"""Verdict -> what the log says."""


def _pointers(mlflow: Mapping[str, Any] | None) -> PointerFollower | None:
    """Raises MissingExtra."""
    if mlflow is None:
        return None
    from streamproc.retrain.registry.follower import PointerFollower
    from streamproc.retrain.registry.mlflow import MlflowRegistry

    return PointerFollower(MlflowRegistry(**mlflow))


STAGES: dict[str, Maker] = {
    "join": _join,
    "monitor": _monitor,
    "retrain": _retrain,
}
"""What `streamproc run STAGE` takes; without a stage, all of them. What they hold is given back with the stack."""
