from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from streamproc.config.retrain import Gate
from streamproc.errors import ConditionError, RetrainError
from streamproc.events.trigger import Trigger
from streamproc.retrain.api import Challenger, TrainingData
from streamproc.retrain.course import Later, retrain
from streamproc.retrain.job import Job, Result
from tests.unit.retrain.support import NOW, make_job, make_trigger, measure_for, outcome, values_of

Function = Callable[[Trigger, TrainingData], Any]


def parity(rows: list[dict[str, Any]]) -> list[int]:
    return [row["features"]["x"] % 2 for row in rows]


def good(trigger: Trigger, data: TrainingData) -> Challenger:
    (data.directory / "model").write_text("x")
    return Challenger(data.directory / "model", parity)


class Bench:
    """Runs a function of the test through the course, in this process."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.calls: list[tuple[Trigger, TrainingData]] = []
        self.runs = 0

    def run(
        self, records: list[dict[str, Any]], function: Function = good, later: Later | None = None, **fields: Any
    ) -> Result:
        job = make_job(self.root / "artifacts", "bench_module_x:train", **fields)
        return self.run_job(job, records, function, later)

    def run_job(
        self, job: Job, records: list[dict[str, Any]], function: Function = good, later: Later | None = None
    ) -> Result:
        def train(trigger: Trigger, data: TrainingData) -> Any:
            self.calls.append((trigger, data))
            return function(trigger, data)

        module = types.ModuleType("bench_module_x")
        module.train = train  # type: ignore[attr-defined]
        sys.modules["bench_module_x"] = module
        self.runs += 1
        directory = (self.root / f"job-{self.runs}" / "artifact").resolve()
        directory.mkdir(parents=True)
        return retrain(job, values_of(records), measure_for(job), directory, later=lambda: later)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    yield Bench(tmp_path)
    sys.modules.pop("bench_module_x", None)


def outcomes(count: int = 100, **fields: Any) -> list[dict[str, Any]]:
    return [outcome(n, **fields) for n in range(count)]


def test_the_function_gets_the_oldest_rows_and_not_the_holdout(bench: Bench) -> None:
    """Training rows are the older 75 of 100; the newest 25 are counted, not shown."""
    assert bench.run(outcomes()).status == "deployed"
    ((trigger, data),) = bench.calls
    assert trigger == make_trigger()
    assert [row["prediction_id"] for row in data.rows] == [f"p{n}" for n in range(75)]
    assert (data.holdout_rows, data.task) == (25, "binary")
    assert data.labels() == [n % 2 for n in range(75)]
    assert data.features()[3] == {"x": 3}


def test_the_newest_outcomes_make_the_window(bench: Bench) -> None:
    """A range that starts early does not widen the window that the configuration asks for."""
    bench.run(outcomes(164), outcomes=100)
    assert bench.calls[0][1].rows[0]["prediction_id"] == "p64"


def test_with_too_few_holdout_rows_nothing_is_trained(bench: Bench) -> None:
    """The gate could not be passed anyway: the retrain waits, with the rows it has and needs."""
    result = bench.run(outcomes(30))
    assert (result.status, bench.calls) == ("waiting", [])
    assert "gate.min_rows asks for 10" in result.reason
    assert result.rows == {"training": 22, "holdout": 8, "compared": 8, "needed": 10}


def test_rows_that_come_after_the_trigger_are_judged_by_and_not_trained_on(bench: Bench) -> None:
    """They lengthen the holdout; training rows and content hash stay those of the trigger."""
    alone = bench.run(outcomes(30))
    few = bench.run(outcomes(30), later=Later(901, values_of(outcomes(31)[30:])))
    assert (few.status, few.rows) == ("waiting", {"training": 22, "holdout": 9, "compared": 9, "needed": 10})
    later = [*outcomes(32)[30:], outcome(40, model_version="v0"), outcome(41, model_id="other")]
    enough = bench.run(outcomes(30), later=Later(905, values_of(later)), gate=Gate(min_rows=10, confidence=None))
    assert (enough.status, enough.holdout_to) == ("deployed", 905)
    assert enough.rows == {"training": 22, "holdout": 11, "compared": 10}
    assert [row["prediction_id"] for row in bench.calls[0][1].rows] == [f"p{n}" for n in range(22)]
    assert enough.data_sha256 == alone.data_sha256


def test_what_came_later_is_not_looked_at_without_need(bench: Bench) -> None:
    """A holdout that is large enough is that of the trigger's own window."""
    result = bench.run(outcomes(), later=Later(2000, values_of(outcomes(200)[100:])))
    assert (result.rows, result.holdout_to) == ({"training": 75, "holdout": 25, "compared": 25}, None)


