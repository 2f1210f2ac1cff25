"""States with a right checksum that nobody ever had: refused or harmless, never the end of the process."""

from __future__ import annotations

import functools
import math
import zlib
from array import array
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import ormsgpack
import pytest

from streamproc.config.detectors import Adwin
from streamproc.config.model import Model
from streamproc.errors import BadState
from streamproc.monitor import envelope, snapshot
from streamproc.monitor.detectors import build
from streamproc.monitor.envelope import digest, model_key, seal, unseal
from streamproc.monitor.model import ModelMonitor
from streamproc.monitor.snapshot import Refusal
from tests.unit.monitor.journals import SHARED, TASKS, T, journal, play
from tests.unit.monitor.records import MARK, Records, dump, lived, load, new

each_task = pytest.mark.parametrize("task", TASKS)


def forged(state: Any, monitor: ModelMonitor) -> Records:
    """A state in a right envelope."""
    return forged_bytes(ormsgpack.packb(state), monitor)


def forged_bytes(payload: bytes, monitor: ModelMonitor, *, deflated: bool = False, parts: int = 1) -> Records:
    key, about = model_key(monitor.model_id, 0), unseal(*dump(monitor)[0])
    assert not isinstance(about, Refusal)
    told = about[0]._replace(whole=digest(payload), is_deflated=deflated, parts=parts)
    return [(key, seal(key, told, payload))]


NASTY: list[Any] = [
    None, True, -1, 0, 1, 7, 2**53 + 1, 2**63, -(2**63), 0.0, -1.0, 1e200, 1e308, -1e308, math.nan, math.inf, -math.inf,
    "", "watching", "x" * 1000, b"", b"\x00", b"\xff" * 60,
    array("d", [math.nan] * 9).tobytes(), [], [[]], [0] * 120, {},
]  # fmt: skip


def variants(state: Any) -> Iterator[Any]:
    """The state with one thing at a time replaced, left out or doubled, at every depth."""
    if isinstance(state, list):
        places = range(len(state)) if len(state) < 20 else (0, 7, len(state) - 1)  # of many alike, some
        for place, item in ((place, state[place]) for place in places):
            for variant in (*variants(item), *NASTY):
                yield [*state[:place], variant, *state[place + 1 :]]
            yield state[:place] + state[place + 1 :]
            yield [*state[:place], item, *state[place:]]
    elif isinstance(state, bytes) and state:
        yield from (state[:-1], state + state[:1], bytes(len(state)), b"\xff" * len(state), state * 2)


def numbers(state: Any) -> Iterator[float]:
    if isinstance(state, float):
        yield state
    elif isinstance(state, list):
        for item in state:
            yield from numbers(item)


OWN = {
    "binary": "accuracy < 0 or f1 < 0 or log_loss > 9 or roc_auc < 0 or ece < 0",
    "multiclass": "accuracy < 0 or f1 < 0 or log_loss > 9 or ece < 0 or roc_auc < 0",
    "regression": "mae > 9 or rmse > 9 or r2 < -9 or interval_coverage < 0",
}


def small(task: str) -> ModelMonitor:
    """A monitor with one of each part, so that all its variants can be tried."""
    settings = {
        "task": task,
        "window": 50,
        "min_samples": 10,
        "detectors": {"a": {"type": "adwin"}, "p": {"type": "page_hinkley", "direction": "both"}},
        "drift": {"signals": ["feature.x", "feature.place"], "reference": 50, "window": 50},
        "external_metrics": ["quality"],
        "policies": [
            {
                "name": "all",
                "cooldown": "1h",
                "condition": f"a or p or drift > 1 or quality < 0 or data_volume_increase > 3 or "
                f"{OWN[task]} or label_delay_p95 < 0 or label_coverage < 0 or missing_rate < 0 or missing.x < 0",
            },
            {
                "name": "careful",
                "condition": "quality < 0.5",
                "hold_for": "1s",
                "clear": "quality > 0.6",
                "arm": "quality < 0.9",
                "veto": "quality < 0.2",
                "approval": "required",
            },
            {"name": "apart", "condition": "outcomes > 30", "per_segment": True, "dry_run": True},
        ],
        "budget": {"triggers": 2, "period": "1h"},
        "segment_by": ["place"],
        "max_segments": 1,
        "retrain": {"function": "any:thing", "window": {"outcomes": 100}},
    }
    return ModelMonitor("model", Model.model_validate(settings), SHARED)


