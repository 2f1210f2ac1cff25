"""What is read of a record: no more than is looked at, and with it the monitor says and holds the same."""

from __future__ import annotations

from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.config.model import Model
from streamproc.config.pipeline import Config
from streamproc.monitor.metrics import WindowedMetrics
from streamproc.monitor.names import METRICS
from streamproc.monitor.reading import Outcome, ScoredOutcome, reader
from streamproc.monitor.stage import MonitorStage, MonitorTask
from streamproc.replay.memory import MemoryOutputs, MemoryRecord
from tests.unit.monitor.journals import TASKS, T, journal, model

PLAIN = Model()
SCORED = Model.model_validate({"policies": [{"name": "p", "condition": "log_loss > 1"}]})
OUTCOME: dict[str, Any] = {
    "kind": "outcome",
    "prediction_id": "é",
    "model_id": "m",
    "model_version": "v1",
    "time": T,
    "prediction": 1,
    "score": 0.5,
    "scores": {"1": 0.5},
    "lower": 0,
    "upper": 2.5,
    "features": {"x": 1.5, "place": "Zürich", "gone": None, "nested": [{"a": 1}]},
    "weight": 2,
    "label": 0,
    "label_time": T,
    "revises": 1,
}


def read_of(config: Model, value: bytes) -> tuple[str, Any]:
    """What comes of it: what it is read as, or that it is none."""
    try:
        return "read", reader([config])(value)
    except ValueError:
        return "refused", None


def whole_of(value: bytes) -> tuple[str, Any]:
    try:
        return "read", orjson.loads(value)
    except ValueError:
        return "refused", None


def same(config: Model, value: bytes) -> bool:
    """Read as a whole record is, type for type, but for what is passed over."""
    (one, found), (other, whole) = read_of(config, value), whole_of(value)
    if one != other or type(found) is not type(whole):
        return False
    if type(found) is not dict or found.keys() == whole.keys():
        return repr(found) == repr(whole)
    kept = (Outcome if config is PLAIN else ScoredOutcome).__annotations__
    return repr(sorted(found.items())) == repr(sorted((k, v) for k, v in whole.items() if k in kept))


@pytest.mark.parametrize(("config", "passed_over"), [(PLAIN, 6), (SCORED, 2)])
def test_what_nobody_looks_at_is_not_made(config: Model, passed_over: int) -> None:
    """Of an outcome; but for segments, which may be any of its features."""
    value = orjson.dumps(OUTCOME)
    assert len(reader([config])(value)) == len(OUTCOME) - passed_over
    assert same(config, value)
    segmented = Model.model_validate({"segment_by": ["place"]})
    assert reader([config, segmented])(value) == OUTCOME
    assert reader([config])(orjson.dumps({**OUTCOME, "kind": "prediction"})) == {**OUTCOME, "kind": "prediction"}


NUMBERS = b"1e999 NaN Infinity 18446744073709551616 9223372036854775808 -9223372036854775809 -0 01 1.5 1E5"
TEXTS = b'\xff \xed\xa0\x80 \\ud800 \\ud83d\\ude00 \xc3\xa9 "a" " \\ \x00 \xef\xbb\xbf'
OTHERS = b'null true [] {} { } [ , : "kind":"tick", "time":5, ,"label":true ,"kind":"prediction"'
PIECES = [*NUMBERS.split(), *TEXTS.split(b" "), *OTHERS.split(), b"", b" ", b"\n", b"[" * 2000]


@given(
    st.sampled_from([PLAIN, SCORED]),
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 12)), max_size=3),
    st.data(),
)
def test_garbage_is_refused_as_a_whole_record_is(
    config: Model, cuts: list[tuple[int, int]], data: st.DataObject
) -> None:
    """However an outcome is damaged, it is read as the same, or refused."""
    value = orjson.dumps(OUTCOME)
    for start, length in cuts:
        value = value[:start] + data.draw(st.sampled_from(PIECES)) + value[start + length :]
    a_huge_number_may_be_passed_over = b"1e999" in value or b"1E5" in value
    assert same(config, value) or a_huge_number_may_be_passed_over


@pytest.mark.parametrize("config", [PLAIN, SCORED])
@pytest.mark.parametrize("piece", [p for p in PIECES if not p.startswith(b"1e999")])
def test_a_field_that_is_garbage_is_refused_as_a_whole_record_is(config: Model, piece: bytes) -> None:
    """Each field in turn, those that are passed over too."""
    for field in OUTCOME:
        before, after = orjson.dumps({**OUTCOME, field: "#"}).split(b'"#"')
        assert same(config, before + piece + after)
        assert same(config, before + b'"' + piece + b'"' + after)


