"""The collector: what engines and stages know, as series, at the moment of the scrape."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from streamproc.config.pipeline import Config
from streamproc.engine.progress import Progress
from streamproc.events.dead_letter import REASONS
from streamproc.monitor.stage import MonitorStage
from streamproc.replay.memory import MemoryOutputs, MemoryRecord
from streamproc.telemetry.names import METRICS
from streamproc.telemetry.prometheus import Totals, registry

NOW = 1_767_225_600_000


@dataclasses.dataclass
class FakeEngine:
    """An engine that has done what it is told to have done."""

    progress: Progress = dataclasses.field(default_factory=Progress)


@dataclasses.dataclass
class FakeStage:
    """A stage with these gauges."""

    name: str = "join"
    values: dict[str, float] = dataclasses.field(default_factory=dict)

    def gauges(self) -> Mapping[str, float]:
        """What it was given."""
        return self.values


class ModelStage(FakeStage):
    """A stage that also knows values of single models."""

    def model_gauges(self) -> list[tuple[str, str, float]]:
        """Of two models, one with an odd id."""
        return [
            ("model.state", "churn", 2),
            ("accuracy", "churn", 0.5),
            ("drift.score", 'a"b\\c\u00e4', 1),
            ("model.paused", "churn", False),
        ]


def scrape(*running: tuple[Any, Any]) -> dict[tuple[str, ...], float]:
    """(name, label values by the order of their names...) -> value, of every series on the page."""
    return read(registry(running))


def read(source: Any) -> dict[tuple[str, ...], float]:
    """The series of a registry, parsed from its text."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(generate_latest(source).decode())
        for sample in family.samples
    }


def test_the_progress_of_every_engine_is_there_with_its_stage() -> None:
    """Numbers as they are, times in seconds."""
    progress = Progress(7, 5, 3, 1, 400, 2, {"not_json": 4}, live=True, last_step_ms=NOW, paused=2, restore_seconds=1.5)
    for seconds in (0.001, 0.005, 0.03, 70.0):
        progress.commit_seconds.add(seconds)
    series = scrape((FakeStage(), FakeEngine(progress)), (FakeStage("monitor"), FakeEngine()))
    assert series["streamproc_engine_records_total", "join"] == 7
    assert series["streamproc_engine_outputs_total", "join"] == 5
    assert series["streamproc_engine_commits_total", "join"] == 3
    assert series["streamproc_engine_recoveries_total", "join"] == 1
    assert series["streamproc_engine_restored_records_total", "join"] == 400
    assert series["streamproc_engine_restores_total", "join"] == 2
    assert series["streamproc_engine_restore_seconds", "join"] == 1.5
    assert series["streamproc_engine_commit_seconds_count", "join"] == 4
    assert series["streamproc_engine_commit_seconds_sum", "join"] == 70.036
    below = {
        key: n for (name, *labels), n in series.items() if "_bucket" in name and "join" in labels for key in labels
    }
    assert [below[bound] for bound in ("0.0025", "0.005", "0.025", "0.05", "10.0", "+Inf")] == [1, 2, 2, 3, 3, 4]
    assert series["streamproc_engine_live", "join"] == 1
    assert series["streamproc_engine_paused_partitions", "join"] == 2
    assert series["streamproc_engine_last_step_timestamp_seconds", "join"] == NOW / 1000
    assert series["streamproc_engine_records_total", "monitor"] == 0


def test_dead_letters_have_a_series_for_each_reason_from_the_start() -> None:
    """An alert on an increase needs the zero before it."""
    series = scrape((FakeStage(), FakeEngine(Progress(rejected={"too_deep": 3, "new_reason": 1}))))
    counts = {key[1]: value for key, value in series.items() if key[0] == "streamproc_engine_dead_letters_total"}
    assert counts == {**dict.fromkeys(REASONS, 0), "too_deep": 3, "new_reason": 1}


def test_gauges_of_a_stage_have_the_kind_of_the_table() -> None:
    """Counters end in `_total`; what is in no table is left out."""
    stage = FakeStage(values={"join_outcomes": 10, "join_waiting": 3, "join_secret": 1})
    series = scrape((stage, FakeEngine(Progress(live=True))))
    assert series["streamproc_join_outcomes_total",] == 10
    assert series["streamproc_join_entries",] == 3
    assert not any("secret" in key[0] for key in series)


def test_values_of_models_have_the_model_as_a_label() -> None:
    """Names of the table get a series of their own, all others are quantities; odd ids are escaped."""
    series = scrape((ModelStage("monitor"), FakeEngine()))
    assert series["streamproc_monitor_model_state", "churn"] == 2
    assert series["streamproc_monitor_model_paused", "churn"] == 0
    assert series["streamproc_monitor_quantity", "churn", "accuracy"] == 0.5
    assert series["streamproc_monitor_quantity", 'a"b\\c\u00e4', "drift.score"] == 1


def test_every_series_is_of_a_metric_in_the_table() -> None:
    """Nothing is on the page that the documentation does not know."""
    stage = FakeStage(values={"join_outcomes": 1})
    exposed = {name for metric in METRICS for name in metric.series}
    assert {key[0] for key in scrape((stage, FakeEngine()), (ModelStage(), FakeEngine()))} <= exposed


