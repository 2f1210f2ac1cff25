"""Real processes on a real Kafka: killed, frozen, cut off, and what readers see is as if nothing had happened."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.run import Plan, run

FEWEST_EVENTS = 1_000


def test_one_broker_and_what_befalls_workers(tmp_path: Path) -> None:
    """Kills, stalls, stops, more and fewer workers, lost and late frames: no promise is broken."""
    found = run(Plan(seed=1, seconds=40, brokers=1, rate=200), tmp_path / "logs", print)
    assert found.events > FEWEST_EVENTS
    assert found.worker_kills
    assert found.held_frames


def test_three_brokers_that_go_away_too(tmp_path: Path) -> None:
    """The same while leaders are killed, brokers restarted one by one, or all gone."""
    found = run(Plan(seed=1, seconds=50, brokers=3, rate=200), tmp_path / "logs", print)
    assert found.events > FEWEST_EVENTS
    assert found.worker_kills
    assert found.broker_kills + found.broker_restarts
