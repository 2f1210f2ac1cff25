"""The demo reads the metrics page that `streamproc run` really serves."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest

from streamproc.demo.page import Figures, Page
from streamproc.engine.progress import Progress
from streamproc.telemetry.http import serve


class Stage:
    def __init__(self, name: str, **gauges: float) -> None:
        self.name, self._gauges = name, gauges

    def gauges(self) -> Mapping[str, float]:
        return self._gauges


class Monitor(Stage):
    def model_gauges(self) -> list[tuple[str, str, float]]:
        return [("accuracy", "electricity", 0.75), ("errors_rise", "electricity", 1.0)]


class Engine:
    def __init__(self, *, live: bool) -> None:
        self.progress = Progress(live=live, restores=1, last_step_ms=time.time_ns() // 1_000_000)


def test_figures_and_live_stages_are_read() -> None:
    """What the join and the monitor have counted, the quantities of conditions, and who is live."""
    join, monitor = Stage("join", join_outcomes=70.0), Monitor("monitor", monitor_outcomes=60.0)
    with serve("127.0.0.1:0", [(join, Engine(live=True)), (monitor, Engine(live=False))]) as served:
        page = Page(f"{served.host}:{served.port}", lambda: 80)
        assert page.live() == {"join"}
        with page:
            deadline = time.monotonic() + 10
            while page.figures == Figures() and time.monotonic() < deadline:
                time.sleep(0.01)
        assert page.figures.written == 80
        assert page.figures.quantities == {"accuracy": 0.75, "errors_rise": 1.0}
        assert page.figures.joined == 70


def test_nobody_there_is_nobody_live() -> None:
    """Before the page is served there are no live stages, and reading it says that nobody answers."""
    page = Page("127.0.0.1:1")
    assert page.live() == set()
    with pytest.raises(OSError, match=r"[Cc]onnection"):
        page.read()
