"""Puts the parts together: the only place that knows stages, engine and Kafka at once."""
