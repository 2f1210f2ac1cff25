"""The metrics page of `streamproc run`, read as Prometheus would read it."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import NamedTuple, Self

from prometheus_client.parser import text_string_to_metric_families

EVERY_SECONDS = 0.05
_ANSWER_SECONDS = 2.0
# Never by a proxy: it is on this machine.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Figures(NamedTuple):
    """What the page says."""

    written: int = 0
    """Labels written shortly before it was read."""
    joined: int = 0
    """Predictions that met their labels."""
    watched: int = 0
    """Those that the monitor has taken in."""
    quantities: Mapping[str, float] = {}
    """The names in the model's conditions: their present values, as far as they are known."""


class Page:
    """Read in the background while the context lasts; what came last is in `figures`."""

    def __init__(self, address: str, written: Callable[[], int] = lambda: 0) -> None:
        """`address`: host:port. `written` says how many labels were written up to now."""
        self._url = f"http://{address}"
        self.figures = Figures()
        self._written = written
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="metrics-page", daemon=True)

    def live(self) -> set[str]:
        """The stages that have their partitions and their state; none while nobody answers."""
        try:
            page = json.loads(self._get("/healthz"))
        except OSError:
            return set()
        return {stage["stage"] for stage in page["stages"] if stage["live"]}

    def read(self) -> Figures:
        """What the page says now. Raises OSError."""
        written, joined, watched = self._written(), 0, 0
        quantities = {}
        for family in text_string_to_metric_families(self._get("/metrics").decode()):
            for sample in family.samples:
                if sample.name == "streamproc_join_outcomes_total":
                    joined = int(sample.value)
                elif sample.name == "streamproc_monitor_outcomes_total":
                    watched = int(sample.value)
                elif sample.name == "streamproc_monitor_quantity":
                    quantities[sample.labels["quantity"]] = sample.value
        self.figures = Figures(written, joined, watched, quantities)
        return self.figures

    def _get(self, path: str) -> bytes:
        try:
            with _OPENER.open(self._url + path, timeout=_ANSWER_SECONDS) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:  # /healthz answers 503 as long as it is not well
            with error:
                return error.read()

    def _watch(self) -> None:
        while not self._end.wait(EVERY_SECONDS):
            try:
                self.read()
            except OSError:
                continue  # a picture without a figure is better than no picture

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, _: TracebackType | None) -> None:
        self._end.set()
