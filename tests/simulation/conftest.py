"""Which seeds are run. A failing one is run again by its number: `pytest tests/simulation --seed N`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from streamproc.app.garbage import seldom_collected

HERE = Path(__file__).parent
CRITICAL = 50


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `seed` is run once for each."""
    if "seed" in metafunc.fixturenames:
        one = metafunc.config.getoption("--seed")
        metafunc.parametrize("seed", [one] if one is not None else range(metafunc.config.getoption("--seeds")))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `--seed`, nothing else of the simulation is run."""
    if config.getoption("--seed") is not None:
        others = [
            item for item in items if HERE in item.path.parents and "seed" not in getattr(item, "fixturenames", ())
        ]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]


@pytest.fixture(autouse=True, scope="package")
def _seldom_collected() -> Iterator[None]:
    """A life makes few cycles and many objects: a tenth of its time went into looking for the former."""
    with seldom_collected():
        yield


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Thousands of recoveries, each worth a warning elsewhere.

    For each test alone: what is configured for the session would still be quiet in the tests that read the logs.
    """
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(CRITICAL))
    yield
    structlog.configure(**before)