def test_only_rows_of_the_triggers_champion_are_compared(bench: Bench) -> None:
    """Holdout rows that another version answered do not count for min_rows, nor in the metrics."""
    records = [*outcomes(80), *[outcome(n, model_version="v0") for n in range(80, 97)], *outcomes(100)[97:]]
    result = bench.run(records)
    assert result.status == "waiting"
    assert "version v1" in result.reason
    assert result.rows is not None
    assert result.rows["compared"] == 8
    assert bench.run(records, gate=Gate(min_rows=5)).status == "deployed"


def test_rows_without_a_version_count_since_the_champions_deploy(bench: Bench) -> None:
    """A model server that sends no versions can be compared too."""
    records = outcomes(100, model_version=None)
    unversioned = make_trigger(model_version=None)
    assert bench.run(records, trigger=unversioned).status == "deployed"
    assert bench.run(records, champion_since=NOW + 85).rows == {"training": 75, "holdout": 25, "compared": 15}


def test_without_a_gate_everything_trains_and_is_deployed(bench: Bench) -> None:
    """No holdout, no comparison, and the reason says so."""
    result = bench.run(outcomes(5), gate=None)
    assert result.status == "deployed"
    assert "without a comparison" in result.reason
    assert result.metrics is None
    assert result.rows == {"training": 5, "holdout": 0, "compared": 0}


@pytest.mark.parametrize(
    ("count", "expected", "words"),
    [(0, 0, "no labelled rows yet"), (0, 500, "no longer holds the 500 labelled rows"), (1, 1, "nothing to train on")],
)
def test_nothing_to_train_on_is_an_error(bench: Bench, count: int, expected: int, words: str) -> None:
    """An empty window says whether it was always empty or has been cut by retention."""
    data = make_trigger().data.model_copy(update={"outcomes": expected})
    with pytest.raises(RetrainError, match=words):
        bench.run(outcomes(count), trigger=make_trigger().model_copy(update={"data": data}), gate=Gate(holdout=0.9))


def test_a_wrong_condition_fails_before_anything_is_read(bench: Bench) -> None:
    """A gate that cannot be compiled costs no training."""
    with pytest.raises(ConditionError, match="unknown name"):
        bench.run(outcomes(), gate=Gate(condition="accuracy > 0.5"))
    assert bench.calls == []


def test_a_regression_is_judged_by_its_own_metrics(bench: Bench) -> None:
    """MAE and RMSE of both sides, and a gate in their terms."""

    def train(trigger: Trigger, data: TrainingData) -> Challenger:
        (data.directory / "model").write_text("x")
        return Challenger(data.directory / "model", lambda rows: [row["features"]["x"] + 0.5 for row in rows])

    records = [outcome(n, prediction=n - 1.0, label=float(n)) for n in range(100)]
    gate = Gate(condition="challenger.mae < champion.mae", min_rows=10)
    result = bench.run(records, train, task="regression", gate=gate)
    assert result.status == "deployed", result.reason
    assert result.metrics is not None
    found = {
        side: (of["mae"], of["rmse"], round(of["r2"], 3)) for side, of in result.metrics.items() if side != "paired"
    }
    assert found == {"champion": (1.0, 1.0, 0.981), "challenger": (0.5, 0.5, 0.995)}


def test_the_champions_artifact_is_handed_over_if_it_is_there(bench: Bench) -> None:
    """A function may go on from the model in service; a URL or a missing file gives None."""
    bench.run(outcomes())
    first = next((bench.root / "artifacts" / "m").iterdir())
    uri = f"m/{first.name}/model"
    (bench.root / "evil").write_text("x")
    for given, expected in (
        (uri, first / "model"),
        ("m/gone", None),
        ("s3://bucket/model", None),
        ("../evil", None),
        (None, None),
    ):
        bench.run(outcomes(), champion_artifact=given, version="r-next")
        assert bench.calls[-1][1].champion_artifact == expected


