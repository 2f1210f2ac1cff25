"""Everything that touches Kafka: clients, admin, and the embedded broker. The only importer of confluent_kafka."""
