"""Calibration: the budget is kept on streams that the calibration has not seen."""

from __future__ import annotations

import random
from collections import Counter
from itertools import islice, pairwise
from statistics import fmean
from typing import Any, get_args

import orjson
import pytest
from click.testing import CliRunner

from streamproc.app.calibrate import Budget, Simulation, calibrate, with_settings
from streamproc.app.replay import Recording
from streamproc.config.detectors import Adwin, AnyDetector, Custom, PageHinkley
from streamproc.config.load import from_mapping, loads
from streamproc.config.pipeline import Config
from streamproc.errors import UserError
from streamproc.monitor.detectors import build
from streamproc.replay.calibrate import Measured, Quiet, calibrated, delay_of, simulated
from streamproc.replay.knobs import knob, turned
from streamproc.replay.memory import MemoryRecord
from streamproc.replay.resample import Draw, block_length, resampled, shifted
from tests.unit.replay.made import T, silent


def errors(count: int, seed: int, rate: float = 0.1) -> list[float]:
    """Independent 0/1 errors."""
    rng = random.Random(seed)
    return [float(rng.random() < rate) for _ in range(count)]


def bursts(count: int, seed: int) -> list[float]:
    """Errors that come in bursts: what single draws would take for independent."""
    rng, bad, made = random.Random(seed), False, []
    for _ in range(count):
        bad = rng.random() < (0.9 if bad else 0.02)
        made.append(float(rng.random() < (0.4 if bad else 0.05)))
    return made


def alarms(detector: Any, values: list[float]) -> int:
    watch, found = build(detector), 0
    for value in values:
        if watch.update(value):
            found += 1
            watch.reset()
    return found


@pytest.mark.parametrize("make", [errors, bursts])
@pytest.mark.parametrize("detector", [Adwin(), PageHinkley()])
def test_the_budget_is_kept_on_a_fresh_stream(detector: Any, make: Any) -> None:
    """One false alarm in 10,000 values was allowed; in 200,000 others there are no more than that, plus chance."""
    share = 1e-4
    chosen = calibrated(detector, Quiet("error", make(20_000, 1), Draw("1")), share, 200_000, None)
    assert not chosen.extrapolated
    fresh = 200_000
    assert alarms(chosen.detector, make(fresh, 2)) <= share * fresh + 3 * (share * fresh) ** 0.5


def test_an_uncalibrated_detector_does_not_keep_it() -> None:
    """Or the test above would say nothing: Page-Hinkley as it comes, on bursts."""
    assert alarms(PageHinkley(), bursts(200_000, 2)) > 40


def test_a_budget_beyond_simulation_is_extrapolated_and_stricter() -> None:
    """One in ten million, with 50,000 values a setting."""
    quiet = Quiet("error", errors(5_000, 1), Draw("1"))
    near = calibrated(PageHinkley(), quiet, 1e-3, 50_000, None)
    far = calibrated(PageHinkley(), quiet, 1e-7, 50_000, None)
    assert far.extrapolated
    assert far.after > near.after
    assert far.rate <= 1e-7


def test_the_same_seed_gives_the_same_setting_and_delay() -> None:
    """Nothing else is random."""
    first, second = (
        calibrated(PageHinkley(), Quiet("error", errors(2_000, 1), Draw("7")), 1e-3, 20_000, 0.2) for _ in range(2)
    )
    assert first == second


def test_a_larger_shift_is_seen_sooner() -> None:
    """The median of runs, each from a fresh detector with quiet values before."""
    quiet = Quiet("error", errors(5_000, 1), Draw("1"))
    small, large = (delay_of(Adwin(), quiet, shift).median for shift in (0.1, 0.4))
    assert small is not None
    assert large is not None
    assert large < small / 2


def test_a_share_cannot_leave_0_to_1() -> None:
    """An error rate of 10 % cannot fall by 20 points."""
    with pytest.raises(UserError, match=r"leads out of 0 to 1"):
        delay_of(Adwin(), Quiet("error", errors(2_000, 1), Draw("1")), -0.2)


def test_too_few_values_are_refused() -> None:
    """With their number."""
    with pytest.raises(UserError, match="499 values of error in the recording; 500 are needed"):
        calibrated(Adwin(), Quiet("error", errors(499, 1), Draw("1")), 1e-3, 20_000, None)