def test_a_log_loss_gate_without_scores_rejects(bench: Bench) -> None:
    """What cannot be known keeps the champion."""
    result = bench.run(outcomes(), gate=Gate(condition="challenger.log_loss < champion.log_loss", min_rows=10))
    assert result.status == "rejected"
    assert "could not be decided" in result.reason


def test_what_is_deployed_says_what_it_was_trained_on(bench: Bench) -> None:
    """The result holds the summary of the training rows, as they were before the function changed them."""

    def spoils(trigger: Trigger, data: TrainingData) -> Challenger:
        made = good(trigger, data)
        for row in data.rows:
            row["features"] = {}
        return made

    reference = bench.run(outcomes(), spoils).reference
    assert reference is not None
    assert (reference.rows, reference.signals["feature.x"].n) == (75, 75)
    assert (reference.signals["feature.x"].low, reference.signals["feature.x"].high) == (0, 74)
    rejected = bench.run(outcomes(), gate={"condition": "rows > 1000", "min_rows": 10})
    assert (rejected.status, rejected.reference) == ("rejected", None)


def test_a_challenger_that_may_be_lucky_is_rejected_with_the_figures(bench: Bench) -> None:
    """One row more of 25: it meets the condition, and proves nothing."""

    def lucky(trigger: Trigger, data: TrainingData) -> Challenger:
        (data.directory / "model").write_text("x")
        return Challenger(data.directory / "model", lambda rows: [0 if n == 1 else 1 for n, _ in enumerate(rows)])

    result = bench.run(outcomes(), lucky)
    assert result.status == "rejected"
    assert "it may be luck (McNemar's test: 1 rows better, 0 worse" in result.reason
    assert result.metrics is not None
    assert result.metrics["paired"] == {"rows": 25, "better": 1, "worse": 0, "p_value": 0.25}
    assert bench.run(outcomes(), lucky, gate=Gate(min_rows=10, confidence=None)).status == "deployed"


def test_a_challenger_that_harms_a_segment_is_rejected(bench: Bench) -> None:
    """Better on the whole, worse where the champion was right: the segment is named."""
    rows = [outcome(n, segments={"parity": str(n % 2)}) for n in range(100)]

    def contrary(trigger: Trigger, data: TrainingData) -> Challenger:
        (data.directory / "model").write_text("x")
        return Challenger(data.directory / "model", lambda rows: [0] * len(rows))

    gate = Gate(min_rows=10, condition="true", confidence=None, max_segment_loss=0.1)
    result = bench.run(rows, contrary, gate=gate, segment_by=("parity",))
    assert result.status == "rejected"
    assert "parity=1: error 0 -> 1 on 13 rows" in result.reason


# -- several windows, reference rows --

SIDE_BY_SIDE = [{"words": "since the change point", "newest": 40}, {"words": "everything", "newest": 1_000_000}]


def by_size(trigger: Trigger, data: TrainingData) -> Challenger:
    """Good where the window is short, else as bad as the champion."""
    (data.directory / "model").write_text(data.window)
    answers = parity if len(data.rows) < 50 else (lambda rows: [1] * len(rows))
    return Challenger(data.directory / "model", answers)


def test_the_best_of_several_windows_meets_the_champion(bench: Bench) -> None:
    """Each is trained on its own rows; the artifact, the figures and the words are those of the chosen one."""
    result = bench.run(outcomes(), by_size, spans=SIDE_BY_SIDE, gate=Gate(min_rows=8))
    assert (result.status, result.window) == ("deployed", "since the change point"), result.reason
    assert [(data.window, len(data.rows)) for _, data in bench.calls] == [
        ("since the change point", 24),
        ("everything", 84),
    ]
    assert result.rows == {"training": 24, "holdout": 16, "compared": 8, "choosing": 8}
    assert result.metrics is not None
    assert result.metrics["since the change point"] == {"training": 24, "error": 0.0}
    assert result.metrics["everything"] == {"training": 84, "error": 0.5}
    assert result.artifact is not None
    assert (bench.root / "artifacts" / result.artifact.uri).read_text() == "since the change point"
    assert "trained on since the change point, the best of" in result.reason
    assert result.reference is not None
    assert result.reference.rows == 24


