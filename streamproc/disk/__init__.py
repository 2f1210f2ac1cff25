"""The join's state on this machine's disk, in RocksDB: a cache of what Kafka holds."""
