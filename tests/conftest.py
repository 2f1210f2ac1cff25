"""Options and fixtures for every test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from streamproc.kafka.broker import EmbeddedBroker

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent

# A machine may be slow without anything being wrong.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Of tests/simulation; here, because pytest reads options before it looks there."""
    group = parser.getgroup("simulation")
    group.addoption("--seeds", type=int, default=250, help="how many simulated lives are run (tests/simulation)")
    group.addoption("--seed", type=int, help="run this one alone")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What shares brokers stays on one process of `pytest -n 2 --dist loadgroup`; the rest goes wherever there is room.

    All of the chaos suite is one group, and the first: it lasts longest, and is never beside another of its kind.
    """
    for item in items:
        folder = item.path.relative_to(HERE).parts[0]
        if folder == "chaos":
            item.add_marker(pytest.mark.xdist_group("chaos"))
        elif folder == "kafka":
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    items.sort(key=lambda item: item.path.relative_to(HERE).parts[0] not in {"chaos", "kafka"})


@pytest.fixture(scope="session")
def broker() -> Iterator[EmbeddedBroker]:
    """One broker for the whole run, started at first use. A broker that does not start is a failure, never a skip."""
    with EmbeddedBroker() as running:
        yield running


@pytest.fixture
def bootstrap(broker: EmbeddedBroker) -> str:
    """The address of the run's broker, for `bootstrap.servers`."""
    return broker.bootstrap_servers