def test_what_chooses_does_not_judge(bench: Bench) -> None:
    """A challenger that is the best on the rows that choose, and knows nothing of the others, does not pass."""

    def lucky(trigger: Trigger, data: TrainingData) -> Challenger:
        (data.directory / "model").write_text("x")
        seen = data.window == "everything"
        return Challenger(
            data.directory / "model",
            lambda rows: [r["features"]["x"] % 2 if seen and r["features"]["x"] < 92 else 1 for r in rows],
        )

    result = bench.run(outcomes(), lucky, spans=SIDE_BY_SIDE, gate=Gate(min_rows=8))
    assert (result.status, result.window) == ("rejected", "everything")
    assert result.metrics is not None
    assert result.metrics["everything"]["error"] == 0.0
    assert result.metrics["challenger"]["accuracy"] == result.metrics["champion"]["accuracy"] == 0.5


def test_a_window_that_cannot_be_trained_on_is_left_out_and_said(bench: Bench) -> None:
    """The others go on; if nobody is left, the retrain has failed."""

    def fails(trigger: Trigger, data: TrainingData) -> Challenger:
        if data.window != "everything":
            raise ValueError("only one class")
        return good(trigger, data)

    result = bench.run(outcomes(), fails, spans=SIDE_BY_SIDE, gate=Gate(min_rows=8))
    assert (result.status, result.window) == ("deployed", "everything")
    assert "left out: since the change point: bench_module_x:train raised ValueError: only one class" in result.reason

    def never(trigger: Trigger, data: TrainingData) -> Challenger:
        raise ValueError("never")

    with pytest.raises(RetrainError, match="never"):
        bench.run(outcomes(), never, spans=SIDE_BY_SIDE, gate=Gate(min_rows=8))


def test_challengers_do_not_spoil_each_others_rows(bench: Bench) -> None:
    """One that changes its rows in place leaves the next one's, and the holdout, as they were."""

    def spoils(trigger: Trigger, data: TrainingData) -> Challenger:
        assert all(row["features"] for row in data.rows)
        for row in data.rows:
            row["features"].clear()
        return good(trigger, data)

    assert bench.run(outcomes(), spoils, spans=SIDE_BY_SIDE, gate=Gate(min_rows=8)).status == "deployed"


def test_a_journal_that_lost_the_beginning_is_said_with_several_windows_too(bench: Bench) -> None:
    """In the reason, with the numbers."""
    data = make_trigger().data.model_copy(update={"outcomes": 500})
    trigger = make_trigger().model_copy(update={"data": data})
    result = bench.run(outcomes(), spans=SIDE_BY_SIDE, gate=Gate(min_rows=8), trigger=trigger)
    assert "400 of 500 outcomes are gone" in result.reason


def test_reference_rows_are_trained_on_and_nothing_else(bench: Bench) -> None:
    """They come first, are counted apart and named with their checksum; holdout and content hash stay the same."""
    path = bench.root / "reference.jsonl"
    path.write_text('{"features": {"x": 7000}, "label": 1}\n' * 3)
    plain, mixed = bench.run(outcomes()), bench.run(outcomes(), reference=str(path), version="r-2")
    rows = bench.calls[1][1].rows
    assert [row["features"]["x"] for row in rows[:4]] == [7000, 7000, 7000, 0]
    assert mixed.rows == {"training": 75, "holdout": 25, "compared": 25, "reference": 3}
    assert mixed.data_sha256 == plain.data_sha256
    assert mixed.mixed_with is not None
    assert (mixed.mixed_with.uri, mixed.mixed_with.bytes) == (str(path), path.stat().st_size)
    assert mixed.reference is not None
    assert mixed.reference.rows == 78
    with pytest.raises(RetrainError, match="there is no file"):
        bench.run(outcomes(), reference="nowhere.jsonl")
