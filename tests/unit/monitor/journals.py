"""Seeded journals of one model in which everything happens, and how a monitor lives through them.

Only `Random.random` is drawn from: it gives the same numbers in every version of Python, and golden files rest on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from streamproc.config.model import Model
from streamproc.config.policies import Budget, Incidents
from streamproc.monitor.evidence import data_window, evidence
from streamproc.monitor.model import ModelMonitor
from streamproc.monitor.names import METRICS
from streamproc.monitor.notes import Notes
from streamproc.monitor.sharing import SharingRules

T = 1_780_000_000_000
ORIGIN = "journal/0"
TASKS = ("binary", "multiclass", "regression")
CLASSES = ("a", "b", 3, 4.5, True)
_METRIC = {"binary": "f1 < 0.3 or log_loss > 2", "multiclass": "f1 < 0.2 or accuracy < 0.1", "regression": "rmse > 4"}
_SIGNALS = ("error", "loss", "score", "prediction", "feature.x")

Event = dict[str, Any]

WINDOWS = ({"outcomes": 300}, {"since": "change_point"}, {"since": "last_deploy"}, {"period": "1h"})
"""Every way in which a retrain may ask for rows: the monitor remembers where each begins."""


def model(task: str) -> Model:
    """Every detector on every signal, every metric, drift, outside numbers, and policies with all their guards."""
    adwins = {f"adwin_{s}".replace(".", "_"): {"type": "adwin", "signal": s, "clock": 8} for s in _SIGNALS}
    sums = {
        f"sum_{n}_{direction}": {
            "type": "page_hinkley",
            "signal": signal,
            "direction": direction,
            "min_instances": 20,
            "threshold": 3,
        }
        for n, signal in enumerate(_SIGNALS)
        for direction in ("up", "down", "both")
    }
    others: dict[str, Any] = {
        **{t: {"type": t} for t in ("ddm", "eddm", "fhddm", "hddm_a", "hddm_w")},
        "kswin": {"type": "kswin", "signal": "feature.x", "window_size": 60, "stat_size": 20},
        "cusum": {"type": "cusum", "reference": 50, "threshold": 5},
        "ewma": {"type": "ewma", "min_instances": 50, "threshold": 3},
        "own": {"type": "custom", "class": "tests.unit.monitor.mean_shift:MeanShift"},
        "place": {"type": "adwin", "signal": "surprise.place"},
        "all": {"type": "page_hinkley", "signal": "features", "min_instances": 20},
        "late": {"type": "adwin", "signal": "label_delay"},
        "gone": {"type": "hddm_a", "signal": "missing"},
    }
    own = "mae > 3" if task == "regression" else "error_rate > 0.45"
    every = sorted({m.name for m in METRICS if task in m.tasks and m.of != "drift"})
    every += ["missing.x", "unseen.place", "out_of_range.x"]
    every += [f"{name}.hour" for name in ("label_delay_p50", "rmse" if task == "regression" else "accuracy")]
    policies = [
        {"name": "measured", "condition": " or ".join(f"{name} == -0.5" for name in every)},
        {"name": "worse", "condition": f"{own} and ({_METRIC[task]})", "cooldown": "20m", "min_outcomes": 30},
        {"name": "changed", "condition": "adwin_error or sum_0_up or drift > 1.5", "cooldown": "1h"},
        {"name": "outside", "condition": "quality < 0.2 or data_volume_increase > 2", "schedule": {"cron": "@hourly"}},
        {"name": "scheduled", "schedule": {"cron": "*/30 * * * *"}, "min_outcomes": 10},
        {
            "name": "careful",
            "condition": own,
            "hold_for": "30s",
            "hold_outcomes": 5,
            "clear": "outcomes > 80",
            "arm": "drift > 0.5",
            "armed_for": "20m",
            "veto": "quality < 0.15",
            "exclude": [{"cron": "0 * * * *", "duration": "5m"}],
        },
        {"name": "asking", "condition": own, "approval": "required", "approval_expires": "10m", "cooldown": "5m"},
        {"name": "dry", "condition": own, "dry_run": True, "cooldown": "2m"},
        {"name": "apart", "condition": f"{own} or adwin_error or outcomes > 60", "per_segment": True, "cooldown": "5m"},
    ]
    return Model.model_validate(
        {
            "task": task,
            "window": 60,
            "min_samples": 20,
            "metric_windows": {"hour": {"outcomes": 80, "period": "10m"}},
            "label_horizon": "20m",
            "volume_period": "10m",
            "detectors": adwins | sums | others,
            "drift": {"signals": ("feature.x", "feature.place", "score", "prediction"), "reference": 50, "window": 50},
            "external_metrics": ("quality", "other"),
            "policies": policies,
            "budget": {"triggers": 9, "period": "1h"},
            "segment_by": ("place",),
            "max_segments": 2,
            "warm_up": 15,
            "retrain_timeout": "2h",
            "acknowledge_within": "10m",
            "probation": {"outcomes": 60, "duration": "1h", "alpha": 0.2, "tolerance": 0.01},
            "retrain": {"function": "any:thing", "side_by_side": WINDOWS},
        }
    )


SHARED = SharingRules(Budget(triggers=5, period="30m"), Incidents(models=2, within="5m", lasts="10m"))  # type: ignore[arg-type]


def monitor_of(task: str, model_id: str = "model") -> ModelMonitor:
    """A monitor of that model, that shares a budget and incidents with others."""
    return ModelMonitor(model_id, model(task), SHARED)


def journal(rng: Random, task: str, own_hash: str, count: int) -> list[Event]:
    """So many records, most of them outcomes; `at` is when each was written."""
    life = _Life(rng, task, own_hash)
    return [life.next() for _ in range(count)]


def play(monitor: ModelMonitor, events: Sequence[Event], first: int) -> list[Any]:
    """What a monitor says of these records, with the evidence, as the stage would ask; `first`: their first offset."""
    return [said for n, event in enumerate(events, first) for said in _step(monitor, event, n)]


def _notes(monitor: ModelMonitor, event: Event, offset: int) -> Notes:  # noqa: PLR0911 - one for each kind
    now = event["at"]
    match event["kind"]:
        case "outcome":
            return monitor.outcome(event, offset, now)
        case "prediction":
            return monitor.prediction(event, now)
        case "metric":
            return monitor.metric(event, now)
        case "command":
            return monitor.command(event, now)
        case "deploy":
            return monitor.deploy(event, now)
        case "config":
            return monitor.configured(event["config_hash"], now)
        case "claim":
            return monitor.claimed(event, f"incident-{offset}", now)
        case _:
            return monitor.tick(event["time"], now)


def _step(monitor: ModelMonitor, event: Event, offset: int) -> list[Any]:
    now, said = event["at"], []
    for note in _notes(monitor, event, offset):
        if note.claims is not None:
            claim = {"kind": "claim", "at": now, "model_id": monitor.model_id, "number": note.claims, "time": now}
            said += _step(monitor, claim, offset)
            continue
        if note.fires:
            monitor.raised(note, f"trigger-{offset}")
        if note.verdict == "awaiting_approval":
            monitor.asked_for(note, f"request-{offset // 50}")
        about, data = evidence(monitor, note.policy, note.segment), data_window(monitor, "journal", 0, offset)
        said.append([offset, *note, about.model_dump(mode="json"), data.model_dump(mode="json")])
    return said


class _Life:
    """What goes on around one model: good and bad times, versions, people."""

    def __init__(self, rng: Random, task: str, own_hash: str) -> None:
        self._rng, self._task, self._own_hash = rng, task, own_hash
        self._now, self._number = T, 0
        self._bad = False
        self._version = 1
        self._weighted = False

    def next(self) -> Event:
        self._number += 1
        self._now += int(self._draw(0, 12_000))
        if self._happens(0.004):
            self._now += int(self._draw(0, 5_400_000))
        if self._happens(0.01):
            self._bad = not self._bad
        if self._happens(0.004):
            self._weighted = not self._weighted
        kinds = [self._outcome] * 60 + [self._prediction] * 25 + [self._tick] * 6
        kinds += [self._metric, self._metric, self._command, self._deploy, self._config, self._claim]
        event: Event = self._one(kinds)()
        return event

    def _happens(self, share: float) -> bool:
        return self._rng.random() < share

    def _draw(self, low: float, high: float) -> float:
        return low + (high - low) * self._rng.random()

    def _one(self, of: Sequence[Any]) -> Any:
        return of[int(self._rng.random() * len(of))]

    def _record(self, kind: str, **more: Any) -> Event:
        return {"kind": kind, "at": self._now, "model_id": "model", **more}

    def _answer(self) -> Event:
        """As JSON has it: what is not known is left out. Scores are of few values: logarithms of others may differ."""
        answer: Event = {"prediction_id": f"p{self._number}", "time": self._now - int(self._draw(0, 300_000))}
        if self._happens(0.95):
            answer["model_version"] = f"v{self._version + (1 if self._happens(0.04) else 0)}"
        if self._task == "regression":
            answer["prediction"] = self._draw(-3, 3)
        else:
            answer["prediction"] = self._one((0, 1) if self._task == "binary" else CLASSES)
        if self._happens(0.9):
            answer["score"] = self._one((0.125, 0.25) if self._bad else (0.25, 0.5))
        if self._task == "multiclass" and self._happens(0.9):
            answer["scores"] = {"a": 0.5, "b": 0.25, "3": 0.25, "4.5": 0.5}
        if self._task == "regression" and self._happens(0.9):
            answer |= {"lower": answer["prediction"] - 1, "upper": answer["prediction"] + self._draw(0, 2)}
        if self._weighted and self._happens(0.9):
            answer["weight"] = self._one((0.0, 0.5, 2.0))
        place = self._one(("u", "v") if self._bad else ("u", "v", "w", "x", "y"))
        answer["features"] = {"x": self._draw(0, 9 if self._bad else 3), "place": place}
        return answer

    def _outcome(self) -> Event:
        answer = self._answer()
        label = self._other_than(answer) if self._happens(0.6 if self._bad else 0.05) else answer["prediction"]
        more = {"revises": label} if self._happens(0.02) else {}
        label_time = self._now + int(self._draw(-90_000, 60_000))
        return self._record("outcome", **answer, label=label, label_time=label_time, **more)

    def _other_than(self, answer: Event) -> Any:
        match self._task:
            case "binary":
                return 1 - answer["prediction"]
            case "multiclass":
                return self._one(CLASSES)
        return answer["prediction"] + self._draw(-6, 6)

    def _prediction(self) -> Event:
        return self._record("prediction", **self._answer())

    def _tick(self) -> Event:
        return self._record("tick", time=self._now - self._now % 60_000)

    def _metric(self) -> Event:
        metrics = {"quality": self._draw(0.1, 1), "undeclared": 1.0, "other": self._draw(-1, 1)}
        return self._record("metric", metrics=metrics, time=self._now)

    def _command(self) -> Event:
        command = self._one(("trigger", "trigger", "pause", "resume", "resume", "snooze", "approve", "deny"))
        command_id = f"c{int(self._draw(0, self._number))}"
        until = {"until": self._now + 600_000} if command == "snooze" else {}
        request = {"request": f"request-{self._number // 50}"} if command in ("approve", "deny") else {}
        return self._record("command", command=command, command_id=command_id, time=self._now, **until, **request)

    def _deploy(self) -> Event:
        status = self._one(("started", "rejected", "failed", "deployed", "rolled_back", "confirmed"))
        if self._number % 4 == 0:
            status = {"failed": "superseded", "confirmed": "waiting"}.get(status, status)
        if status in ("deployed", "rolled_back"):
            self._version += 1
        more: Event = {"deploy_id": f"d{int(self._draw(0, self._number))}"} if self._happens(0.5) else {}
        if status == "deployed" and self._happens(0.5):
            more |= {"reference": self._reference()}
        if status in ("deployed", "rolled_back") and self._happens(0.7):
            more |= {"artifact": {"uri": f"v{self._version}", "sha256": None, "bytes": self._number}}
        version = f"v{self._version}"
        return self._record("deploy", status=status, model_version=version, time=self._now, reason=None, **more)

    def _claim(self) -> Event:
        return self._record("claim", number=int(self._draw(0, 5)), time=self._now) | {"model_id": "another"}

    def _reference(self) -> Event:
        x: Event = {"edges": [0.5, 1.0, 2.0], "counts": [10, 20, 20, 10], "low": 0.0, "high": 3.0}
        place: Event = {"values": {"u": 30, "v": 30}}
        return {"rows": 60, "signals": {"feature.x": x, "feature.place": place}}

    def _config(self) -> Event:
        own = self._own_hash if self._happens(0.8) else "another"
        return self._record("config", config_hash=own, time=self._now)
