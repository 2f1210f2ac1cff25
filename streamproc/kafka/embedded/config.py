"""What a small Kafka broker is told: server.properties, the identity of its data directory, the JVM's flags."""

from __future__ import annotations

import base64
import re
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HOST: Final = "127.0.0.1"

# Fixed for every embedded broker. A value that says "as many as there are nodes" is added in `server_properties`.
_SETTINGS: Final[Mapping[str, str]] = {
    "process.roles": "broker,controller",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    # A misspelt topic must be an error here too.
    "auto.create.topics.enable": "false",
    # Internal topics are created at first use, one partition after another: few make the first consumer quick.
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # How soon a dead producer's transaction is aborted, after its own timeout (default 10 s): readers wait for it.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    "message.max.bytes": "1048588",
    # Never by age: recorded events carry times of years ago, and would be gone at the first check.
    "log.retention.ms": "-1",
    "log.retention.bytes": "-1",
    # Two cores: the defaults start three times as many threads.
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
    "log.cleaner.dedupe.buffer.size": "16777216",
    # A broker that was killed may come back only when its old session has ended (defaults 2 s and 9 s).
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "3000",
}

_JVM_FLAGS: Final = (
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",
    # The JVM's own log goes to stdout otherwise, a line for each thing in an ahead-of-time cache it cannot use.
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
)


@dataclass(frozen=True)
class Seat:
    """A node's place in a cluster: its id, the cluster's id, and every node's controller port by node id."""

    node_id: int
    cluster_id: str
    controller_ports: Mapping[int, int]


@dataclass(frozen=True)
class Node:
    """One node: where its files are, the port its clients use, its seat, and what differs from the usual settings."""

    directory: Path
    port: int
    seat: Seat
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def log_dir(self) -> Path:
        """Where Kafka keeps partitions."""
        return self.directory / "kafka"

    @property
    def properties_file(self) -> Path:
        """The file that Kafka is started with."""
        return self.directory / "server.properties"


def server_properties(node: Node) -> str:
    """Return the text of `server.properties`; the node's own settings win."""
    seat, voters = node.seat, node.seat.controller_ports
    replicas, in_sync = str(len(voters)), str(len(voters) // 2 + 1)
    settings = {
        **_SETTINGS,
        "node.id": str(seat.node_id),
        "listeners": f"PLAINTEXT://{HOST}:{node.port},CONTROLLER://{HOST}:{voters[seat.node_id]}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{node.port}",
        "controller.quorum.voters": ",".join(f"{number}@{HOST}:{port}" for number, port in voters.items()),
        "log.dirs": str(node.log_dir),
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": replicas,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": in_sync,
        **node.settings,
    }
    # A backslash begins an escape in a properties file.
    return "".join(f"{name}={value.replace(chr(92), chr(92) * 2)}\n" for name, value in settings.items())


def meta_properties(seat: Seat) -> str:
    """Return the text of `meta.properties`, which says whose data a directory holds."""
    return f"version=1\ncluster.id={seat.cluster_id}\nnode.id={seat.node_id}\ndirectory.id={new_id()}\n"


def cluster_id(meta: str) -> str:
    """Return the cluster's id from the text of `meta.properties`; "" when there is none."""
    match = re.search(r"^cluster\.id=(.*)$", meta, re.MULTILINE)
    return match[1].strip() if match else ""


def new_id() -> str:
    """Return a new random id as Kafka writes them: 22 characters of URL-safe base64, the first not a dash."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text


def jvm_flags(heap_mb: int, directory: Path) -> tuple[str, ...]:
    """Return the JVM's flags; a crash report goes to `directory`."""
    return (f"-Xmx{heap_mb}m", f"-XX:ErrorFile={directory / 'jvm-crash-%p.log'}", *_JVM_FLAGS)