def test_resampled_streams_keep_what_is_near_together() -> None:
    """Neighbours in a block are neighbours in the recording; another name gives another stream."""
    values = list(range(1000))
    stream = list(islice(resampled(values, Draw("1", 50)), 5000))
    follows = sum(b == (a + 1) % 1000 for a, b in pairwise(stream))
    assert follows >= 4900
    assert set(Counter(stream)) <= set(values)
    assert stream != list(islice(resampled(values, Draw("1", 50).named("x")), 5000))
    assert (block_length(1000), block_length(1_000_000), block_length(5)) == (20, 200, 5)


@pytest.mark.parametrize("shift", [0.2, -0.05])
def test_a_shifted_stream_has_the_shifted_mean(shift: float) -> None:
    """Zeros and ones stay zeros and ones."""
    stream = list(islice(shifted(iter(errors(100_000, 3)), shift, 0.1, "1", binary=True), 100_000))
    assert set(stream) == {0.0, 1.0}
    assert fmean(stream) == pytest.approx(0.1 + shift, abs=0.01)
    assert list(shifted(iter([1.5]), shift, 0.0, "1", binary=False)) == [1.5 + shift]


def test_the_upper_bound_is_that_of_a_poisson_rate() -> None:
    """Of 0, 1 and 10 events: 3.00, 4.74, 16.96 (tables of the chi squared distribution)."""
    for count, bound in ((0, 3.00), (1, 4.74), (10, 16.96)):
        assert Measured(1.0, count, 1).upper == pytest.approx(bound, rel=0.02)


def test_a_simulation_ends_when_the_rate_is_known() -> None:
    """Loose settings cost little."""
    found = simulated(PageHinkley(threshold=1.0), 1.0, resampled(errors(1000, 1), Draw("1")), 1_000_000)
    assert found.values < 100_000


TURNED = {
    "adwin": "delta", "page_hinkley": "threshold", "kswin": "alpha", "ddm": "drift_threshold", "eddm": "beta",
    "fhddm": "confidence_level", "hddm_a": "drift_confidence", "hddm_w": "drift_confidence", "cusum": "threshold",
    "ewma": "threshold",
}  # fmt: skip
KINDS = [kind for kind in get_args(AnyDetector) if kind is not Custom]


def test_a_class_of_the_users_own_has_no_knob() -> None:
    """Nobody knows its settings; it is left as it is, and that is said."""
    with pytest.raises(UserError, match="type custom has no setting that calibrate knows"):
        knob(Custom.model_validate({"class": "a:B", "settings": {"limit": 3}}))


@pytest.mark.parametrize("kind", KINDS)
def test_a_stricter_setting_raises_fewer_alarms(kind: Any) -> None:
    """Of every detector: over bursts, the strictest third of the settings against the loosest that it may have."""
    detector, values = kind(signal="error"), bursts(6_000, 2)
    turn = knob(detector)
    loose, strict = (alarms(turned(detector, turn.field, turn.values[place]), values) for place in (1, -1))
    assert strict < loose


@pytest.mark.parametrize("kind", KINDS)
def test_knobs_go_from_loose_to_strict(kind: Any) -> None:
    """Of every detector: the setting that it is known by; places on the axis rise, and lead back."""
    detector = kind()
    turn = knob(detector)
    assert turn.field == TURNED[detector.type]
    places = [turn.place(value) for value in turn.values]
    assert places == sorted(places)
    assert [turn.value(place) for place in places] == pytest.approx(list(turn.values))
    assert getattr(turned(detector, turn.field, turn.values[-1]), turn.field) == turn.values[-1]


CONFIG = """
pipeline: t
models:
  a:
    detectors:
      errors: {type: page_hinkley, signal: error}
      amount: {type: adwin, signal: feature.amount}
    policies: [{name: p, condition: errors and amount}, {name: q, condition: errors}]
  b:
    detectors: {errors: {type: adwin}}
"""