JSON = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5)


@given(
    st.sampled_from([PLAIN, SCORED]),
    st.dictionaries(st.sampled_from(sorted(OUTCOME)), JSON | st.lists(JSON, max_size=2)),
)
def test_a_value_of_any_type_is_read_as_it_is(config: Model, odd: dict[str, Any]) -> None:
    """A field that is not what it should be gives what a whole record gives."""
    try:
        value = orjson.dumps({"kind": "outcome", **OUTCOME, **odd})
    except TypeError:  # an integer that no JSON of ours holds
        return
    assert same(config, value)


def heard(config: Config, records: list[MemoryRecord], *, whole: bool) -> tuple[Any, ...]:
    """All that a monitor says and holds."""
    task, out = MonitorTask(MonitorStage(config, 1), config, 0, list(config.models)), MemoryOutputs()
    if whole:
        task._read = orjson.loads
    task.process("journal", records, out)
    task.snapshot(0, out)
    rejected = [(record.offset(), str(error)) for record, error in out.rejected]
    return out.sent, rejected, [monitor.state() for monitor in task.monitors.values()]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("segmented", [True, False])
def test_a_monitor_says_and_holds_the_same_with_whole_records(task: str, *, segmented: bool) -> None:
    """Whatever is watched: every detector, metric, drift, probation, revisions, other versions."""
    one = model(task) if segmented else model(task).model_copy(update={"segment_by": ()})
    config = Config(pipeline="t", models={"model": one})
    for seed in range(3):
        events = journal(Random(seed), task, one.config_hash, 1500)
        records = [
            MemoryRecord(
                "journal", 0, n, orjson.dumps({"kind": e["kind"], "model_id": "model", **e}), b"model", e["at"]
            )
            for n, e in enumerate(events)
        ]
        sent, rejected, states = heard(config, records, whole=False)
        assert (sent, rejected, states) == heard(config, records, whole=True)
        assert len(sent) > 20


@pytest.mark.parametrize("name", sorted({m.name for m in METRICS if m.of in ("outcomes", "labels")}))
def test_every_metric_gets_what_it_looks_at(name: str) -> None:
    """Alone in a condition, over a window of its own too: nothing that it needs is passed over."""
    for task in sorted(next(m for m in METRICS if m.name == name).tasks):
        condition = f"{name} == -0.5 or {name}.day == -0.5"
        given_ = {"task": task, "min_samples": 1, "metric_windows": {"day": {"outcomes": 9}}}
        one = Model.model_validate({**given_, "policies": [{"name": "p", "condition": condition}]})
        outcome = {"prediction": 1, "label": 1, "score": 0.75, "scores": {"1": 0.75}, "lower": 0.5, "upper": 2.0}
        times = {"time": T - 5000, "label_time": T}
        value = orjson.dumps({"kind": "outcome", "model_id": "m", **times, **outcome})
        other = orjson.dumps({"kind": "outcome", "model_id": "m", **times, **outcome, "label": 0, "score": 0.5})
        found, wanted = WindowedMetrics(one, {name}), WindowedMetrics(one, {name})
        for each in (value, other):
            found.update(reader([one])(each))
            wanted.update(orjson.loads(each))
        assert found.getters()[name]() == wanted.getters()[name]()
        assert wanted.getters()[name]() is not None


@pytest.mark.parametrize("signal", ["error", "loss", "label_delay"])
@pytest.mark.parametrize("task", TASKS)
def test_every_signal_of_outcomes_gets_what_it_looks_at(signal: str, task: str) -> None:
    """A detector alone, without a condition."""
    one = Model.model_validate({"task": task, "detectors": {"d": {"type": "adwin", "signal": signal}}})
    outcome = {"prediction": 1, "label": 1, "score": 0.75, "scores": {"1": 0.75}, "time": T - 5000, "label_time": T}
    records = [
        MemoryRecord("journal", 0, n, orjson.dumps({"kind": "outcome", "model_id": "model", **outcome}), b"model", T)
        for n in range(3)
    ]
    config = Config(pipeline="t", models={"model": one})
    _, rejected, states = heard(config, records, whole=False)
    assert (rejected, states) == heard(config, records, whole=True)[1:]
