"""How often a policy was right: by the gate, and by labels that were revised later."""

from __future__ import annotations

from typing import Any

from streamproc.config.model import Model
from streamproc.monitor.model import ModelMonitor

T = 1_780_000_000_000


def fired(wrong: int = 60, **policy: Any) -> ModelMonitor:
    """A monitor whose policy has fired on 100 outcomes, so many of them wrong."""
    settings = {"name": "p", "condition": "accuracy < 0.5", "min_outcomes": 100, **policy}
    monitor = ModelMonitor("m", Model.model_validate({"min_samples": 10, "window": 100, "policies": [settings]}))
    monitor.configured(monitor.config_hash, T)
    for n in range(100):
        for note in monitor.outcome(outcome(n, label=int(n >= wrong)), n, T + 1000):
            if note.fires:
                monitor.raised(note, "trg_1")
    assert monitor.trigger_id == "trg_1"
    return monitor


def outcome(n: int, label: int, **more: Any) -> dict[str, Any]:
    common = {"prediction_id": str(n), "time": T + n, "label_time": T + n, "model_version": "v1"}
    return {**common, "prediction": 1, "label": label, **more}


def revise(monitor: ModelMonitor, first: int, count: int, **more: Any) -> list[Any]:
    """Answers that were called wrong were right after all."""
    records = [outcome(n, 1, revises=0, **more) for n in range(first, first + count)]
    return [note for record in records for note in monitor.outcome(record, 200, T + 5000)]


def end(monitor: ModelMonitor, status: str) -> list[Any]:
    event = {"status": status, "model_version": "v2", "time": T + 2000, "trigger_id": "trg_1"}
    return [note for note in monitor.deploy(event, T + 2000) if note.verdict == "judged"]


def test_the_gate_judges() -> None:
    """Rejected: false. Deployed: true. Failed: nobody knows."""
    rejected, deployed, failed = fired(), fired(), fired()
    (note,) = end(rejected, "rejected")
    assert (note.policy, note.trigger_id, rejected.ledger.precision()) == ("p", "trg_1", {"p": 0.0})
    assert "0 of 1 judged triggers of p were true" in note.reason
    (note,) = end(deployed, "deployed")
    assert (note.rule, deployed.ledger.precision()) == ("gate", {"p": 1.0})
    assert (end(failed, "failed"), failed.ledger.precision()) == ([], {})


def test_revised_labels_prove_a_trigger_false() -> None:
    """60 of 100 were wrong. After ten revisions accuracy is 0.5, which is not below 0.5: told once, precision falls."""
    monitor = fired()
    end(monitor, "deployed")
    assert revise(monitor, 0, 9) == []
    (note,) = revise(monitor, 9, 1)
    assert (note.verdict, note.rule, note.policy, note.trigger_id) == ("revised", "revision", "p", "trg_1")
    assert "50 of 100 answers were wrong" in note.reason
    assert monitor.ledger.precision() == {"p": 0.0}
    assert revise(monitor, 10, 20) == []


def test_revisions_from_elsewhere_change_nothing() -> None:
    """Of another version, from before the window, or of a label that makes no difference."""
    monitor = fired()
    end(monitor, "deployed")
    assert revise(monitor, 0, 50, model_version="v2") == []
    assert revise(monitor, -1000, 50) == []
    for n in range(50):
        assert list(monitor.outcome(outcome(n, 2, revises=0), 300, T + 5000)) == []
    assert monitor.ledger.precision() == {"p": 1.0}


def test_a_condition_that_labels_do_not_decide_is_judged_by_the_gate_alone() -> None:
    """There is nothing in it to correct."""
    monitor = fired(condition="outcomes >= 100")
    end(monitor, "deployed")
    assert revise(monitor, 0, 60) == []


def test_what_a_person_asked_for_is_no_policys_merit() -> None:
    """Manual triggers and schedules are not judged."""
    monitor = ModelMonitor("m", Model())
    monitor.configured(monitor.config_hash, T)
    (note,) = monitor.command({"command_id": "c", "command": "trigger", "time": T}, T)
    monitor.raised(note, "trg_1")
    assert end(monitor, "deployed") == []
