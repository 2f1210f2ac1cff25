"""Watching a model: journal records in; signals, detectors and metrics out. Pure: no clock, no I/O, no randomness."""