@each_task
def test_a_forged_state_is_refused_or_harmless(task: str) -> None:
    """Whatever one value is replaced by: refused, and the monitor as new; or it goes on, and nothing turns NaN."""
    monitor = small(task)
    past = [e for e in journal(Random(11), task, monitor.config_hash, 700) if e["kind"] != "deploy"]
    future = past[-40:]
    play(monitor, [{"kind": "config", "config_hash": monitor.config_hash, "at": T}, *past], 0)
    state = ormsgpack.unpackb(ormsgpack.packb(monitor.state()))
    fresh, tried = small(task), {True: 0, False: 0}
    new_state = fresh.state()
    for variant in variants(state):
        try:
            records = forged(variant, monitor)
        except TypeError:  # beyond MessagePack
            continue
        found = load(records, fresh)
        tried[found == MARK] += 1
        if found == MARK:
            play(fresh, future, 1000)
            known = [v for v in fresh.values(tuple(fresh.getters)).values() if v is not None]
            assert all(map(math.isfinite, known)), variant
            assert all(map(math.isfinite, numbers(ormsgpack.unpackb(ormsgpack.packb(fresh.state()))))), variant
            dump(fresh)
            fresh.reset()
        else:
            assert found is Refusal.DAMAGED
            assert fresh.state() == new_state
    assert min(tried.values()) > 100, tried


def test_forged_bytes_of_an_adwin_are_refused_or_harmless() -> None:
    """Any byte of river's own state may be wrong: nothing panics, now or later, and no sum becomes NaN."""
    detector: Any = build(Adwin(clock=1))
    rng = Random(2)
    for _ in range(400):
        detector.update(float(rng.random() < 0.3))
    state = detector.state()
    blob, refused = state[-1][1], 0
    for place in range(len(blob)):
        for flip in (1, 0x80, 0xFF):
            wrong = bytearray(blob)
            wrong[place] ^= flip
            forged: Any = build(Adwin(clock=1))
            try:
                forged.restore([*state[:-1], [state[-1][0], bytes(wrong)]])
            except BadState:
                refused += 1
                continue
            for n in range(70):
                forged.update(float(n % 2))
            assert all(v is None or math.isfinite(v) for v in forged.evidence().values())
    assert refused > 500


def test_a_panic_in_river_is_no_end_of_the_process(monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    """Should another river read other bytes: its panic, which is no Exception, is told as a state that is no good."""
    from streamproc.monitor import river_state

    monkeypatch.setattr(river_state, "_check_adwin", lambda *_: None)
    detector: Any = build(Adwin())
    *latch, (drifted, blob) = detector.state()
    with pytest.raises(BadState, match="ADWIN"):
        detector.restore([*latch, [drifted, blob[:50]]])
    assert "panicked" in capfd.readouterr().err


@pytest.mark.parametrize(
    "damage",
    [
        functools.partial(forged_bytes, b""),
        functools.partial(forged_bytes, b"\xc1"),
        functools.partial(forged_bytes, b"\x91" * 5000),
        functools.partial(forged_bytes, b"\xdd\xff\xff\xff\xff"),
        functools.partial(forged_bytes, zlib.compress(b"\xc1"), deflated=True),
        functools.partial(forged_bytes, b"no zlib", deflated=True),
        functools.partial(forged_bytes, zlib.compress(bytes(5000))[:-1], deflated=True),
        functools.partial(forged_bytes, b"\xc0", parts=2**53),
    ],
)
def test_forged_payloads_are_damage(damage: Callable[[ModelMonitor], Records]) -> None:
    """What is no MessagePack, nested without end, said to be long, or no zlib."""
    assert load(damage(new()), new()) is Refusal.DAMAGED


def test_a_state_that_would_fill_the_memory_is_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few bytes that say they are a gigabyte are not unpacked to the end."""
    monkeypatch.setattr(snapshot, "LARGEST_STATE", 100_000)
    assert load(forged_bytes(zlib.compress(bytes(10**7)), new(), deflated=True), new()) is Refusal.DAMAGED


def test_a_state_beyond_the_largest_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is rebuilt from the journal."""
    monkeypatch.setattr(snapshot, "LARGEST_STATE", 100)
    assert dump(lived()) == []


@pytest.mark.parametrize("body", [[], [1] * 9, ["j", "r", "c", [0, 0], 1, b"", False, 0, b""], None, {"a": 1}])
def test_a_forged_envelope_is_damage(body: Any) -> None:
    """Right checksum, wrong contents."""
    key, packed = model_key("model", 0), ormsgpack.packb(body)
    prefix = envelope._PREFIX.pack(b"spst", envelope.FORMAT, envelope._checksum(key, envelope.FORMAT, packed))
    assert unseal(key, prefix + packed) is Refusal.DAMAGED
