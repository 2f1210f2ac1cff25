"""Three embedded brokers are one cluster that survives the loss of one."""

from __future__ import annotations

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from streamproc.kafka.cluster import EmbeddedCluster
from tests.kafka.harness import until


def test_a_replicated_topic_survives_any_one_broker() -> None:
    """With one broker of three killed, a write that a majority must have still goes through, and the broker returns."""
    with EmbeddedCluster() as cluster:
        admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers, "log_level": 0})
        for created in admin.create_topics([NewTopic("replicated", 3)]).values():
            created.result(20)

        def replicas() -> list[int]:
            topic = admin.list_topics("replicated", 10).topics["replicated"]
            return [len(partition.replicas) for partition in topic.partitions.values()]

        # The controller answers before every broker has heard of the topic.
        until(replicas, lambda counts: len(counts) == 3, "the topic's partitions")
        assert replicas() == [3, 3, 3]
        producer = Producer({"bootstrap.servers": cluster.bootstrap_servers, "acks": "all", "log_level": 0})
        cluster.brokers[0].kill()
        for partition in range(3):
            producer.produce("replicated", b"x", partition=partition)
        assert producer.flush(60) == 0
        cluster.brokers[0].restart()
        assert all(broker.alive for broker in cluster.brokers)
