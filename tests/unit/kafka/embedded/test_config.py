from __future__ import annotations

import base64
from pathlib import Path

from streamproc.kafka.embedded.config import Node, Seat, cluster_id, meta_properties, new_id, server_properties


def properties(node: Node) -> dict[str, str]:
    return dict(line.split("=", 1) for line in server_properties(node).splitlines())


def test_a_single_node_replicates_nothing() -> None:
    """One node: every topic, internal ones too, has one replica, and one in sync is enough."""
    found = properties(Node(Path("d"), 9092, Seat(1, "c", {1: 9093})))
    assert found["controller.quorum.voters"] == "1@127.0.0.1:9093"
    assert found["listeners"] == "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093"
    assert found["offsets.topic.replication.factor"] == "1"
    assert found["transaction.state.log.min.isr"] == "1"


def test_three_nodes_need_a_majority_in_sync() -> None:
    """Three nodes: three replicas of which two must be in sync, and every node knows every controller."""
    found = properties(Node(Path("d"), 9092, Seat(2, "c", {1: 11, 2: 12, 3: 13})))
    assert found["node.id"] == "2"
    assert found["controller.quorum.voters"] == "1@127.0.0.1:11,2@127.0.0.1:12,3@127.0.0.1:13"
    assert found["default.replication.factor"] == "3"
    assert found["min.insync.replicas"] == "2"
    assert found["listeners"].endswith("CONTROLLER://127.0.0.1:12")


def test_the_users_settings_win() -> None:
    """A setting given by the user replaces ours, and a new one is added."""
    found = properties(Node(Path("d"), 1, Seat(1, "c", {1: 2}), {"log.retention.ms": "7", "x.y": r"a\b"}))
    assert found["log.retention.ms"] == "7"
    assert found["x.y"] == r"a\\b"


def test_the_cluster_id_survives_a_round_trip() -> None:
    """The cluster's id can be read back from `meta.properties`, whoever wrote the file."""
    assert cluster_id(meta_properties(Seat(1, "abc-_", {}))) == "abc-_"
    assert cluster_id("#comment\n#date\ncluster.id=xyz\r\nversion=1\n") == "xyz"
    assert cluster_id("") == ""


def test_ids_are_as_kafka_wants_them() -> None:
    """An id is 16 bytes in 22 characters, and never looks like an option on a command line."""
    for _ in range(500):
        text = new_id()
        assert len(base64.urlsafe_b64decode(text + "==")) == 16
        assert not text.startswith("-")
