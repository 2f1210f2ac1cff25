"""Recorded or made-up events through the real stages, without Kafka."""
