"""The table of metrics is complete, and every name in it follows the template."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from streamproc.config.model import Model
from streamproc.config.pipeline import Config
from streamproc.engine.progress import Progress
from streamproc.join.stage import JoinStage
from streamproc.monitor.published import published
from streamproc.monitor.stage import MonitorStage, MonitorTask
from streamproc.policy.lifecycle import State
from streamproc.retrain import stage as retrain_stage
from streamproc.telemetry.names import ENGINE, METRICS, MODELS, STAGES, Metric, markdown

CONFIG = Config(pipeline="p", models={"m": Model()})


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_follow_the_template(metric: Metric) -> None:
    """`streamproc_<stage>_<what>_<unit>`, no ending that Prometheus adds itself, a sentence of help."""
    assert re.fullmatch(r"streamproc_(engine|join|monitor|retrain|telemetry)(_[a-z]+)+", metric.name)
    assert not re.search(r"_(total|count|sum|bucket|created|info)$", metric.name)
    assert not metric.unit or metric.name.endswith(f"_{metric.unit}")
    assert metric.help.endswith(".")
    assert "\n" not in metric.help


def test_no_name_is_given_twice() -> None:
    """Two metrics of one name would be one series."""
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    assert len({metric.key for metric in METRICS}) == len(METRICS)


def test_every_field_of_the_progress_has_a_metric() -> None:
    """A number that the engine counts and nobody sees is none; `restored` is what counters begin at."""
    assert {metric.key for metric in ENGINE} == {field.name for field in fields(Progress)} - {"restored"}


def test_every_gauge_of_a_stage_has_a_metric() -> None:
    """And the table has none that no stage gives."""
    given = {*JoinStage(CONFIG, 1).gauges(), *MonitorStage(CONFIG, 1).gauges()}
    source = retrain_stage.__loader__.get_source(retrain_stage.__name__)  # type: ignore[union-attr]
    given |= set(re.findall(r'"(retrain_\w+)":', source))
    assert {metric.key for metric in STAGES} == given


def test_every_value_of_a_model_has_a_metric() -> None:
    """Names with `model.` before them are in the table, so that none of them is taken for a quantity."""
    task = MonitorStage(CONFIG, 1).task(0)
    assert isinstance(task, MonitorTask)
    names = {name for name, _, _ in published(task.monitors.values())}
    assert {name for name in names if name.startswith("model.")} == {metric.key for metric in MODELS}


def test_the_numbers_of_states_are_those_in_the_help() -> None:
    """A dashboard maps them back to words."""
    (state,) = (metric for metric in MODELS if metric.key == "model.state")
    words = ", ".join(f"{number} {state.value.replace('_', ' ')}" for number, state in enumerate(State))
    assert words in state.help


def test_the_table_for_the_documentation_has_a_row_for_each() -> None:
    """Names as they are exposed, nothing that breaks a table."""
    rows = markdown().splitlines()
    assert len(rows) == len(METRICS) + 2
    assert all(row.count("|") == 5 for row in rows)
    assert "| `streamproc_engine_dead_letters_total` | counter | stage, reason |" in markdown()