def journal(config: Config, count: int = 3000) -> list[MemoryRecord]:
    """An outcome a minute of each model."""
    rng = random.Random(4)
    records: list[MemoryRecord] = []
    for n in range(count):
        now = T + n * 60_000
        for model_id in config.models:
            event = {"kind": "outcome", "prediction_id": f"{model_id}{n}", "model_id": model_id, "time": now}
            event |= {"prediction": 1, "label": int(rng.random() > 0.1), "label_time": now}
            event["features"] = {"amount": rng.gauss(100, 15)}
            records.append(MemoryRecord("journal", 0, len(records), orjson.dumps(event), None, now))
    return records


def test_the_budget_is_shared_by_all_detectors_of_all_models_and_segments() -> None:
    """Three detectors and two segments: a sixth each; of a segment's outcomes, half."""
    config = loads(CONFIG)
    recording = Recording(journal=lambda: journal(config))
    found = calibrate(config, recording, Budget(6, 86_400_000, segments=2), Simulation(Draw("1"), 20_000), silent)
    assert {made.share for made in found.values()} == {1.0}
    assert found["a"].per_period == pytest.approx(720)
    assert found["a"].chosen.keys() == {"errors", "amount"}


def test_segments_are_read_from_the_configuration() -> None:
    """Ten segments, and all of the traffic besides: each outcome is looked at twice."""
    config = loads(CONFIG)
    both = [*config.models["a"].policies, config.models["a"].policies[0].model_copy(update={"per_segment": True})]
    divided = {"segment_by": ("country",), "max_segments": 10}
    model = config.models["a"].model_copy(update={**divided, "policies": tuple(both)})
    budget = Budget(1, 1)
    assert budget.streams(config.models["a"]) == (1, 1)
    assert budget.streams(model) == (10, 2)
    assert budget.streams(model.model_copy(update={"policies": tuple(both[-1:])})) == (10, 1)
    assert budget.streams(model.model_copy(update={"segment_by": ()})) == (1, 1)
    assert Budget(1, 1, segments=3).streams(model) == (3, 2)
    changed = config.model_copy(update={"models": {"a": model}})
    recording = Recording(journal=lambda: journal(changed))
    found = calibrate(changed, recording, Budget(40, 86_400_000), Simulation(Draw("1"), 20_000), silent)
    assert found["a"].share == 40 / (2 * 10 * 2)
    assert found["a"].per_period == pytest.approx(144)


def test_the_whole_configuration_is_checked_on_a_quiet_stream() -> None:
    """With its policies; and the new settings are those that are used."""
    config = loads(CONFIG)
    recording = Recording(journal=lambda: journal(config))
    found = calibrate(config, recording, Budget(3, 86_400_000), Simulation(Draw("1"), 40_000), silent)
    check = found["a"].check
    assert check is not None
    allowed = 10_000 / found["a"].per_period * 2  # of the model's two detectors
    assert sum(check.triggers.values()) <= allowed + 3 * allowed**0.5
    chosen = found["a"].chosen["errors"]
    assert with_settings(config, found).models["a"].detectors["errors"] == chosen.detector


def test_the_command_prints_settings_that_can_be_loaded(tmp_path: Any) -> None:
    """And says what was expected of them."""
    from streamproc.cli.calibrate import calibrate as command

    file, recording = tmp_path / "streamproc.yaml", tmp_path / "journal.jsonl"
    file.write_text(CONFIG, encoding="utf-8")
    recording.write_bytes(b"\n".join(record.value_bytes or b"" for record in journal(loads(CONFIG))))
    given = ["-c", str(file), "--journal", str(recording), "--per", "1d", "--shift", "0.3", "--simulate", "20000"]
    told = CliRunner().invoke(command, given, catch_exceptions=False).stdout
    assert "with 95 % confidence" in told
    assert "a shift of 0.3 is seen after" in told
    made = loads("pipeline: t\n" + told.partition("For the configuration:\n\n")[2])
    assert made.models["a"].detectors.keys() == {"errors", "amount"}
    assert made.models["a"].detectors["errors"] != PageHinkley()


def test_without_detectors_there_is_nothing_to_calibrate() -> None:
    """Conditions on metrics alone have no threshold of a detector."""
    config = from_mapping({"pipeline": "t", "models": {"m": {}}})
    with pytest.raises(UserError, match="no model has detectors"):
        calibrate(config, Recording(events=[]), Budget(1, 1), Simulation(Draw("1")), silent)
