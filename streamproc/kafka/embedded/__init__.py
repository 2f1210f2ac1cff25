"""The parts of the embedded Kafka: find Java, fetch the jars once, write the configuration, watch the process.

Import `EmbeddedBroker` from `streamproc.kafka.broker` and `EmbeddedCluster` from `streamproc.kafka.cluster`.
"""
