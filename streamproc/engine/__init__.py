"""Runs any stage over a log with consumer groups and transactions."""