def test_a_stage_that_cannot_be_read_leaves_the_others_alone() -> None:
    """Its own values are missing, the failure is counted, and the page is served."""

    class Broken(FakeStage):
        def gauges(self) -> Mapping[str, float]:
            raise RuntimeError("dictionary changed size during iteration")

    page = registry([(Broken("monitor"), FakeEngine()), (FakeStage(values={"join_waiting": 3}), FakeEngine())])
    for times in (1, 2):
        series = read(page)
        assert series["streamproc_telemetry_scrape_errors_total", "monitor"] == times
        assert series["streamproc_telemetry_scrape_errors_total", "join"] == 0
        assert series["streamproc_join_entries",] == 3
        assert ("streamproc_engine_records_total", "monitor") in series


def test_stages_that_begin_later_are_seen() -> None:
    """The list may grow while the page is served."""
    running: list[tuple[FakeStage, FakeEngine]] = []
    page = registry(running)
    assert read(page) == {}
    running.append((FakeStage(), FakeEngine()))
    assert ("streamproc_engine_live", "join") in read(page)


class TestTotals:
    """Counters only rise, whatever partitions and restores do to the gauges that they are made of."""

    def shown(self, totals: Totals, value: float, progress: Progress) -> float:
        """What is shown for one counter."""
        return totals.of({"join_outcomes": value}, progress)["join_outcomes"]

    def test_what_is_read_again_is_not_counted(self) -> None:
        """A start with a long journal behind it begins at zero."""
        totals, progress = Totals(), Progress()
        assert self.shown(totals, 0, progress) == 0
        assert self.shown(totals, 700, progress) == 0, "while the state is restored"
        progress.live, progress.restores, progress.restored = True, 1, {"join_outcomes": 1000}
        assert self.shown(totals, 1000, progress) == 0
        assert self.shown(totals, 1010, progress) == 10

    def test_a_restore_neither_lowers_nor_raises(self) -> None:
        """The state is dropped, rebuilt, and goes on: a rate sees what was added, and nothing else."""
        totals, progress = Totals(), Progress(live=True, restores=1)
        assert self.shown(totals, 50, progress) == 50
        progress.live = False
        assert self.shown(totals, 0, progress) == 50
        assert self.shown(totals, 40, progress) == 50
        progress.live, progress.restores, progress.restored = True, 2, {"join_outcomes": 45}
        assert self.shown(totals, 45, progress) == 50
        assert self.shown(totals, 47, progress) == 52

    def test_a_partition_that_leaves_or_comes_does_not_count(self) -> None:
        """Half of the tasks go elsewhere, then come back with all that happened there."""
        totals, progress = Totals(), Progress(live=True, restores=1)
        assert self.shown(totals, 100, progress) == 100
        progress.restores, progress.restored = 2, {"join_outcomes": 50}
        assert self.shown(totals, 60, progress) == 110
        progress.restores, progress.restored = 3, {"join_outcomes": 5000}
        assert self.shown(totals, 5001, progress) == 111

    def test_a_gauge_is_shown_as_it_is(self) -> None:
        """Also while nothing is live."""
        totals = Totals()
        assert totals.of({"join_waiting": 9}, Progress())["join_waiting"] == 9
        assert totals.of({"join_waiting": 2}, Progress())["join_waiting"] == 2


@pytest.fixture
def monitor() -> tuple[MonitorStage, Any]:
    """A monitor stage with a task for one model."""
    policies = [{"name": "worse", "condition": "accuracy < 0.1"}]
    model = {"min_samples": 1, "policies": policies, "drift": {"signals": ["score"], "reference": 50, "window": 50}}
    config = Config.model_validate({"pipeline": "p", "models": {"churn": model}})
    stage = MonitorStage(config, 1)
    return stage, stage.task(0)


def test_the_real_monitor_publishes_values_once_somebody_asks(monitor: tuple[MonitorStage, Any]) -> None:
    """The first scrape finds none, from the next wake-up on they are there, and follow a second behind."""
    stage, task = monitor
    out = MemoryOutputs()
    page = registry([(stage, FakeEngine(Progress(live=True)))])
    task.wake(NOW, out)
    assert task.published == (), "nothing is computed for nobody"
    assert ("streamproc_monitor_model_state", "churn") not in read(page)
    task.wake(NOW, out)
    assert read(page)["streamproc_monitor_model_outcomes", "churn"] == 0
    outcome = b'{"kind":"outcome","prediction_id":"p","model_id":"churn","time":%d,"prediction":1,"label":1,'
    task.process("journal", [MemoryRecord("journal", 0, 0, outcome % NOW + b'"label_time":%d}' % NOW, b"", NOW)], out)
    task.wake(NOW + 999, out)
    assert read(page)["streamproc_monitor_model_outcomes", "churn"] == 0
    task.wake(NOW + 1000, out)
    series = read(page)
    assert series["streamproc_monitor_model_outcomes", "churn"] == 1
    assert series["streamproc_monitor_quantity", "churn", "accuracy"] == 1.0
    assert series["streamproc_monitor_outcomes_total",] == 1
    assert ("streamproc_monitor_quantity", "churn", "drift") not in series, "unknown values have no series"


def test_a_scrape_computes_nothing_in_the_state_of_the_monitor(monitor: tuple[MonitorStage, Any]) -> None:
    """Values are formed by the thread that runs the stage: asking from another one must not touch the state."""
    stage, task = monitor
    stage.model_gauges()
    task.wake(NOW, MemoryOutputs())
    asked: list[str] = []
    getters = task.monitors["churn"].getters
    for name in getters:
        getters[name] = lambda name=name: asked.append(name)
    thread = threading.Thread(target=lambda: read(registry([(stage, FakeEngine())])))
    thread.start()
    thread.join()
    assert asked == []
